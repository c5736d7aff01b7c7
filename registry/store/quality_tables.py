"""The table of data quality: one count a day, source and obstacle, so that trends can be seen."""

from __future__ import annotations

from registry.store.columns import number, uid, word
from registry.store.tables import DataTable


class QualityDayTable(DataTable, table=True):
    """How many of how many values or identifiers of a source were in the way of one view, on a day."""

    __tablename__ = "quality_day"
    workspace_id: bytes = uid(key=True)
    day: int = number(key=True)
    source_id: bytes = uid(key=True)
    obstacle: str = word(key=True)
    found: int = number()
    looked_at: int = number()
