"""The table of what may have changed who stands how, for those who hold standings in memory (decision 0017)."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Identity, Index, text
from sqlmodel import Field

from registry.store.columns import micros, uid
from registry.store.tables import DataTable

_KNOWN = text("transaction_id IS NOT NULL")


class StandingChangeTable(DataTable, table=True):
    """A fragment whose records, place or identifiers changed; none where something went away, which names nobody.

    Written by triggers in the transaction of the change, whoever makes it: on PostgreSQL with that transaction's id,
    whose snapshots tell what was committed since another; on SQLite in the order of the positions.
    """

    __tablename__ = "standing_change"
    __table_args__: ClassVar[Any] = (
        Index("ix_standing_change_fragment", "workspace_id", "fragment_id"),
        Index(
            "ix_standing_change_transaction",
            "workspace_id",
            "transaction_id",
            sqlite_where=_KNOWN,
            postgresql_where=_KNOWN,
        ),
        {"sqlite_with_rowid": False},
    )
    workspace_id: bytes = uid(key=True)
    position: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True, nullable=False))
    fragment_id: bytes | None = uid(null=True)
    transaction_id: int | None = micros(null=True)
