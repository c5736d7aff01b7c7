"""Rectification (GDPR Art. 16): the person's own word on their traits, above every other source's."""

from __future__ import annotations

from typing import Any

import orjson

from registry.flows import trail
from registry.flows.deployment import Deployment
from registry.flows.sealing import IDENTITY
from registry.flows.subjects import NO_SOURCE
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import open_sealed, record_aad, seal
from registry.model.compartment import Compartment, compartment_of
from registry.model.errors import InvalidInput
from registry.model.grants import OpenGrant
from registry.model.ids import RequestId, text_id
from registry.model.provenance import Method
from registry.model.stored import Fragment, StoredAssertion, StoredRequest
from registry.store import events, identities, requests

MAX_TRAITS = 100


def seal_details(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    fragment: Fragment,
    details: dict[str, object],
) -> bytes:
    """The corrections asked for, sealed under the person's key until the request is run.

    Raises:
        InvalidInput: there are none, or too many.
    """
    traits = details.get("traits")
    if not isinstance(traits, dict) or not 0 < len(traits) <= MAX_TRAITS:
        raise InvalidInput(f"name 1 to {MAX_TRAITS} traits with their right values", pointer="/details/traits")
    bundles = deployment.keyring.for_sealing(workspace.workspace_id, {fragment.fragment_id: (IDENTITY,)})
    aad = record_aad(b"dsr", workspace.workspace_id, fragment.fragment_id, request_id, b"details")
    return seal(bundles[fragment.fragment_id].key(IDENTITY), orjson.dumps(traits), aad)


def apply(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, *, actor: str) -> None:
    """Write the corrections as assertions that win over every other; done again, nothing changes.

    A correction keeps the consent tags of the values that it corrects; one of a trait that nobody
    had asserted serves only `service`.
    """
    sealed = orjson.loads(request.progress).get("sealed_details")
    if request.profile_id is None or sealed is None:
        return
    workspace_id = workspace.workspace_id
    grant = OpenGrant(workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
    with deployment.data.write() as transaction:
        scope = requests.scope(transaction, workspace_id, request.request_id)
        fragments = identities.fragments(transaction, workspace_id, scope)
        target = min(fragments.values(), key=lambda fragment: (fragment.created_at, fragment.fragment_id))
        opened = deployment.keyring.for_opening(grant, [target.fragment_id])
        key = opened[target.fragment_id].key(IDENTITY)
        aad = record_aad(b"dsr", workspace_id, target.fragment_id, request.request_id, b"details")
        traits: dict[str, Any] = orjson.loads(open_sealed(key, bytes.fromhex(sealed), aad, grant, IDENTITY))
        present = {row.trait: row.compartment for row in events.assertions(transaction, workspace_id, fragments)}
        default = compartment_of(["service"])
        needs = {Compartment(present.get(trait, default)) for trait in traits}
        bundle = deployment.keyring.for_sealing(workspace_id, {target.fragment_id: needs})[target.fragment_id]
        rows = []
        for trait, value in traits.items():
            compartment = Compartment(present.get(trait, default))
            aad = record_aad(b"trait", workspace_id, target.fragment_id, trait.encode(), NO_SOURCE)
            plain = orjson.dumps({"value": value, "messageId": text_id(request.request_id)})
            rank = deployment.policies.trust.rank("api", Method.CORRECTED)
            rows.append(
                StoredAssertion(
                    workspace_id,
                    target.fragment_id,
                    trait,
                    NO_SOURCE,
                    compartment,
                    request.received_at,
                    request.received_at,
                    Method.CORRECTED.value,
                    rank,
                    seal(bundle.key(compartment), plain, aad),
                )
            )
        events.assert_traits(transaction, rows)
        identities.bump(transaction, workspace_id, [target.fragment_id])
        trail.append(
            transaction,
            workspace_id,
            deployment.clock(),
            actor=actor,
            action="dsr:traits:corrected",
            outcome="done",
            fields={"request": text_id(request.request_id), "traits": len(rows)},
        )
