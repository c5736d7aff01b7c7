"""One entry of the audit log, durable, beside one row of the same size, durable."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.installation import installation
from benchmarks.raw import RawSQLite
from benchmarks.row import Row, in_turn, rate
from registry.flows.acts import trail

COUNT = 500
ROUNDS = 5


def measure() -> Iterator[tuple[str, Row]]:
    """A transaction an entry: the leaf, the tree's nodes and its head, against an insert and nothing else."""
    with installation() as made, made.opened() as opened, tempfile.TemporaryDirectory(prefix="registry-raw-") as folder:
        deployment, workspace_id = opened.registry.deployment, opened.workspace.workspace_id
        raw = RawSQLite(Path(folder) / "raw.db", made.data_file, "audit_entry")
        entry = b"e" * 180
        position = iter(range(10**9))

        def ours() -> None:
            for _ in range(COUNT):
                with deployment.data.owner(writes=True) as transaction:
                    trail.append(
                        transaction, workspace_id, deployment.clock(), actor="app:benchmark",
                        action="profile:view:read", outcome="given", fields={"purpose": "service"},
                    )  # fmt: skip

        def reference() -> float:
            return raw.rate([(workspace_id, next(position), entry) for _ in range(COUNT)], 1)

        a, b = in_turn(ROUNDS, lambda: rate(ours, COUNT), reference)
        raw.close()
    yield "audit-append", Row(a, b, "entries/s", COUNT, "an entry a transaction, against an insert a transaction")
