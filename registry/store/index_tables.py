"""The table of moves to another blind-index key: how far each is, so that what was interrupted goes on."""

from __future__ import annotations

from registry.store.columns import blob, micros, number, uid
from registry.store.tables import DataTable


class IndexMoveTable(DataTable, table=True):
    """That a workspace's identifiers move, or have moved, under a version of its blind-index key."""

    __tablename__ = "index_move"
    workspace_id: bytes = uid(key=True)
    version: int = number(key=True)
    after: bytes = blob()
    moved: int = number()
    closed: int = number()
    total: int = number()
    started_at: int = micros()
    finished_at: int | None = micros(null=True)
