"""Visits of the privacy centre: a person proves a contact point by what was sent there.

1. invite      a code and a link go to the address that was given, whoever that is: what comes back never
               says whether the address is known here
2. confirm     by the code, tried five times at most, or by following the link: either ends both; where too many codes
               are wrong in a workspace, whoever they were for, none is heard for a while, and links alone open
3. visit       for half an hour; who the visitor is lies sealed under a key that only their browser holds
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import BoundedSemaphore

import orjson

from registry.connectors.mail import Mailer
from registry.dsr.verification import Means
from registry.flows.access.sessions import require_try
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys import visits as keys
from registry.keys.credentials import hash_key, mint_key
from registry.model.accounts import Visit
from registry.model.clock import DAY, SECOND, Micros
from registry.model.errors import InvalidInput, Overloaded, Unauthenticated
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.store import accounts, requests
from registry.store.database import Transaction

PREFIX = "rg_visit"

OPEN = frozenset({"open"})
"""Visits of somebody who proved a contact point: they open everything that a person may see and ask for."""

OPENS_CHOICES = frozenset({"open", "choices"})
"""Visits that open the choices: those, and the links that an app asked for."""

CODE_FOR: Micros = 15 * 60 * SECOND
VISIT_FOR: Micros = 30 * 60 * SECOND
HOUR: Micros = 3600 * SECOND
WRONG_AN_HOUR = 500
"""Wrong codes within an hour, in a whole workspace, after which none is heard until the hour is over: who guesses the
codes of many addresses has one chance in 2,000 an hour, and ten thousand people who sign in mistype no more."""
LETTERS_AT_ONCE, RETRY_S = 8, 10
"""Letters that one server process hands over at the same time: a mail server that hangs must not take every thread."""
REQUESTS_SHOWN = 50
ACTOR = "app:privacy centre"
"""Who acts, in the audit log, when a person acts here: never the person."""


_SENDING = BoundedSemaphore(LETTERS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to prove a contact point: `{code}` and `{link}` are filled in.

    Attributes:
        link: the address that the link's token is appended to; None leaves the link and its paragraph out.
    """

    subject: str
    text: str
    with_link: str
    link: str | None


def invite(deployment: Deployment, workspace: OpenWorkspace, mailer: Mailer, person: Identifier, letter: Letter) -> str:
    """Send a code, and a link, to an e-mail address; the token for the cookie of whoever asked.

    Raises:
        InvalidInput: it is no e-mail address.
        Overloaded: too many were sent to this address, or too many are being sent.
        LinkedSystemUnavailable: the mail could not be handed over.
    """
    if person.kind != "email":
        raise InvalidInput("a code is sent to an e-mail address", pointer="/subject/kind")
    if not _SENDING.acquire(blocking=False):
        raise Overloaded(f"{LETTERS_AT_ONCE} letters are being sent", retry_after_s=RETRY_S)
    try:
        return _invited(deployment, workspace, mailer, person, letter)
    finally:
        _SENDING.release()


def _invited(
    deployment: Deployment, workspace: OpenWorkspace, mailer: Mailer, person: Identifier, letter: Letter
) -> str:
    now, code = deployment.clock(), keys.new_code()
    with deployment.data.write(workspace.workspace_id) as transaction:
        target = workspace.indexer.lasting("@invite", person.value)
        require_try(transaction, workspace.workspace_id, target, now)
        accounts.count_try(transaction, workspace.workspace_id, target, now)
        (token, by_code), (link, by_link) = mint_key(PREFIX), mint_key(PREFIX)
        _keep(transaction, workspace, token, person, "code", now, CODE_FOR, code=code, more=by_link.hex())
        _keep(transaction, workspace, link, person, "link", now, CODE_FOR, more=by_code.hex())
    text = letter.text.format(code=f"{code[:3]} {code[3:]}")
    if letter.link is not None:
        text += letter.with_link.format(link=letter.link + link)
    mailer.send(person.value, letter.subject, text)
    return token


def confirm(deployment: Deployment, workspace: OpenWorkspace, token: str, code: str) -> str:
    """The visit that a code opens; its token is another than that of the invitation.

    Raises:
        Unauthenticated: the code is wrong, or too old.
        Overloaded: it was tried too often, or too many were wrong of late.
    """
    workspace_id, now, visit_hash = workspace.workspace_id, deployment.clock(), hash_key(token)
    target = workspace.indexer.lasting("@code", visit_hash.hex())
    wrong = workspace.indexer.lasting("@wrong codes", str(now // HOUR))
    with deployment.data.write(workspace_id) as transaction:
        row = accounts.visit(transaction, workspace_id, visit_hash)
        if row is None or row.kind != "code" or row.code_hash is None or row.expires_at <= now:
            raise Unauthenticated("the code is no longer valid", hint="ask for a new one")
        if accounts.tries(transaction, workspace_id, wrong).tries >= WRONG_AN_HOUR:
            raise Overloaded("too many codes were wrong", retry_after_s=-(-(HOUR - now % HOUR) // SECOND))
        require_try(transaction, workspace_id, target, now)
        accounts.count_try(transaction, workspace_id, target, now)
        is_right = keys.is_code(token, row.code_hash, code)
        if not is_right:
            accounts.count_try(transaction, workspace_id, wrong, now)
    if not is_right:
        raise Unauthenticated("the code is wrong", hint="look at the newest message, or ask for a new code")
    return _exchange(deployment, workspace, token, row, Means.CODE)


def follow(deployment: Deployment, workspace: OpenWorkspace, token: str) -> str:
    """The visit that a link opens, once.

    Raises:
        Unauthenticated: the link was followed before, or is too old.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        row = accounts.visit(transaction, workspace.workspace_id, hash_key(token))
    if row is None or row.kind != "link" or row.expires_at <= deployment.clock():
        raise Unauthenticated("the link is no longer valid", hint="ask for a new one")
    return _exchange(deployment, workspace, token, row, Means.LINK)


def vouch(
    transaction: Transaction, workspace: OpenWorkspace, person: Identifier, now: Micros, lifetime_s: int
) -> tuple[str, Micros]:
    """A token that opens the choices of a person whom somebody else vouches for, and until when it does."""
    lasts = lifetime_s * SECOND
    token, _ = mint_key(PREFIX)
    _keep(transaction, workspace, token, person, "choices", now, lasts)
    return token, now + lasts


def is_token(text: str) -> bool:
    """Whether this is a token of a visit by its form."""
    return text.startswith(f"{PREFIX}_")


def visitor(deployment: Deployment, workspace: OpenWorkspace, token: str, kinds: frozenset[str] = OPEN) -> Identifier:
    """Who is visiting, by a visit of one of these kinds.

    Raises:
        Unauthenticated: the visit has ended, or never was confirmed.
    """
    return _visitor(workspace, token, _visit(deployment, workspace, token, kinds))


def means_of(deployment: Deployment, workspace: OpenWorkspace, token: str) -> Means:
    """By which means the visitor has proved their mailbox.

    Raises:
        Unauthenticated: the visit has ended, or never was confirmed.
    """
    told = _told(workspace, token, _visit(deployment, workspace, token, OPEN))
    return Means(told[2]) if len(told) > 2 else Means.CODE  # a visit that was opened by the program before this one


def leave(deployment: Deployment, workspace: OpenWorkspace, token: str) -> None:
    """End a visit."""
    with deployment.data.write(workspace.workspace_id) as transaction:
        accounts.close_visit(transaction, workspace.workspace_id, hash_key(token))


def requests_of(deployment: Deployment, workspace: OpenWorkspace, person: Identifier) -> list[StoredRequest]:
    """The requests that were opened for this contact point, newest first."""
    pseudonym = workspace.suppression.key(person.kind, person.value).hex()
    with deployment.data.read(workspace.workspace_id) as transaction:
        return requests.of_pseudonym(transaction, workspace.workspace_id, pseudonym, REQUESTS_SHOWN)


def _exchange(deployment: Deployment, workspace: OpenWorkspace, token: str, row: Visit, means: Means) -> str:
    """A confirmed visit in place of what confirmed it, which works once; the other half of its letter ends, too."""
    now = deployment.clock()
    kind, value, *of_letter = _told(workspace, token, row)
    person, (opened, _) = Identifier(kind, value), mint_key(PREFIX)
    with deployment.data.write(workspace.workspace_id) as transaction:
        both = sorted({row.visit_hash, *map(bytes.fromhex, of_letter)})  # in one order, so that two wait for no other
        ended = {one for one in both if accounts.close_visit(transaction, workspace.workspace_id, one)}
        if row.visit_hash not in ended:
            raise Unauthenticated("it was used before", hint="ask for a new one")
        target = workspace.indexer.lasting("@invite", person.value)
        accounts.forget_tries(transaction, workspace.workspace_id, target, now - DAY)
        _keep(transaction, workspace, opened, person, "open", now, VISIT_FOR, more=means.value)
    return opened


def _keep(
    transaction: Transaction,
    workspace: OpenWorkspace,
    token: str,
    person: Identifier,
    kind: str,
    now: Micros,
    lasts: Micros,
    *,
    code: str | None = None,
    more: str | None = None,
) -> None:
    digest = hash_key(token)
    told = [person.kind, person.value, *([more] if more is not None else [])]
    sealed = keys.seal_visitor(token, workspace.workspace_id, digest, orjson.dumps(told))
    kept = keys.code_hash(token, code) if code is not None else None
    row = Visit(workspace.workspace_id, digest, kind, sealed, kept, now + lasts)
    accounts.open_visit(transaction, row, now)


def _visit(deployment: Deployment, workspace: OpenWorkspace, token: str, kinds: frozenset[str]) -> Visit:
    with deployment.data.read(workspace.workspace_id) as transaction:
        row = accounts.visit(transaction, workspace.workspace_id, hash_key(token))
    if row is None or row.kind not in kinds or row.expires_at <= deployment.clock():
        raise Unauthenticated("the visit has ended", hint="ask for a new code")
    return row


def _visitor(workspace: OpenWorkspace, token: str, row: Visit) -> Identifier:
    kind, value, *_ = _told(workspace, token, row)
    return Identifier(kind, value)


def _told(workspace: OpenWorkspace, token: str, row: Visit) -> list[str]:
    """What a visit seals: the visitor's kind and value, and one thing more.

    That is, once it is open, by which means they came in; before, which visit the letter's other half waits for.
    """
    sealed = keys.open_visitor(token, workspace.workspace_id, row.visit_hash, row.visitor_sealed)
    told: list[str] = orjson.loads(sealed)
    return told
