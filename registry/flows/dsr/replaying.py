"""Data that was put back from before an erasure, held against the erasure ledger before anything else reads or writes.

The keystore holds the ledger: which fragments' keys were destroyed, and which identifiers must not be known again. The
rows of the erased are deleted, their suppression is put back, what people had refused by requests is recorded again,
requests that have ended since end again (`ended_since`), and whoever has data of the erased is told again (`untold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import ended_since, untold
from registry.flows.dsr.reference import STOPPED
from registry.flows.dsr.scoping import BEGUN
from registry.model.ids import RequestId, WorkspaceId, text_id
from registry.store import administration, erasure, identities, keystore, quarantine


class Replayed(NamedTuple):
    """What the ledger changed in restored data.

    Attributes:
        fragments, rows, suppressions: erased again, deleted, and put back.
        ended: requests and cases that had ended since.
        told: recipients that are told again of whom they may still hold.
        unfinished: erasures and corrections that had begun and not ended, by request: of these people connected systems
            may still hold what the data of the copy no longer leads to. One that the copy has not is taken in anew.
        lost: requests that were answered since, or begun and cancelled, and are without effect in the copy, or are not
            in it at all: what changed something is taken in anew. A certificate says what each had asked for.
    """

    fragments: int
    rows: int
    suppressions: int
    ended: int
    told: int
    unfinished: tuple[str, ...]
    lost: tuple[str, ...]


def replay_erasures(deployment: Deployment) -> dict[WorkspaceId, Replayed]:
    """Hold the data against the erasure ledger; done again, it changes nothing.

    Raises:
        StoreUnavailable: it must be run again before anything else uses the data.
    """
    with deployment.data.directory() as transaction:
        known = [row.workspace_id for row in administration.workspaces(transaction)]
    return {workspace_id: _replay(deployment, workspace_id) for workspace_id in known}


def as_json(replayed: Mapping[WorkspaceId, Replayed]) -> list[dict[str, Any]]:
    """What was changed in each workspace, as an operator is told it."""
    return [{"workspace": text_id(workspace_id)} | told._asdict() for workspace_id, told in replayed.items()]


def _replay(deployment: Deployment, workspace_id: WorkspaceId) -> Replayed:
    with deployment.keystore.read(workspace_id) as transaction:
        ledger = keystore.erasure_ledger(transaction, workspace_id)
        remembered = keystore.remembered_suppressions(transaction, workspace_id)
    destroyed = {row.fragment_id: row.ordered_at for row in ledger}
    orders, erasures = list(destroyed), {RequestId(row.request_id) for row in remembered}
    suppressions = [row for row in remembered if row.reason != BEGUN]
    # By `reference.forget`.
    certified = {RequestId(row.request_id) for row in ledger if bytes(row.fragment_id) == row.request_id}
    begun = {RequestId(row.request_id) for row in remembered if row.reason == BEGUN}
    stopped = {RequestId(row.fragment_id) for row in ledger if row.request_id == STOPPED}
    ended = ended_since.Ledger(destroyed, certified, begun & certified, stopped)
    with deployment.keystore.write(workspace_id) as transaction:
        keystore.shred_bundles(transaction, workspace_id, orders)
    refused = ended_since.refuse_again(deployment, workspace_id, ended)
    with deployment.data.write(workspace_id) as transaction:
        quarantine.hold_suppressions(transaction, workspace_id, exclusive=True)
        present = identities.fragments(transaction, workspace_id, orders)
        indexes = [row.blind_index for row in identities.identifiers_of(transaction, workspace_id, present)]
        shut = quarantine.about(transaction, workspace_id, indexes)
        erased = [row for row in ledger if row.request_id in erasures]
        told = untold.tell_again(deployment, transaction, workspace_id, erased)
        unfinished = untold.unfinished(deployment, transaction, workspace_id, erasures - destroyed.keys())
        again, lost = ended_since.end_again(deployment, transaction, workspace_id, ended, refused)
        ended_since.forget_profiles(transaction, workspace_id, orders)
        rows = sum(erasure.erase_rows(transaction, workspace_id, orders, indexes).values())
        rows += quarantine.erase(transaction, workspace_id, {*shut, *orders})
        missing = {row.suppression_key for row in suppressions}
        missing -= quarantine.suppressed(transaction, workspace_id, missing)
        quarantine.suppress(transaction, suppressions)
        if rows or missing or again or told:
            trail.append(
                transaction, workspace_id, deployment.clock(), actor="operator", action="backup:erasures:replayed",
                outcome="done", fields={"rows": rows, "suppressions": len(missing), "ended": again, "told": told},
            )  # fmt: skip
    deployment.data.checkpoint()
    named = (tuple(map(text_id, ids)) for ids in (unfinished, lost))
    return Replayed(len(present), rows, len(missing), again, told, *named)
