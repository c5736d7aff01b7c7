"""The table of imports: how far each is, so that what was interrupted goes on."""

from __future__ import annotations

from registry.store.columns import micros, number, uid, word
from registry.store.tables import DataTable


class ImportRunTable(DataTable, table=True):
    """One import of existing customers, by the name in its mapping."""

    __tablename__ = "import_run"
    workspace_id: bytes = uid(key=True)
    name: str = word(key=True)
    source_id: bytes = uid()
    fingerprint: bytes = uid()
    rows_done: int = number()
    accepted: int = number()
    rejected: int = number()
    duplicate: int = number()
    suppressed: int = number()
    unreadable: int = number()
    started_at: int = micros()
    finished_at: int | None = micros(null=True)
