"""What was on its way outside about the erased when an older copy of the data was put back: said again, or named.

Nobody knows any more who has been told by now. Told twice, a recipient erases nothing more; untold, it goes on using
what it has. What the erased were known by is gone with their keys: it is told the profile that it was sent events of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import orjson

from registry.dsr.requests import EFFECTS, ENDED, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import done_outside, passing_on
from registry.flows.dsr.history import RESTORE, add_to_history, restored_at
from registry.model.compartment import OUTSIDE
from registry.model.ids import FragmentId, RequestId, WorkspaceId
from registry.model.stored import ErasureOrder, StoredRequest
from registry.store import identities, requests
from registry.store.database import Transaction

ACTOR = "operator"
WHY = (
    "an older copy of the data was put back after this erasure had begun: connected systems are asked by what the "
    "request names alone, look there for whatever else the person is known by"
)
WHY_AGAIN = (
    "an older copy of the data was put back after this correction had begun: it begins again, and what led to a system "
    "before may be corrected by now, look there for the former value"
)


def tell_again(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, erased: Iterable[ErasureOrder]
) -> int:
    """Note that recipients are told of the erased whom the copy still has; how many messages that makes.

    Called while their rows are still there: they say who was sent what. A profile that the copy has of them and of
    others together is not told: it would be taken for all of them.

    Raises:
        KmsUnavailable, StoreUnavailable: run the replay again.
    """
    orders = {row.fragment_id: row.request_id for row in erased}
    present = identities.fragments(transaction, workspace_id, orders)
    profiles = {row.profile_id for row in present.values()}
    whole = identities.fragments_of_profiles(transaction, workspace_id, profiles)
    profiles -= {row.profile_id for row in whole if row.fragment_id not in present}
    by_request: dict[RequestId, list[FragmentId]] = defaultdict(list)
    for fragment_id, row in sorted(present.items()):
        if row.profile_id in profiles:
            by_request[orders[fragment_id]].append(fragment_id)
    return sum(
        passing_on.pass_on(
            deployment, transaction, workspace_id, request_id, fragments=fragments,
            profiles={present[one].profile_id for one in fragments}, people=(),
        )
        for request_id, fragments in by_request.items()
    )  # fmt: skip


def unfinished(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, begun: Collection[RequestId]
) -> list[RequestId]:
    """The erasures and corrections that had begun and not ended, of which the copy does not know everything; said in
    their history, and in their certificates. One that the copy has not is to be taken in anew.

    Args:
        begun: the erasures that the ledger has suppressions of, and whose own keys are still there.
    """
    found = []
    for request_id in sorted(begun):
        request = requests.get(transaction, workspace_id, request_id)
        if request is None or (deployment.linked and _is_of_before(request)):
            found.append(request_id)
            if request is not None:
                _say(deployment, transaction, request, WHY)
    for request in _corrected_outside(deployment, transaction, workspace_id):
        found.append(request.request_id)
        _say(deployment, transaction, request, WHY_AGAIN)
    return found


def _corrected_outside(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId
) -> list[StoredRequest]:
    """The corrections that had begun outside, by the keystore, and of which the copy does not know that."""
    standing = requests.in_states(transaction, workspace_id, [state.value for state in State if state not in ENDED])
    asked = {
        FragmentId(request.request_id): request
        for request in standing
        if EFFECTS[Kind(request.kind)] is Effect.CORRECT and _is_of_before(request)
    }
    keys = deployment.keyring.compartments(workspace_id, asked) if asked else {}
    return [asked[holder] for holder in sorted(asked) if OUTSIDE in keys.get(holder, ())]


def _is_of_before(request: StoredRequest) -> bool:
    """Whether what the person is known by outside was not sealed into it yet, as it is before anything is touched."""
    return State(request.state) not in ENDED and done_outside.FORESEEN not in orjson.loads(request.progress)


def _say(deployment: Deployment, transaction: Transaction, request: StoredRequest, why: str) -> None:
    if restored_at(transaction, request) is None:
        add_to_history(deployment, transaction, request, RESTORE, ACTOR, {"reason": why})
