"""What had ended when an older copy of the data was put back: its key is gone from the keystore, and the copy has it.

1. refusals   what objections, withdrawals and restrictions had decided is recorded again, by the ledger and the row of
              the request, also of one that was begun and cancelled, or waits for systems outside: no copy turns a no
              into a yes
2. requests   those that ended since end again, as far as that can be told: nobody can read any more what they held.
              Complete is an erasure that the ledger says was certified, and what was recorded again. What they named
              goes, and so do the links to their packages
3. cases      what was set aside and is destroyed goes again
4. profiles   the erased are taken off the merges of others and off the requests of before

Nothing of this can be opened, so nothing would ever come of it; but it would be tried again and again, or shown as if
it were still there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import orjson

from registry.dsr.requests import EFFECTS, ENDED, KEPT, Effect, Kind, Move, State
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import recording
from registry.flows.workspace import open_workspace
from registry.model.clock import Micros
from registry.model.compartment import OUTSIDE
from registry.model.ids import FragmentId, RequestId, WorkspaceId, text_id
from registry.model.stored import StoredRequest
from registry.store import erasure, holdings, identities, requests
from registry.store.database import Transaction

ACTOR = "operator"
WHY = "it had ended when an older copy of the data was put back, and its certificate is not in that copy"
AGAIN = "it had been answered when an older copy of the data was put back: what it decided is recorded again"
NOBODY = (
    "it had been answered, or begun, when an older copy of the data was put back, which knows nobody by what it named: "
    "what it decided is not recorded, take it in anew"
)
UNCORRECTED = (
    "it had been answered, or begun, when an older copy of the data was put back: the right value is not in that copy, "
    "take the correction in anew"
)
STOPPED = (
    "it had been begun and cancelled when an older copy of the data was put back: what it decided is recorded again"
)
UNSAID = "it had ended when an older copy of the data was put back, and how is not in that copy"


class Ledger(NamedTuple):
    """What the keystore says has ended.

    Attributes:
        destroyed: whose keys were destroyed, and when.
        certified: the requests that were certified.
        erasures: those that erased somebody; of these, only what was begun by a version that said so.
        stopped: those that were cancelled after they had been begun, and whose effect here stayed.
    """

    destroyed: Mapping[FragmentId, Micros]
    certified: Collection[RequestId]
    erasures: Collection[RequestId]
    stopped: Collection[RequestId]

    @property
    def effective(self) -> set[RequestId]:
        """Those that had changed something, but for what was erased."""
        return {*self.certified, *self.stopped}.difference(self.erasures)


def refuse_again(deployment: Deployment, workspace_id: WorkspaceId, ledger: Ledger) -> dict[RequestId, bool]:
    """1. refusals. The requests that had decided something, and whether anybody is known of whom that is recorded.

    Done again, it records nothing more; called before they are ended, or a kill in between would leave none to find.

    Raises:
        KmsUnavailable, StoreUnavailable: run the replay again.
    """
    with deployment.data.read(workspace_id) as transaction:
        standing = requests.in_states(transaction, workspace_id, [state.value for state in State if state not in ENDED])
        known = requests.among(transaction, workspace_id, {*ledger.effective, *_begun(deployment, standing)})
    found = [
        request
        for request in known
        if State(request.state) not in ENDED and EFFECTS[Kind(request.kind)] is Effect.RECORD
    ]
    if not found:
        return {}
    workspace = open_workspace(deployment, workspace_id)
    return {
        request.request_id: recording.record_again(
            deployment, workspace, request, erased=ledger.destroyed.keys(), actor=ACTOR
        )
        for request in found
    }


def _begun(deployment: Deployment, standing: Collection[StoredRequest]) -> set[RequestId]:
    """Those of these requests that record something, and that had been begun, by the keystore (`recording.record`)."""
    asked = {FragmentId(one.request_id): one for one in standing if EFFECTS[Kind(one.kind)] is Effect.RECORD}
    if not asked:
        return set()
    keys = deployment.keyring.compartments(next(iter(asked.values())).workspace_id, asked)
    return {asked[holder].request_id for holder, names in keys.items() if OUTSIDE in names}


def end_again(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    ledger: Ledger,
    refused: Mapping[RequestId, bool],
) -> tuple[int, list[RequestId]]:
    """Bring what the copy still has to its end; how many requests and cases that changed, and the requests that were
    answered, or stopped, and of which nothing is left in the copy: one that it has not may have changed nothing.

    Args:
        refused: the requests that had decided something, and whether that is recorded (`refuse_again`).
    """
    destroyed, lost = ledger.destroyed, list[RequestId]()
    # 2. requests
    known = requests.among(transaction, workspace_id, destroyed)
    requests.unseal(transaction, workspace_id, [request.request_id for request in known])
    unended = [request for request in known if State(request.state) not in ENDED]
    for request in unended:
        move, why = _outcome(request, ledger, refused)
        _end(deployment, transaction, request, destroyed[FragmentId(request.request_id)], move, why)
        lost += [request.request_id] if why in (NOBODY, UNCORRECTED) else []
    missing = ledger.effective.difference(request.request_id for request in known)
    # 3. cases
    cases = [case for case in holdings.open_cases(transaction, workspace_id) if case.case_id in destroyed]
    for case in cases:
        holdings.delete_items(transaction, workspace_id, case.case_id, None)
        holdings.write_case(transaction, case._replace(ended_at=destroyed[case.case_id]))
    return len(unended) + len(cases), sorted({*lost, *missing})


def forget_profiles(transaction: Transaction, workspace_id: WorkspaceId, destroyed: Collection[FragmentId]) -> None:
    """4. profiles. Those of whom every fragment is in the ledger; called while their fragments are still there."""
    present = identities.fragments(transaction, workspace_id, destroyed)
    profiles = {row.profile_id for row in present.values()}
    left = {row.profile_id for row in identities.fragments_of_profiles(transaction, workspace_id, profiles)
            if row.fragment_id not in present}  # fmt: skip
    for profile_id in sorted(profiles - left):
        erasure.forget_profile(transaction, workspace_id, profile_id)


def _outcome(request: StoredRequest, ledger: Ledger, refused: Mapping[RequestId, bool]) -> tuple[Move, str]:
    """How a request ends again, and why, in the history's words."""
    request_id, effect = request.request_id, EFFECTS[Kind(request.kind)]
    if request.certificate is not None or (effect is Effect.ERASE and request_id in ledger.erasures):
        return Move.COMPLETE, WHY
    if request_id in refused:
        recorded = (Move.CANCEL, STOPPED) if request_id in ledger.stopped else (Move.COMPLETE, AGAIN)
        return recorded if refused[request_id] else (Move.CANCEL, NOBODY)
    if effect is Effect.CORRECT and request_id in ledger.effective:
        return Move.CANCEL, UNCORRECTED
    return Move.CANCEL, UNSAID


def _end(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    ended_at: Micros,
    by: Move,
    why: str,
) -> None:
    """A request's key is destroyed when it has been certified, or when it is refused or cancelled."""
    was_done = by is Move.COMPLETE
    state = State.COMPLETED if was_done else State.CANCELLED
    progress = {name: told for name, told in orjson.loads(request.progress).items() if name in KEPT}
    done = request._replace(
        state=state.value, completed_at=ended_at if was_done else None, due_at=None, sealed=None, profile_id=None,
        progress=orjson.dumps(progress).decode(),
    )  # fmt: skip
    if not requests.move(transaction, done, was=request.state):  # a server that runs, which it should not, has ended it
        return
    now, told = deployment.clock(), {"reason": why}
    requests.add_event(transaction, done, action=by.value, actor=ACTOR, at=now, details=orjson.dumps(told).decode())
    trail.append(
        transaction, request.workspace_id, now, actor=ACTOR, action="dsr:request:moved", outcome=done.state,
        fields={"request": text_id(request.request_id), "move": by.value, "state": done.state, **told},
    )  # fmt: skip
