"""Letters about requests: written in the transaction of what they tell of, sent later, until they are taken.

1. write     a row says which letter, about which request, to whom; where a request is about to be forgotten, the
             addresses are sealed under a key of the letter's own
2. send      by one process at a time; what is secret in it is made now (`enclosed`), so that it waits nowhere
3. note      sent, or that there is no mailbox, or tried again later; the letter's key is destroyed

Sending comes after the answer to whoever asked: how long it takes, and whether there is a mailbox, tells them nothing.
Killed between 2 and 3, the letter is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from registry.dsr.notices import Notice, Outcome, To, letter
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.flows.acts.outbox import AT_ONCE
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts, enclosed, reference
from registry.flows.dsr.history import add_to_history, require, taken
from registry.flows.outgoing.endpoints import ATTEMPTS, forget_config, open_config, seal_config, wait_after, waits
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import Forgotten, KeyMissing, LinkedSystemUnavailable, RequestDamaged, SealBroken
from registry.model.ids import FragmentId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_intake import Letter
from registry.store import intake, requests
from registry.store.database import Transaction

PAGE = 50
REGISTRY = "registry"
NOTIFY, ACKNOWLEDGE = "notify", "acknowledge"
ENCLOSING = frozenset({Notice.CHALLENGE, Notice.PACKAGE})
"""Letters that hold a secret, made when they are sent: they go to one mailbox."""


def add(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    notice: Notice,
    to: To,
    details: Mapping[str, str] | None = None,
    *,
    is_last: bool = False,
) -> None:
    """Note that a letter is to be sent, inside the caller's transaction.

    Args:
        details: what the letter's text holds beside the request's kind, id and times; nothing personal.
        is_last: the request's person is forgotten after this, so where the letter goes is sealed now.

    Raises:
        KmsUnavailable, SealBroken, StoreUnavailable: the addresses cannot be opened, or sealed.
    """
    letter_id, now = FragmentId(deployment.new_id()), deployment.clock()
    sealed = None
    if is_last:
        try:
            found = contacts.addresses(deployment, workspace, request, to)
        except (KeyError, Forgotten, RequestDamaged):  # nobody can tell any more where it goes
            found = []
        sealed = seal_config(deployment, workspace.workspace_id, letter_id, {"to": found})
    law, day = request.jurisdiction, deployment.policies.jurisdictions.day
    told = {
        "kind": request.kind, "request": text_id(request.request_id), "received": day(law, request.received_at),
        "respond_by": day(law, request.respond_by), **(details or {}),
    }  # fmt: skip
    row = Letter(
        workspace.workspace_id, letter_id, request.request_id, notice.value, to.value, orjson.dumps(told).decode(),
        sealed, now, AT_ONCE,
    )  # fmt: skip
    intake.add_letter(transaction, row)


def add_to_parties(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    notice: Notice,
    details: Mapping[str, str] | None = None,
    *,
    is_last: bool = False,
) -> None:
    """The same letter to the person, and to their agent where one asks for them."""
    parties = (To.PERSON, To.AGENT) if request.deliver_to is not None else (To.PERSON,)
    for to in parties:
        add(deployment, transaction, workspace, request, notice, to, details, is_last=is_last)


def add_answered(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest
) -> None:
    """Note that the person is told that it is done, and the agent, too, whom the answer goes to; once for a request."""
    where = "package" if EFFECTS[Kind(request.kind)] is Effect.GIVE else "done"
    written = intake.letters_of(transaction, workspace.workspace_id, request.request_id)
    if any(row.notice == Notice.COMPLETED for row in written):
        return
    for to in (To.PERSON, To.AGENT) if request.deliver_to == To.AGENT else (To.PERSON,):
        add(
            deployment, transaction, workspace, request, Notice.COMPLETED, to, {"where": where},
            is_last=EFFECTS[Kind(request.kind)] is not Effect.GIVE,
        )  # fmt: skip


def add_to_officers(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, lines: str, count: int
) -> None:
    """Note that every officer is to be written to: one letter each, so that a mailbox that fails holds up no other."""
    now = deployment.clock()
    for place in range(len(deployment.officers)):
        details = {"count": str(count), "lines": lines, "place": str(place)}
        row = Letter(
            workspace.workspace_id, FragmentId(deployment.new_id()), None, Notice.DEADLINE.value, To.OFFICERS.value,
            orjson.dumps(details).decode(), None, now, AT_ONCE,
        )  # fmt: skip
        intake.add_letter(transaction, row)


def told(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> list[dict[str, object]]:
    """The letters about a request and what became of each; never where they went."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = intake.letters_of(transaction, workspace.workspace_id, request.request_id)
    return [
        {
            "notice": row.notice,
            "to": row.recipient,
            "outcome": row.outcome,
            "written_at": rfc3339(row.created_at),
            "settled_at": rfc3339(row.settled_at) if row.settled_at is not None else None,
            "attempts": row.attempts,
        }
        for row in rows
    ]


def send_due(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Send what is to be sent now; how many letters were taken, none while another process sends.

    Raises:
        KmsUnavailable, StoreUnavailable: what was sent meanwhile may be sent again.
    """
    count = 0
    with deployment.data.sole(f"letters-{workspace.workspace_id.hex()}") as alone:
        while alone:
            with deployment.data.read(workspace.workspace_id) as transaction:
                page = intake.due_letters(transaction, workspace.workspace_id, waits(deployment.clock()), PAGE)
            if not page:
                break
            count += sum(_send(deployment, workspace, row) for row in page)
    return count


def _send(deployment: Deployment, workspace: OpenWorkspace, row: Letter) -> bool:
    workspace_id = workspace.workspace_id
    request = None
    if row.request_id is not None:
        with deployment.data.read(workspace_id) as transaction:
            request = require(transaction, workspace, row.request_id)
    try:
        recipients = _recipients(deployment, workspace, row, request)
        if not recipients:
            _settle(deployment, workspace, row, request, Outcome.NO_ADDRESS)
            return False
        written = _written(deployment, workspace, row, request)
        if written is None:
            _settle(deployment, workspace, row, request, Outcome.GIVEN_UP)
            return False
        for recipient in recipients[:1] if row.notice in ENCLOSING else recipients:
            deployment.mailer.send(recipient, *written)
    except (LinkedSystemUnavailable, SealBroken):  # where it goes may be damaged: it holds up no other
        attempts = row.attempts + 1
        if attempts >= ATTEMPTS:
            _settle(deployment, workspace, row._replace(attempts=attempts), request, Outcome.GIVEN_UP)
        else:
            later = row._replace(attempts=attempts, next_at=deployment.clock() + wait_after(attempts))
            with deployment.data.write(workspace_id) as transaction:
                intake.settle_letter(transaction, later)
        return False
    _settle(deployment, workspace, row._replace(attempts=row.attempts + 1), request, Outcome.SENT)
    return True


def _written(
    deployment: Deployment, workspace: OpenWorkspace, row: Letter, request: StoredRequest | None
) -> tuple[str, str] | None:
    """The subject and the text; None where there is nothing to prove, or to fetch, any more."""
    language = reference.language_of(request) if request is not None else "en"
    details: dict[str, str] = orjson.loads(row.details)
    if request is None or row.notice not in ENCLOSING:
        return letter(Notice(row.notice), language, details)
    enclose = enclosed.challenge if row.notice == Notice.CHALLENGE else enclosed.package
    told = enclose(deployment, workspace, request, details)
    return letter(Notice(row.notice), language, details | told) if told is not None else None


def _recipients(
    deployment: Deployment, workspace: OpenWorkspace, row: Letter, request: StoredRequest | None
) -> list[str]:
    if row.recipient == To.OFFICERS:
        place = int(orjson.loads(row.details)["place"])
        return list(deployment.officers[place : place + 1])
    find = contacts.for_package if row.notice == Notice.PACKAGE else contacts.addresses
    try:
        if row.sealed is not None:
            found: list[str] = open_config(deployment, row.workspace_id, row.letter_id, row.sealed)["to"]
            return found
        if request is None:
            return []
        return find(deployment, workspace, request, To(row.recipient))
    except (KeyError, KeyMissing):  # its person was erased meanwhile, or it was sent and an older copy put back
        return []


def _settle(
    deployment: Deployment, workspace: OpenWorkspace, row: Letter, request: StoredRequest | None, outcome: Outcome
) -> None:
    now = deployment.clock()
    settled = row._replace(sealed=None, outcome=outcome.value, settled_at=now)
    with deployment.data.write(workspace.workspace_id) as transaction:
        intake.settle_letter(transaction, settled)
        if request is not None and row.notice != Notice.CHALLENGE:
            fresh = taken(transaction, workspace, request.request_id)
            told = {"notice": row.notice, "to": row.recipient, "outcome": outcome.value}
            add_to_history(deployment, transaction, fresh, NOTIFY, REGISTRY, told)
            if row.notice == Notice.ACKNOWLEDGED and outcome is Outcome.SENT:
                acknowledged(deployment, transaction, fresh, actor=REGISTRY, channel="email")
    if row.sealed is not None:
        forget_config(deployment, row.workspace_id, row.letter_id)


def acknowledged(
    deployment: Deployment, transaction: Transaction, request: StoredRequest, *, actor: str, channel: str
) -> StoredRequest:
    """The request with its acknowledgement noted; one that has it keeps the first."""
    now = deployment.clock()
    if not requests.acknowledge(transaction, request.workspace_id, request.request_id, now):
        return request
    add_to_history(deployment, transaction, request, ACKNOWLEDGE, actor, {"channel": channel})
    return request._replace(acknowledged_at=now)
