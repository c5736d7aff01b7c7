"""Backup and restore, data and keystore apart, and erasures that a restore does not undo.

The keystore holds the erasure ledger: which fragments' keys were destroyed, and which identifiers
must not be known again. Data restored from before an erasure is held against it before anything
else may read or write: the rows of the erased are deleted, their suppression is put back, requests
that have ended since end again (`ended_since`), and whoever has data of the erased is told again (`untold`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.upkeep import ended_since, untold
from registry.model.errors import Conflict
from registry.model.ids import RequestId, WorkspaceId, text_id
from registry.store import administration, erasure, identities, keystore, quarantine

DATA_FILE = "registry.db"
KEYSTORE_FILE = "keys.db"


class Replayed(NamedTuple):
    """What the ledger changed in restored data.

    Attributes:
        fragments, rows, suppressions: erased again, deleted, and put back.
        ended: requests and cases that had ended since.
        told: recipients that are told again of whom they may still hold.
        unfinished: erasures that had begun and not ended, by request: of these people connected systems may still hold
            what the data of the copy no longer leads to.
    """

    fragments: int
    rows: int
    suppressions: int
    ended: int
    told: int
    unfinished: tuple[str, ...]


def back_up(deployment: Deployment, folder: Path, *, with_keystore: bool) -> list[Path]:
    """Copy the data, or the keystore, into a folder while the registry runs; the files written.

    The two are never put into one folder together: whoever holds both holds everything.

    Raises:
        Conflict: there is a copy in the folder already, or the databases are PostgreSQL.
        StoreUnavailable: the copy could not be made.
    """
    database, name = (deployment.keystore, KEYSTORE_FILE) if with_keystore else (deployment.data, DATA_FILE)
    other = DATA_FILE if with_keystore else KEYSTORE_FILE
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / other).exists():
        raise Conflict("data and keystore do not belong into one backup", hint="name another folder")
    database.back_up(folder / name)
    return [folder / name]


def replay_erasures(deployment: Deployment) -> dict[WorkspaceId, Replayed]:
    """Hold the data against the erasure ledger; done again, it changes nothing.

    Raises:
        StoreUnavailable: it must be run again before anything else uses the data.
    """
    with deployment.data.directory() as transaction:
        known = [row.workspace_id for row in administration.workspaces(transaction)]
    return {workspace_id: _replay(deployment, workspace_id) for workspace_id in known}


def _replay(deployment: Deployment, workspace_id: WorkspaceId) -> Replayed:
    with deployment.keystore.read(workspace_id) as transaction:
        ledger = keystore.erasure_ledger(transaction, workspace_id)
        suppressions = keystore.remembered_suppressions(transaction, workspace_id)
    destroyed = {row.fragment_id: row.ordered_at for row in ledger}
    orders, erasures = list(destroyed), {RequestId(row.request_id) for row in suppressions}
    with deployment.keystore.write(workspace_id) as transaction:
        keystore.shred_bundles(transaction, workspace_id, orders)
    with deployment.data.write(workspace_id) as transaction:
        quarantine.hold_suppressions(transaction, workspace_id, exclusive=True)
        present = identities.fragments(transaction, workspace_id, orders)
        indexes = [row.blind_index for row in identities.identifiers_of(transaction, workspace_id, present)]
        shut = quarantine.about(transaction, workspace_id, indexes)
        erased = [row for row in ledger if row.request_id in erasures]
        told = untold.tell_again(deployment, transaction, workspace_id, erased)
        unfinished = untold.unfinished(deployment, transaction, workspace_id, erasures - destroyed.keys())
        ended = ended_since.end_again(deployment, transaction, workspace_id, destroyed, erasures)
        ended_since.forget_profiles(transaction, workspace_id, orders)
        rows = sum(erasure.erase_rows(transaction, workspace_id, orders, indexes).values())
        rows += quarantine.erase(transaction, workspace_id, {*shut, *orders})
        missing = {row.suppression_key for row in suppressions}
        missing -= quarantine.suppressed(transaction, workspace_id, missing)
        quarantine.suppress(transaction, suppressions)
        if rows or missing or ended or told:
            trail.append(
                transaction, workspace_id, deployment.clock(), actor="operator", action="backup:erasures:replayed",
                outcome="done", fields={"rows": rows, "suppressions": len(missing), "ended": ended, "told": told},
            )  # fmt: skip
    deployment.data.checkpoint()
    return Replayed(len(present), rows, len(missing), ended, told, tuple(map(text_id, unfinished)))
