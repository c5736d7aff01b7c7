"""Rectification (GDPR Art. 16): the person's own word on their traits, above every other source's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from registry.dsr.requests import CORRECTS, Move, State
from registry.flows.acts import trail
from registry.flows.consent.locking import relock
from registry.flows.deployment import Deployment
from registry.flows.dsr.history import acts_of
from registry.flows.dsr.reference import about, indexes_of, open_own
from registry.flows.identity import subjects
from registry.flows.identity.subjects import NO_SOURCE
from registry.flows.workspace import OpenWorkspace
from registry.keys.blind_index import hidden_name
from registry.keys.envelope import record_aad, seal
from registry.model.compartment import IDENTITY, Compartment, compartment_of
from registry.model.errors import InvalidInput
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, RequestId, text_id
from registry.model.provenance import Method
from registry.model.stored import StoredAssertion, StoredRequest
from registry.store import events, identities, requests
from registry.store.database import Transaction

MAX_TRAITS = 100


def corrections(details: Mapping[str, object]) -> dict[str, object]:
    """The corrections asked for, by trait: looked at before it is known whom they are about.

    Raises:
        InvalidInput: there are none, or too many.
    """
    traits = details.get("traits")
    if not isinstance(traits, dict) or not 0 < len(traits) <= MAX_TRAITS:
        raise InvalidInput(f"name 1 to {MAX_TRAITS} traits with their right values", pointer="/details/traits")
    return traits


def seal_corrections(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, traits: Mapping[str, object]
) -> dict[str, object]:
    """The corrections as a request's progress has them, sealed under the request's own key until it ends.

    Whoever asks may be known in systems outside alone, and have no key here.
    """
    holder = FragmentId(request_id)
    key = deployment.keyring.for_sealing(workspace.workspace_id, {holder: (IDENTITY,)})[holder].key(IDENTITY)
    aad = record_aad(b"dsr", workspace.workspace_id, holder, request_id, b"details")
    sealed = seal(key, orjson.dumps(traits), aad).hex()
    names = sorted(hidden_name(workspace.indexer, trait) for trait in traits)
    return {"sealed_details": sealed, "sealed_for": holder.hex(), CORRECTS: names}


def apply(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, *, actor: str) -> None:
    """Write the corrections as assertions that win over every other; done again, nothing changes.

    A correction hangs on an identifier that the request names, and stays with it when its person is taken apart. It
    keeps the consent tags of the values that it corrects; one of a trait that nobody had asserted serves only
    `service`. Of whoever is not known here, nothing is written here.
    """
    traits, workspace_id = corrected(deployment, request), workspace.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction)
        fragments = requests.scope(transaction, workspace_id, request.request_id)
        if not traits or not fragments:
            return
        named = identities.fragments_by_index(transaction, workspace_id, indexes_of(deployment, workspace, request))
        own = {row.fragment_id for row in named.values()}.intersection(fragments)
        target = min(own or fragments)
        present = {row.trait: row.compartment for row in events.assertions(transaction, workspace_id, fragments)}
        rows = _rows(deployment, workspace, request, target, traits, present)
        events.assert_traits(transaction, rows)
        identities.bump(transaction, workspace_id, [target])
        # A value that another's key was locked with may be the first of its compartment here.
        owner = identities.fragments(transaction, workspace_id, [target])[target].profile_id
        relock(deployment, workspace_id, transaction, [owner])
        trail.append(
            transaction,
            workspace_id,
            deployment.clock(),
            actor=actor,
            action="dsr:traits:corrected",
            outcome="done",
            fields={"request": text_id(request.request_id), "traits": len(rows)},
        )


def corrected(deployment: Deployment, request: StoredRequest) -> dict[str, Any]:
    """The corrections of a rectification, by trait, as systems outside are told; none of any other request.

    Raises:
        Forgotten: their key was destroyed.
        RequestDamaged: they, or their key, are damaged.
        KmsUnavailable, StoreUnavailable: they cannot be opened now.
    """
    progress = orjson.loads(request.progress)
    if "sealed_details" not in progress:
        return {}
    # Requests of before sealed them under the person's key.
    target, sealed = FragmentId(bytes.fromhex(progress["sealed_for"])), bytes.fromhex(progress["sealed_details"])
    grant = OpenGrant(request.workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
    aad = record_aad(b"dsr", request.workspace_id, target, request.request_id, b"details")
    traits: dict[str, Any] = orjson.loads(open_own(deployment, target, sealed, aad, grant))
    return traits


def standing(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> dict[str, Any]:
    """The corrections that the person has not corrected since: a later word of theirs, once it is begun, is the right
    one, also where an earlier one had to wait.

    Raises:
        Forgotten, KmsUnavailable, SealBroken, StoreUnavailable: they cannot be opened.
    """
    traits, since = corrected(deployment, request), set[str]()
    if not traits:
        return traits
    pseudonyms = {request.pseudonym, *(key for _, key in orjson.loads(request.progress)["subjects"])}
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = requests.scope(transaction, workspace.workspace_id, request.request_id)
        for one in about(deployment, transaction, workspace, fragments, pseudonyms):
            other = requests.get(transaction, workspace.workspace_id, one)
            if other is not None and _is_later(transaction, other, request):
                since.update(orjson.loads(other.progress).get(CORRECTS, ()))
    return {trait: value for trait, value in traits.items() if hidden_name(workspace.indexer, trait) not in since}


def _is_later(transaction: Transaction, one: StoredRequest, other: StoredRequest) -> bool:
    """Whether a request came after another, and something has been done for it, also if it was cancelled then."""
    if (one.received_at, one.request_id) <= (other.received_at, other.request_id):
        return False
    if State(one.state) is State.CANCELLED:
        return any(act == Move.START.value for act, _ in acts_of(transaction, one))
    return State(one.state) in {State.ACTING, State.WAITING, State.COMPLETED}


def _rows(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    target: FragmentId,
    traits: Mapping[str, Any],
    present: Mapping[str, str],
) -> list[StoredAssertion]:
    workspace_id, at = workspace.workspace_id, request.received_at
    # A name that no plan put there may hold anything: a keyed hash stands for it.
    columns = {trait: trait if trait in present else hidden_name(workspace.indexer, trait) for trait in traits}
    default = compartment_of(["service"])
    kept = {trait: Compartment(present.get(column, default)) for trait, column in columns.items()}
    bundle = deployment.keyring.for_sealing(workspace_id, {target: set(kept.values())})[target]
    rank = deployment.policies.trust.rank("api", Method.CORRECTED)
    rows = []
    for trait, value in traits.items():
        column, compartment = columns[trait], kept[trait]
        content = {"value": value, "messageId": text_id(request.request_id), "trait": trait}
        aad = record_aad(b"trait", workspace_id, target, column.encode(), NO_SOURCE)
        sealed = seal(bundle.key(compartment), orjson.dumps(content), aad)
        rows.append(
            StoredAssertion(
                workspace_id, target, column, NO_SOURCE, compartment, at, at, Method.CORRECTED.value, rank, sealed
            )
        )
    return rows
