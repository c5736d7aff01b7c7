"""What had ended when an older copy of the data was put back: its key is gone from the keystore, and the copy has it.

1. requests   those that ended since end again, as far as that can be told: nobody knows any more whom they were about.
              Only an erasure that the ledger says was certified is complete. What they named goes, and so do the links
              to their packages
2. cases      what was set aside and is destroyed goes again
3. profiles   the erased are taken off the merges of others and off the requests of before

Nothing of this can be opened, so nothing would ever come of it; but it would be tried again and again, or shown as if
it were still there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson

from registry.dsr.requests import EFFECTS, ENDED, KEPT, Effect, Kind, Move, State
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.model.clock import Micros
from registry.model.ids import FragmentId, RequestId, WorkspaceId, text_id
from registry.model.stored import StoredRequest
from registry.store import erasure, holdings, identities, requests
from registry.store.database import Transaction

ACTOR = "operator"
WHY = "it had ended when an older copy of the data was put back, and its certificate is not in that copy"
UNSAID = "it had ended when an older copy of the data was put back, and how is not in that copy"


def end_again(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    destroyed: Mapping[FragmentId, Micros],
    erasures: Collection[RequestId],
) -> int:
    """Bring what the copy still has to its end; how many requests and cases that changed.

    Args:
        destroyed: whose keys were destroyed by the ledger, and when.
        erasures: the requests that erased somebody and were certified, by the ledger.
    """
    # 1. requests
    known = requests.among(transaction, workspace_id, destroyed)
    requests.unseal(transaction, workspace_id, [request.request_id for request in known])
    unended = [request for request in known if State(request.state) not in ENDED]
    for request in unended:
        _end(deployment, transaction, request, destroyed[FragmentId(request.request_id)], erasures)
    # 2. cases
    cases = [case for case in holdings.open_cases(transaction, workspace_id) if case.case_id in destroyed]
    for case in cases:
        holdings.delete_items(transaction, workspace_id, case.case_id, None)
        holdings.write_case(transaction, case._replace(ended_at=destroyed[case.case_id]))
    return len(unended) + len(cases)


def forget_profiles(transaction: Transaction, workspace_id: WorkspaceId, destroyed: Collection[FragmentId]) -> None:
    """3. profiles. Those of whom every fragment is in the ledger; called while their fragments are still there."""
    present = identities.fragments(transaction, workspace_id, destroyed)
    profiles = {row.profile_id for row in present.values()}
    left = {row.profile_id for row in identities.fragments_of_profiles(transaction, workspace_id, profiles)
            if row.fragment_id not in present}  # fmt: skip
    for profile_id in sorted(profiles - left):
        erasure.forget_profile(transaction, workspace_id, profile_id)


def _end(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    ended_at: Micros,
    erasures: Collection[RequestId],
) -> None:
    """A request's key is destroyed when it has been certified, or when it is refused or cancelled."""
    was_done = request.certificate is not None or (
        EFFECTS[Kind(request.kind)] is Effect.ERASE and request.request_id in erasures
    )
    by, state = (Move.COMPLETE, State.COMPLETED) if was_done else (Move.CANCEL, State.CANCELLED)
    progress = {name: told for name, told in orjson.loads(request.progress).items() if name in KEPT}
    done = request._replace(
        state=state.value, completed_at=ended_at if was_done else None, due_at=None, sealed=None, profile_id=None,
        progress=orjson.dumps(progress).decode(),
    )  # fmt: skip
    requests.move(transaction, done, was=request.state)
    now, told = deployment.clock(), {"reason": WHY if was_done else UNSAID}
    requests.add_event(transaction, done, action=by.value, actor=ACTOR, at=now, details=orjson.dumps(told).decode())
    trail.append(
        transaction, request.workspace_id, now, actor=ACTOR, action="dsr:request:moved", outcome=done.state,
        fields={"request": text_id(request.request_id), "move": by.value, "state": done.state, **told},
    )  # fmt: skip
