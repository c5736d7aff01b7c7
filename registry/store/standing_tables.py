"""The table of what may have changed who stands how, for those who hold standings in memory (decision 0017)."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index

from registry.store.columns import number, uid
from registry.store.tables import DataTable


class StandingChangeTable(DataTable, table=True):
    """A fragment whose records, place or identifiers changed; none where something went away, which names nobody.

    Written on SQLite alone, by triggers in the transaction of the change, whoever makes it.
    """

    __tablename__ = "standing_change"
    __table_args__: ClassVar[Any] = (
        Index("ix_standing_change_fragment", "workspace_id", "fragment_id"),
        {"sqlite_with_rowid": False},
    )
    workspace_id: bytes = uid(key=True)
    position: int = number(key=True)
    fragment_id: bytes | None = uid(null=True)
