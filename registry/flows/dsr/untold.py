"""What was on its way outside about the erased when an older copy of the data was put back: said again, or named.

Nobody knows any more who has been told by now. Told twice, a recipient erases nothing more; untold, it goes on using
what it has. What the erased were known by is gone with their keys: it is told the profile that it was sent events of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import orjson

from registry.dsr.requests import ENDED, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import linked, passing_on
from registry.flows.dsr.history import RESTORE, acts_of, add_to_history
from registry.model.ids import FragmentId, RequestId, WorkspaceId
from registry.model.stored import ErasureOrder
from registry.store import identities, requests
from registry.store.database import Transaction

ACTOR = "operator"
WHY = (
    "an older copy of the data was put back after this erasure had begun: connected systems are asked by what the "
    "request names alone, look there for whatever else the person is known by"
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
    """The erasures that had begun and not ended, of which the copy does not know everything; said in their history,
    and in their certificates.

    Args:
        begun: the requests that the ledger has suppressions of, and whose own keys are still there.
    """
    found = []
    for request_id in sorted(begun):
        request = requests.get(transaction, workspace_id, request_id)
        if request is not None and (State(request.state) in ENDED or linked.FORESEEN in orjson.loads(request.progress)):
            continue  # what the person is known by outside was sealed into it before anything was touched there
        found.append(request_id)
        if request is not None and RESTORE not in {act for act, _ in acts_of(transaction, request)}:
            add_to_history(deployment, transaction, request, RESTORE, ACTOR, {"reason": WHY})
    return found
