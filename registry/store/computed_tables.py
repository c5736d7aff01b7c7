"""The table of counting back: how far each computed trait is, so that what was interrupted goes on."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field

from registry.store.columns import micros, text, uid, word
from registry.store.tables import DataTable


class CountedBackTable(DataTable, table=True):
    """That a computed trait, as it was defined then, was counted from the events that were there before it."""

    __tablename__ = "counted_back"
    workspace_id: bytes = uid(key=True)
    trait: str = word(key=True)
    form: str = text()
    after: bytes = Field(default=None, sa_column=Column(LargeBinary(16), nullable=False))
    started_at: int = micros()
    finished_at: int | None = micros(null=True)
