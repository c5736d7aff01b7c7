"""Whom a request is about, in the clear for a moment: sealed under a key of the request's own until it ends.

The person's own keys are destroyed first; the systems outside, and the person to be told, come after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson

from registry.dsr.agents import Agent
from registry.dsr.requests import EFFECTS, ENDED, LANGUAGE, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.opening import open_identifiers
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import open_sealed, record_aad, seal
from registry.model.compartment import IDENTITY
from registry.model.errors import Conflict, Forgotten, KeyMissing, RequestDamaged, SealBroken
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import BlindIndex, FragmentId, RequestId, WorkspaceId, text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredRequest
from registry.store import identities, requests
from registry.store.database import Transaction

UNANSWERED = RequestId(b"\0" * 16)
"""Who, by the erasure ledger, had the key of a request destroyed that ended without a certificate."""

STOPPED = RequestId(b"\0" * 15 + b"\1")
"""The same of one that had been begun, and whose effect here stays: a refusal that is recorded, a correction."""


def seal_people(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    request_id: RequestId,
    people: Iterable[Identifier],
    agent: Agent | None = None,
    begun: Iterable[Identifier] | None = None,
    mailboxes: Iterable[str] | None = None,
    reached: Iterable[Identifier] | None = None,
) -> bytes:
    """The identifiers of a request's person, and who asks for them, sealed under the request's key, made when missing.

    Args:
        begun: by what the systems outside were asked first, where others were learnt from them.
        mailboxes: where the person is written to, once nothing but this knows it.
        reached: all that systems outside know them by, before anything was changed there.

    Raises:
        KmsUnavailable, StoreUnavailable: no key, so nothing is sealed.
    """
    holder = FragmentId(request_id)
    key = deployment.keyring.for_sealing(workspace_id, {holder: (IDENTITY,)})[holder].key(IDENTITY)
    told: dict[str, Any] = {"people": sorted({(person.kind, person.value) for person in people})}
    told |= {"agent": agent.as_json()} if agent is not None else {}
    told |= {"begun": sorted({(one.kind, one.value) for one in begun})} if begun is not None else {}
    told |= {"mailboxes": [*mailboxes]} if mailboxes is not None else {}
    told |= {"reached": sorted({(one.kind, one.value) for one in reached})} if reached is not None else {}
    return seal(key, orjson.dumps(told), record_aad(b"dsr", workspace_id, holder, request_id, b"people"))


def people_of(deployment: Deployment, request: StoredRequest) -> list[Identifier]:
    """The identifiers of a request's person; none once it has ended.

    Raises:
        KmsUnavailable, StoreUnavailable: they cannot be opened now.
        Forgotten: their key was destroyed.
        RequestDamaged: they, or their key, are damaged.
    """
    return [Identifier(kind, value) for kind, value in _opened(deployment, request).get("people", ())]


def begun_with(deployment: Deployment, request: StoredRequest) -> list[Identifier] | None:
    """By what of its person a request asked the systems outside first; None while it knows no more.

    Raises:
        What `people_of` raises.
    """
    told = _opened(deployment, request).get("begun")
    return [Identifier(kind, value) for kind, value in told] if told is not None else None


def mailboxes_of(deployment: Deployment, request: StoredRequest) -> list[str] | None:
    """Where an erasure's person is written to, as it was before anything was erased; None before that.

    Raises:
        What `people_of` raises.
    """
    return _opened(deployment, request).get("mailboxes")


def agent_of(deployment: Deployment, request: StoredRequest) -> Agent | None:
    """Who asks for the person, where somebody does; None once it has ended.

    Raises:
        What `people_of` raises.
    """
    told = _opened(deployment, request).get("agent")
    return Agent.from_json(told) if told is not None else None


def _opened(deployment: Deployment, request: StoredRequest) -> dict[str, Any]:
    if request.sealed is None:
        return {}
    holder = FragmentId(request.request_id)
    grant = OpenGrant(request.workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
    aad = record_aad(b"dsr", request.workspace_id, holder, request.request_id, b"people")
    try:
        told = orjson.loads(open_own(deployment, holder, request.sealed, aad, grant))
    except RequestDamaged as damaged:
        if State(request.state) in ENDED:  # answered: nothing is left to cancel
            damaged.hint = "restore what is damaged; where that cannot be done, take the request in anew"
        raise
    return told if isinstance(told, dict) else {"people": told}  # requests of before agents were taken


def open_own(deployment: Deployment, holder: FragmentId, sealed: bytes, aad: bytes, grant: OpenGrant) -> bytes:
    """What a request itself holds sealed, under the key of this holder.

    Raises:
        Forgotten: the key is gone.
        RequestDamaged: it, or the key, does not open.
        KmsUnavailable, StoreUnavailable: try again.
    """
    bundle = deployment.keyring.for_opening(grant, {holder: (IDENTITY,)}).get(holder)
    if bundle is None:
        hint = "if an older keystore was put back, cancel the request and take it in anew"
        raise Forgotten("whom the request names cannot be read any more", hint=hint)
    try:
        return open_sealed(bundle.key(IDENTITY), sealed, aad, grant, IDENTITY)
    except (KeyMissing, SealBroken):
        hint = "restore what is damaged; where that cannot be done, cancel the request and take it in anew"
        raise RequestDamaged("what the request holds sealed, or its key, is damaged", hint=hint) from None


def named_by(deployment: Deployment, request: StoredRequest) -> list[Identifier]:
    """Whom an answered request named, as long as that is known: none once its key is gone."""
    try:
        return people_of(deployment, request)
    except Forgotten:
        return []


def agent_named_by(deployment: Deployment, request: StoredRequest) -> Agent | None:
    """Who asked for a request's person, as long as that can be read: nobody once its key is gone, or it is damaged."""
    try:
        return agent_of(deployment, request)
    except (Forgotten, RequestDamaged):
        return None


def language_of(request: StoredRequest) -> str:
    """In which language whoever asked is answered, as its way in knew it (BCP 47)."""
    return str(orjson.loads(request.progress).get(LANGUAGE, "en"))


def everybody(deployment: Deployment, request: StoredRequest, fragments: Collection[FragmentId]) -> list[Identifier]:
    """Every identifier by which a request's person may be known outside: those it named, all of these fragments, and
    what was learnt before anything was changed outside.

    Raises:
        KmsUnavailable, SealBroken, StoreUnavailable: they cannot be opened.
    """
    grant = OpenGrant(request.workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
    with deployment.data.read(request.workspace_id) as transaction:
        rows = identities.identifiers_of(transaction, request.workspace_id, fragments)
    known, _ = open_identifiers(deployment, grant, rows)
    opened = _opened(deployment, request)
    told = [Identifier(kind, value) for kind, value in (*opened.get("people", ()), *opened.get("reached", ()))]
    return list(dict.fromkeys([*told, *(identifier for _, identifier in known)]))


def indexes_of(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> list[BlindIndex]:
    """Every blind index that the request's person may be found under, whatever keys were rotated since it came.

    Raises:
        KmsUnavailable, SealBroken, StoreUnavailable: the request's identifiers cannot be opened.
    """
    recorded = _recorded(request)
    if workspace.indexer.rotated:
        recorded.update(*(workspace.indexer.every(i.kind, i.value) for i in people_of(deployment, request)))
    return sorted(recorded)


def fragments_now(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest
) -> list[FragmentId]:
    """Every fragment of whoever the request's identifiers belong to now: joined since, new, or taken apart since."""
    found = _belonging(transaction, request, indexes_of(deployment, workspace, request))
    return [row.fragment_id for row in found]


def fragments_as_named(transaction: Transaction, request: StoredRequest) -> list[Fragment]:
    """The same, as its row alone tells them: of a request whose key is gone."""
    return _belonging(transaction, request, sorted(_recorded(request)))


def _recorded(request: StoredRequest) -> set[BlindIndex]:
    return {BlindIndex(bytes.fromhex(index)) for index, _ in orjson.loads(request.progress).get("subjects", ())}


def _belonging(transaction: Transaction, request: StoredRequest, indexes: Collection[BlindIndex]) -> list[Fragment]:
    """The fragments of those who stand under these indexes; of the scope only where nobody does any more.

    What was one person when the request came, and is two now, is not: the other's data is neither given out nor erased.
    """
    workspace_id = request.workspace_id
    named = list(identities.fragments_by_index(transaction, workspace_id, indexes).values())
    if not named:
        scope = requests.scope(transaction, workspace_id, request.request_id)
        named = list(identities.fragments(transaction, workspace_id, scope).values())
    return identities.fragments_of_profiles(transaction, workspace_id, {row.profile_id for row in named})


def scope_of(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> Sequence[Fragment]:
    """The fragments that an answered request is about now: of whoever its identifiers belong to.

    Raises:
        Conflict: the request has not been approved and run, or it is of a kind that gives nothing out.
    """
    if EFFECTS[Kind(request.kind)] is not Effect.GIVE or State(request.state) is not State.COMPLETED:
        raise Conflict("there is a package only for a completed access or portability request")
    people = named_by(deployment, request)
    indexes = {index for one in people for index in workspace.indexer.every(one.kind, one.value)}
    with deployment.data.read(workspace.workspace_id) as transaction:
        return _belonging(transaction, request, indexes)


def about(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    fragments: Collection[FragmentId],
    pseudonyms: Collection[str],
    *,
    damaged: bool = False,
) -> list[RequestId]:
    """Every request of or about a person: opened by one of these pseudonyms, or over their fragments.

    One that is over others' fragments as well came when they were one person: it is of whoever it names.

    Args:
        damaged: whether one of those counts that is damaged, so that nobody can tell whom it names.

    Raises:
        KmsUnavailable, StoreUnavailable: it cannot be opened now whom it names.
    """
    workspace_id, own = workspace.workspace_id, set(fragments)

    def is_theirs(request: StoredRequest) -> bool:
        if request.pseudonym in pseudonyms or own.issuperset(
            requests.scope(transaction, workspace_id, request.request_id)
        ):
            return True
        try:
            people = named_by(deployment, request)
        except RequestDamaged:
            return damaged
        named = {index for one in people for index in workspace.indexer.every(one.kind, one.value)}
        found = identities.fragments_by_index(transaction, workspace_id, named)
        return not own.isdisjoint(row.fragment_id for row in found.values())

    found = requests.about(transaction, workspace_id, fragments, pseudonyms)
    known = (requests.get(transaction, workspace_id, one) for one in found)
    return [one.request_id for one in known if one is not None and is_theirs(one)]


def answered_before(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Collection[FragmentId],
    keys: Iterable[bytes] = (),
) -> list[RequestId]:
    """Earlier answered requests of the same person that still hold, sealed, whom they named.

    One that came when they were one person with others, and is damaged, is among them: nobody can read it any more, but
    its key might open a copy.

    Args:
        keys: by what else than the request names the person is known, as suppression keys.
    """
    pseudonyms = {key for _, key in orjson.loads(request.progress)["subjects"]}.union(key.hex() for key in keys)
    found = about(deployment, transaction, workspace, fragments, pseudonyms, damaged=True)
    return requests.answered(transaction, request.workspace_id, found)


def forget(deployment: Deployment, request: StoredRequest, *, begun: bool = False) -> None:
    """Destroy the request's own key: whom it was about cannot be read again. Done again, nothing more happens.

    The ledger says that the request itself ordered that only if it was certified: an older copy of the data does not
    know how it ended, and what was begun and cancelled is not taken for done.

    Args:
        begun: whether it was cancelled after it had been begun: what it left here is not to be lost with a copy.
    """
    stays = begun and EFFECTS[Kind(request.kind)] in (Effect.RECORD, Effect.CORRECT)
    because = STOPPED if stays else UNANSWERED
    because = request.request_id if request.certificate is not None else because
    grant = ShredGrant(request.workspace_id, because, f"dsr:{text_id(request.request_id)}")
    deployment.keyring.shred(grant, [FragmentId(request.request_id)])
