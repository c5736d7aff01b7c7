"""Links that a person fetches their package by: for one request and its requester, for a time, so often, and logged.

1. make     a token of 256 random bits is shown once; its hash is kept, with the request and its pseudonym
2. begin    each try is entered in the audit log before anything is written; tries that end nowhere are slowed down
3. count    when all but the last bytes have been sent: so many whole packages a link gives, and no more
4. end      one that broke off, before that or after, is not counted, and may be begun again

A link may go by letter (`mailing`), and is then made when the letter is sent.
A link is withdrawn when the person is erased: what it led to is gone by then, too.
"""

from __future__ import annotations

from typing import NamedTuple

from registry.dsr.notices import Notice
from registry.flows.access.sessions import require_try
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import reference
from registry.flows.dsr.history import require
from registry.flows.workspace import OpenWorkspace
from registry.keys.credentials import hash_key, mint_key
from registry.model.accounts import PackageLink
from registry.model.clock import DAY, Micros
from registry.model.errors import InvalidInput, NotFound, Unauthenticated
from registry.model.ids import RequestId, text_id
from registry.model.stored import StoredRequest
from registry.store import accounts, intake, package_links, requests
from registry.store.database import Transaction

PREFIX = "rg_package"
DAYS, MOST_DAYS = 7, 30
FETCHES, MOST_FETCHES = 1, 5
ACTOR = "app:package link"
"""Who acts, in the audit log, when a person follows a link: never the person."""
OVER = "the link is no longer valid"


class Made(NamedTuple):
    """A new link: its token, shown once, until when it leads anywhere, and how often."""

    token: str
    expires_at: Micros
    fetches: int


def make(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    *,
    actor: str,
    days: int = DAYS,
    fetches: int = FETCHES,
) -> Made:
    """Make a link to the package of a completed request.

    Raises:
        NotFound: there is no such request.
        Conflict: it has no package.
        InvalidInput: it would last too long, or could be followed too often.
    """
    check(days, fetches)
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
    reference.scope_of(deployment, workspace, request)
    token, digest = mint_key(PREFIX)
    now = deployment.clock()
    link = PackageLink(
        workspace.workspace_id, digest, request_id, request.pseudonym, actor, now, now + days * DAY, fetches
    )
    with deployment.data.write(workspace.workspace_id) as transaction:
        package_links.add(transaction, link, now)
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="dsr:package:linked", outcome="made",
            fields={"request": text_id(request_id), "days": days, "fetches": fetches},
        )  # fmt: skip
    return Made(token, link.expires_at, fetches)


def check(days: int, fetches: int) -> None:
    """Hold what is asked of a link against what one may be.

    Raises:
        InvalidInput: it would last too long, or could be followed too often.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"a link lasts 1 to {MOST_DAYS} days", pointer="/days")
    if not 1 <= fetches <= MOST_FETCHES:
        raise InvalidInput(f"a link is followed 1 to {MOST_FETCHES} times", pointer="/fetches")


def path_of(workspace: OpenWorkspace, token: str) -> str:
    """The path, below the server's address, of the page that a link leads to."""
    return f"/privacy/{text_id(workspace.workspace_id)}/fetch/{token}"


class Fetch:
    """One try to fetch a package by a link.

    Args:
        token: the link's.
    """

    def __init__(self, deployment: Deployment, workspace: OpenWorkspace, token: str) -> None:
        self._deployment = deployment
        self._workspace = workspace
        self._link_hash = hash_key(token)
        self._request: StoredRequest | None = None
        self._is_counted = False

    def begin(self) -> StoredRequest:
        """The request whose package the link leads to, once the try has been logged.

        Raises:
            Unauthenticated: there is no such link, it was used up, its time is over, or it is another's.
            Overloaded: too many tries of it broke off lately.
        """
        workspace_id, now = self._workspace.workspace_id, self._deployment.clock()
        with self._deployment.data.write(workspace_id) as transaction:
            link = package_links.get(transaction, workspace_id, self._link_hash)
            request = requests.get(transaction, workspace_id, link.request_id) if link is not None else None
            is_theirs = link is not None and request is not None and request.pseudonym == link.pseudonym
            if link is None or request is None or not is_theirs or not _leads(link, now):
                raise Unauthenticated(OVER, hint="ask for a new one")
            require_try(transaction, workspace_id, self._target, now)
            accounts.count_try(transaction, workspace_id, self._target, now)
            self._request = request
            self._log(transaction, "begun", link.fetches_left)
        return request

    def count(self) -> None:
        """Count a whole package: called when all but its last bytes have been sent, also if the time is over by then.

        Raises:
            Unauthenticated: the link was used up or withdrawn meanwhile.
        """
        workspace_id, now = self._workspace.workspace_id, self._deployment.clock()
        with self._deployment.data.write(workspace_id) as transaction:
            left = package_links.count(transaction, workspace_id, self._link_hash)
            if left is None:
                raise Unauthenticated(OVER, hint="ask for a new one")
            accounts.forget_tries(transaction, workspace_id, self._target, now - DAY)
            self._log(transaction, "given", left)
        self._is_counted = True

    def break_off(self) -> None:
        """Note that the package did not come to its end with whoever fetched it: it counts for nothing."""
        with self._deployment.data.write(self._workspace.workspace_id) as transaction:
            if self._is_counted:
                package_links.give_back(transaction, self._workspace.workspace_id, self._link_hash)
            self._log(transaction, "broken")

    @property
    def _target(self) -> bytes:
        return self._workspace.indexer.lasting("@package", self._link_hash.hex())

    def _log(self, transaction: Transaction, outcome: str, left: int | None = None) -> None:
        assert self._request is not None, "nothing was begun"
        fields: dict[str, int | str] = {"request": text_id(self._request.request_id)}
        trail.append(
            transaction, self._workspace.workspace_id, self._deployment.clock(), actor=ACTOR,
            action="dsr:package:fetched", outcome=outcome, fields=fields | ({} if left is None else {"left": left}),
        )  # fmt: skip


def is_open(deployment: Deployment, workspace: OpenWorkspace, token: str) -> bool:
    """Whether a link leads anywhere now; looking counts for nothing."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        link = package_links.get(transaction, workspace.workspace_id, hash_key(token))
    return link is not None and _leads(link, deployment.clock())


def _leads(link: PackageLink, now: Micros) -> bool:
    return link.fetches_left > 0 and link.expires_at > now


def withdraw(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str) -> int:
    """Let no link of a request lead anywhere any more, and none go by a letter that waits; how many there were.

    Raises:
        NotFound: there is none.
    """
    now = deployment.clock()
    given = workspace.workspace_id, request_id
    with deployment.data.write(workspace.workspace_id) as transaction:
        count = package_links.withdraw(transaction, *given)
        count += intake.give_up_letters(transaction, *given, Notice.PACKAGE.value, now)
        if not count:
            raise NotFound("there is no link to this package")
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="dsr:package:linked",
            outcome="withdrawn", fields={"request": text_id(request_id), "links": count},
        )  # fmt: skip
    return count
