"""Requests coming in: from an officer, an app, the privacy centre, a controller, an agent, or a file of many.

1. read      the law, its deadlines, what the kind needs to know, before anything is known of the person
2. take      the request, its scope as of now, whoever asks, sealed under a key of its own: one transaction
3. refuse    at once, where an agent shows no mandate: nothing is said about the person
4. verify    at once, where the kind needs no proof of who asks

Whether the person is known is not said, and makes no difference to what is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

import orjson

from registry.consent.purposes import LawfulBasis
from registry.dsr.agents import Claim
from registry.dsr.deadlines import Jurisdiction, deadline
from registry.dsr.notices import Notice
from registry.dsr.requests import CALIFORNIAN, EFFECTS, LANGUAGE, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import letters, moves, proofs, rectification, reference
from registry.flows.dsr.correctable import Correctable
from registry.flows.dsr.history import log
from registry.flows.identity.subjects import fragments_of
from registry.flows.workspace import OpenWorkspace
from registry.identity.normalise import mailbox
from registry.model.clock import DAY, Micros, from_datetime
from registry.model.errors import Conflict, InvalidInput
from registry.model.ids import RequestId
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_intake import Reference
from registry.store import intake, requests
from registry.store.database import Transaction

CALIFORNIA = "ccpa"
LONGEST_AGO: Micros = 366 * DAY
"""How long ago a request may have come that is taken in now."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, as read and checked.

    Attributes:
        also: further identifiers that whoever asks vouches for as the same person's.
        details: for an objection or withdrawal `{"purposes": [...]}`, for a rectification `{"traits": {...}}`
            (kept sealed under the request's own key until it ends).
        received_at: when it came, where that was before now, or the day; its deadline runs from there.
        reference: whoever asks has this number for it: the same number is opened once.
        language: in which letters are written.
    """

    kind: Kind
    person: Identifier
    also: Sequence[Identifier] = ()
    jurisdiction: str | None = None
    details: Mapping[str, object] | None = None
    claim: Claim | None = None
    received_at: Micros | date | None = None
    reference: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A wish that can be taken in: its law, when it came, and what its progress begins with."""

    wish: Wish
    law: Jurisdiction
    received_at: Micros
    progress: Mapping[str, object]
    traits: Mapping[str, object]


def read(deployment: Deployment, workspace: OpenWorkspace, wish: Wish) -> Read:
    """1. read. Nothing is looked up of the person.

    Raises:
        InvalidInput: no such jurisdiction, the details that the kind needs are missing, the agent's mailbox is none,
            or it cannot have come then.
    """
    usual = CALIFORNIA if wish.kind in CALIFORNIAN else deployment.jurisdiction
    law = deployment.policies.jurisdictions.get(wish.jurisdiction or usual)
    now = deployment.clock()
    received_at = now if wish.received_at is None else wish.received_at
    if isinstance(received_at, date):
        received_at = law.begin_of(received_at)
        if now < received_at < now + DAY:  # the day has begun where it was written down, and not yet there
            received_at = now
    if not now - LONGEST_AGO <= received_at <= now:
        raise InvalidInput("a request comes before it is taken in, and within a year", pointer="/received_at")
    # By this the subject is looked for again when the request is run: they may become known, or be joined, meanwhile.
    people = [wish.person, *wish.also]
    asked_for = [(workspace.indexer.index(p.kind, p.value), workspace.suppression.key(p.kind, p.value)) for p in people]
    progress: dict[str, object] = {"subjects": [[index.hex(), key.hex()] for index, key in asked_for]}
    asked = dict(wish.details or {})
    if EFFECTS[wish.kind] is Effect.RECORD and wish.kind is not Kind.RESTRICTION:
        progress["purposes"] = _purposes(deployment, wish.kind, asked)
    if wish.language is not None:
        progress[LANGUAGE] = wish.language
    traits = rectification.corrections(asked) if EFFECTS[wish.kind] is Effect.CORRECT else {}
    if traits:
        Correctable(deployment, workspace).require(traits)
    claim = _reachable(wish.claim.under(law)) if wish.claim is not None else None
    return Read(replace(wish, claim=claim), law, received_at, progress, traits)


def _reachable(claim: Claim) -> Claim:
    """The claim with its agent's mailbox in its normal form: letters are written to it."""
    if claim.agent.email is None:
        return claim
    found = mailbox(claim.agent.email)
    if found is None:
        raise InvalidInput("the agent is written to at an e-mail address", pointer="/agent/email")
    return replace(claim, agent=replace(claim.agent, email=found))


def open_request(
    deployment: Deployment,
    workspace: OpenWorkspace,
    *,
    kind: Kind,
    person: Identifier,
    actor: str,
    owner: str | None = None,
    jurisdiction: str | None = None,
    details: Mapping[str, object] | None = None,
    also: Sequence[Identifier] = (),
    request_id: RequestId | None = None,
    language: str | None = None,
) -> StoredRequest:
    """Take one request in, as `take` does.

    Args:
        request_id: one that the caller has written down already; a new one if absent.
        owner: who stands behind the actor (`Principal.owner`); by the actor's name when not given.

    Raises:
        InvalidInput: as `read`.
    """
    wish = Wish(kind, person, also, jurisdiction, details, language=language)
    return take(deployment, workspace, wish, actor=actor, owner=owner, request_id=request_id)[0]


def take(
    deployment: Deployment,
    workspace: OpenWorkspace,
    wish: Wish,
    *,
    actor: str,
    owner: str | None = None,
    request_id: RequestId | None = None,
) -> tuple[StoredRequest, bool]:
    """Take a request in; and whether it is a new one: the same reference has one request, however often it comes.

    Raises:
        InvalidInput: as `read`.
        Conflict: another request has this reference.
    """
    found = read(deployment, workspace, wish)
    wish = found.wish
    # 2. take
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = _new(deployment, workspace, found, actor, owner)
        request = request._replace(request_id=request_id or request.request_id)
        before = _of_reference(transaction, workspace, found, request)
        if before is not None:
            return before, False
        request = _stored(deployment, transaction, workspace, found, request)
        log(deployment, transaction, request, "dsr:request:opened", actor, {"kind": wish.kind.value})
        requests.add_event(transaction, request, action="open", actor=actor, at=deployment.clock())
        # 3. refuse
        why = wish.claim.refused_at(deployment.clock()) if wish.claim is not None else None
        if why is not None:
            request = moves.refused(deployment, transaction, workspace, request, why, actor)
        elif request.acknowledge_by is not None:
            letters.add_to_parties(deployment, transaction, workspace, request, Notice.ACKNOWLEDGED)
        # 4. verify
        if why is None:
            request = proofs.counted(deployment, transaction, workspace, request, None, actor, {})
    if State(request.state) is State.REFUSED:
        reference.forget(deployment, request)
    return request, True


def content_of(found: Read) -> str:
    """What makes two wishes the same, as canonical JSON: to be hashed under a key, and never kept."""
    wish, claim = found.wish, found.wish.claim
    came = wish.received_at
    if isinstance(came, date):  # whatever clocks its law is given later
        came = from_datetime(datetime.combine(came, time(), UTC))
    agent: dict[str, Any] = claim.agent.as_json() if claim is not None else {}
    told = [
        wish.kind.value, [[one.kind, one.value] for one in (wish.person, *wish.also)], found.law.name,
        dict(wish.details or {}), agent, claim.mandate if claim is not None else None, came,
    ]  # fmt: skip
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


def meant_by(deployment: Deployment, kind: Kind) -> list[str]:
    """The purposes that the law means by a kind of request that names none; none where it means nothing by itself."""
    known = deployment.policies.purposes.purposes.values()
    match kind:
        case Kind.OPT_OUT:
            return [p.name for p in known if p.gpc_opts_out or p.gpp]
        case Kind.LIMIT:
            return [p.name for p in known if p.basis_in(None) is LawfulBasis.CONSENT]
        case _:
            return []


def reference_key(workspace: OpenWorkspace, text: str) -> bytes:
    """The keyed hash of a requester's own number."""
    return workspace.indexer.lasting("@reference", text)


def content_key(workspace: OpenWorkspace, found: Read) -> bytes:
    """The keyed hash of what a wish says."""
    return workspace.indexer.lasting("@wish", content_of(found))


def _of_reference(
    transaction: Transaction, workspace: OpenWorkspace, found: Read, request: StoredRequest
) -> StoredRequest | None:
    """The request that the wish's reference opened before; None where there is none, and it is taken for this one."""
    if found.wish.reference is None:
        return None
    workspace_id, key = workspace.workspace_id, reference_key(workspace, found.wish.reference)
    content = content_key(workspace, found)
    if intake.take_reference(transaction, Reference(workspace_id, key, content, request.request_id)):
        return None
    taken = intake.references(transaction, workspace_id, [key])[key]
    before = requests.get(transaction, workspace_id, taken.request_id)
    if bytes(taken.content_key) != content or before is None:
        raise is_anothers()
    return before


def is_anothers() -> Conflict:
    """The error for a reference under which something else was asked for."""
    return Conflict(
        "another request has this reference", hint="give each request a number of its own", extra={"same": False}
    )


def _stored(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    found: Read,
    request: StoredRequest,
) -> StoredRequest:
    wish, progress = found.wish, dict(found.progress)
    people = [wish.person, *wish.also]
    fragments = [fragment for one in people for fragment in fragments_of(workspace, transaction, one)]
    if fragments:
        request = request._replace(profile_id=fragments[0].profile_id)
    if found.traits:
        progress |= rectification.seal_corrections(deployment, workspace, request.request_id, found.traits)
    agent = wish.claim.agent if wish.claim is not None else None
    sealed_people = reference.seal_people(deployment, workspace.workspace_id, request.request_id, people, agent)
    request = request._replace(progress=orjson.dumps(progress).decode(), sealed=sealed_people)
    requests.add(transaction, request)
    scope = [fragment.fragment_id for fragment in fragments]
    requests.set_scope(transaction, workspace.workspace_id, request.request_id, scope)
    return request


def _new(deployment: Deployment, workspace: OpenWorkspace, found: Read, actor: str, owner: str | None) -> StoredRequest:
    wish, claim = found.wish, found.wish.claim
    due = deadline(found.law, found.received_at, kind=wish.kind.value)
    return StoredRequest(
        workspace_id=workspace.workspace_id,
        request_id=RequestId(deployment.new_id()),
        kind=wish.kind.value,
        state=State.RECEIVED.value,
        jurisdiction=found.law.name,
        profile_id=None,
        pseudonym=workspace.suppression.key(wish.person.kind, wish.person.value).hex(),
        opened_by=actor,
        approved_by=None,
        received_at=found.received_at,
        respond_by=due.respond_by,
        completed_at=None,
        progress="{}",
        certificate=None,
        opened_owner=owner or moves.owner_named(actor),
        mandate=claim.mandate.value if claim is not None and claim.mandate is not None else None,
        mandate_until=claim.until if claim is not None else None,
        deliver_to=claim.deliver_to.value if claim is not None else None,
        acknowledge_by=due.acknowledge_by,
    )


def _purposes(deployment: Deployment, kind: Kind, details: Mapping[str, object]) -> list[str]:
    """The purposes that a request refuses: those named, or those that the law means by this kind."""
    purposes = details.get("purposes") or meant_by(deployment, kind)
    known = deployment.policies.purposes.purposes
    if not isinstance(purposes, list) or not purposes or not all(isinstance(p, str) and p in known for p in purposes):
        raise InvalidInput("name the purposes, each of them in the policy", pointer="/details/purposes")
    return sorted(set(purposes))
