"""Tables of retention: which compartments are locked, and what sweeps have done."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field

from registry.store.columns import micros, text, uid, word
from registry.store.tables import DataTable


class CompartmentLockTable(DataTable, table=True):
    """A compartment of one fragment that may not be opened: no purpose of it has a lawful ground."""

    __tablename__ = "compartment_lock"
    __table_args__ = (Index("ix_compartment_lock_shred", "workspace_id", "shred_at"),)
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    compartment: str = Field(default=None, sa_column=Column(Text, primary_key=True, nullable=False))
    reason: str = word()
    locked_at: int = micros()
    shred_at: int | None = micros(null=True)


class SweepTable(DataTable, table=True):
    """One run of retention, and how far it is: what was interrupted goes on from there."""

    __tablename__ = "sweep"
    workspace_id: bytes = uid(key=True)
    sweep_id: bytes = uid(key=True)
    started_at: int = micros()
    finished_at: int | None = micros(null=True)
    after: bytes = Field(default=None, sa_column=Column(LargeBinary(16), nullable=False))
    report: str = text()
