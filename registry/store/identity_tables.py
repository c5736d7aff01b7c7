"""Tables of what stewards and the alarm say about identity: of the data database, as those of `tables`."""

from __future__ import annotations

from sqlalchemy import Index

from registry.store.columns import micros, uid, word
from registry.store.tables import DataTable


class StewardDecisionTable(DataTable, table=True):
    """A steward's word on two identifiers: one person, two people, or a claim taken back."""

    __tablename__ = "steward_decision"
    __table_args__ = (Index("ix_steward_decision_high", "workspace_id", "high"),)
    workspace_id: bytes = uid(key=True)
    low: bytes = uid(key=True)
    high: bytes = uid(key=True)
    verdict: str = word()
    actor: str = word()
    decided_at: int = micros()


class RunawayIdentifierTable(DataTable, table=True):
    """An identifier with more neighbours than the alarm threshold: it joins nobody."""

    __tablename__ = "runaway_identifier"
    __table_args__ = (Index("uq_runaway_identifier_index", "workspace_id", "blind_index", unique=True),)
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    blind_index: bytes = uid()
    noticed_at: int = micros()
