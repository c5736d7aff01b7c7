"""Letters about requests: written in the transaction of what they tell of, sent later, until they are taken.

1. write     a row says which letter, about which request, to whom; where a request is about to be forgotten, the
             addresses are sealed under a key of the letter's own
2. send      by one process at a time; a code and its link are made now, so that neither waits anywhere
3. note      sent, or that there is no mailbox, or tried again later; the letter's key is destroyed

Sending comes after the answer to whoever asked: how long it takes, and whether there is a mailbox, tells them nothing.
Killed between 2 and 3, the letter is sent again.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

import orjson

from registry.dsr.notices import Notice, Outcome, To, letter
from registry.dsr.requests import EFFECTS, Effect, Kind, State
from registry.dsr.verification import Address
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts
from registry.flows.dsr.history import add_to_history, require
from registry.flows.dsr.reference import people_of
from registry.flows.outgoing.endpoints import ATTEMPTS, forget_config, open_config, seal_config, wait_after
from registry.flows.workspace import OpenWorkspace
from registry.keys.credentials import mint_key
from registry.keys.visits import new_code
from registry.model.clock import SECOND, rfc3339
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import FragmentId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_intake import Challenge, Letter
from registry.store import intake, requests
from registry.store.database import Transaction

PAGE = 50
PREFIX = "rg_proof"
REGISTRY = "registry"
NOTIFY, ACKNOWLEDGE = "notify", "acknowledge"
UNPROVED = frozenset({State.RECEIVED, State.PAUSED})
"""Where a request waits for proof of who asks."""


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
        except KeyError:
            found = []
        sealed = seal_config(deployment, workspace.workspace_id, letter_id, {"to": found})
    told = {
        "kind": request.kind, "request": text_id(request.request_id), "received": rfc3339(request.received_at)[:10],
        "respond_by": rfc3339(request.respond_by)[:10], **(details or {}),
    }  # fmt: skip
    row = Letter(
        workspace.workspace_id, letter_id, request.request_id, notice.value, to.value, orjson.dumps(told).decode(),
        sealed, now, now,
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


def add_answered(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> None:
    """Note that the person is told that it is done, and the agent, too, whom the answer goes to; once for a request."""
    where = "package" if EFFECTS[Kind(request.kind)] is Effect.GIVE else "done"
    with deployment.data.write(workspace.workspace_id) as transaction:
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
            orjson.dumps(details).decode(), None, now, now,
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
                page = intake.due_letters(transaction, workspace.workspace_id, deployment.clock(), PAGE)
            if not page:
                break
            count += sum(_send(deployment, workspace, row) for row in page)
    return count


def code_hash(workspace: OpenWorkspace, request_id: bytes, link_hash: bytes, code: str) -> bytes:
    """What is kept of a code: a hash under the workspace's key, of this letter alone."""
    return workspace.indexer.lasting("@proof", f"{request_id.hex()}:{link_hash.hex()}:{code}")


def is_code(workspace: OpenWorkspace, challenge: Challenge, code: str) -> bool:
    """Whether a code is the one that was sent."""
    found = code_hash(workspace, challenge.request_id, challenge.link_hash, code)
    return hmac.compare_digest(found, bytes(challenge.code_hash))


def _send(deployment: Deployment, workspace: OpenWorkspace, row: Letter) -> bool:
    workspace_id = workspace.workspace_id
    request = None
    if row.request_id is not None:
        with deployment.data.read(workspace_id) as transaction:
            request = require(transaction, workspace, row.request_id)
    recipients = _recipients(deployment, workspace, row, request)
    is_idle = row.notice == Notice.CHALLENGE and request is not None and State(request.state) not in UNPROVED
    if not recipients or is_idle:
        _settle(deployment, workspace, row, request, Outcome.GIVEN_UP if is_idle else Outcome.NO_ADDRESS)
        return False
    language = orjson.loads(request.progress).get("language", "en") if request is not None else "en"
    details: dict[str, str] = orjson.loads(row.details)
    try:
        if row.notice == Notice.CHALLENGE and request is not None:
            recipients, link = recipients[:1], _challenge(deployment, workspace, request, details)
            subject, text = letter(Notice.CHALLENGE, language, details, link=link)
        else:
            subject, text = letter(Notice(row.notice), language, details)
        for recipient in recipients:
            deployment.mailer.send(recipient, subject, text)
    except LinkedSystemUnavailable:
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


def _recipients(
    deployment: Deployment, workspace: OpenWorkspace, row: Letter, request: StoredRequest | None
) -> list[str]:
    if row.recipient == To.OFFICERS:
        place = int(orjson.loads(row.details)["place"])
        return list(deployment.officers[place : place + 1])
    if row.sealed is not None:
        found: list[str] = open_config(deployment, row.workspace_id, row.letter_id, row.sealed)["to"]
        return found
    if request is None:
        return []
    try:
        return contacts.addresses(deployment, workspace, request, To(row.recipient))
    except KeyError:
        return []


def _challenge(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, details: dict[str, str]
) -> str | None:
    """A new code and link, stored as hashes; the code goes into the details, and the link is what is returned."""
    policy, now = deployment.policies.verification, deployment.clock()
    (token, digest), code = mint_key(PREFIX), new_code()
    named = any(one.kind == contacts.MAILBOX for one in people_of(deployment, request))
    made = Challenge(
        workspace.workspace_id, digest, request.request_id,
        code_hash(workspace, request.request_id, digest, code),
        (Address.GIVEN if named else Address.VERIFIED).value, now + policy.valid_for,
    )  # fmt: skip
    with deployment.data.write(workspace.workspace_id) as transaction:
        intake.add_challenge(transaction, made, now)
    details |= {"code": f"{code[:3]} {code[3:]}", "minutes": str(policy.valid_for // (60 * SECOND))}
    if deployment.public_url is None:
        return None
    return f"{deployment.public_url}/privacy/{text_id(workspace.workspace_id)}/confirm/{token}"


def _settle(
    deployment: Deployment, workspace: OpenWorkspace, row: Letter, request: StoredRequest | None, outcome: Outcome
) -> None:
    now = deployment.clock()
    settled = row._replace(sealed=None, outcome=outcome.value, settled_at=now)
    with deployment.data.write(workspace.workspace_id) as transaction:
        intake.settle_letter(transaction, settled)
        if request is not None and row.notice != Notice.CHALLENGE:
            fresh = require(transaction, workspace, request.request_id)
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
