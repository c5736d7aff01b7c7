"""What an incident touched: rows, people and keys, by table, source, time and KEK generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId, ProfileId, SourceId
from registry.store.database import Transaction
from registry.store.rows import query

PLACES: dict[str, tuple[str, bool]] = {
    "event": ("received_at", True),
    "trait_assertion": ("received_at", True),
    "identifier": ("first_seen_at", True),
    "consent_record": ("recorded_at", False),
}
"""The tables that hold a person's data: the time of their rows, and whether these name a source."""

PAGE = 500


class Touched(NamedTuple):
    """Rows of one table that an incident touched, and when the first and last of them came."""

    rows: int
    first: Micros | None
    last: Micros | None


class Extent(NamedTuple):
    """How far an incident reached: everything, unless narrowed."""

    tables: Sequence[str]
    source_id: SourceId | None
    since: Micros | None
    until: Micros | None


def _where(table: str, extent: Extent) -> tuple[str, list[object]] | None:
    time, sourced = PLACES[table]
    where = ""
    values: list[object] = []
    if extent.source_id is not None:
        if not sourced:
            return None
        where, values = " AND t.source_id = ?", [extent.source_id]
    for word, bound in ((">=", extent.since), ("<", extent.until)):
        if bound is not None:
            where += f" AND t.{time} {word} ?"
            values.append(bound)
    return where, values


def generation_of(transaction: Transaction, workspace_id: bytes, generation: int) -> Iterator[list[FragmentId]]:
    """The fragments whose keys are wrapped under a KEK generation, some at a time (of the keystore)."""
    after = b""
    while True:
        sql = (
            "SELECT fragment_id FROM key_bundle WHERE workspace_id = ? AND generation = ? AND fragment_id > ? "
            "ORDER BY fragment_id LIMIT ?"
        )
        page = [FragmentId(bytes(r[0])) for r in query(transaction, sql, workspace_id, generation, after, PAGE)]
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1]


def touched(
    transaction: Transaction, workspace_id: bytes, table: str, extent: Extent, among: Sequence[FragmentId] | None
) -> Touched:
    """The rows of one table within an extent; of these fragments only, if any are given."""
    narrowed = _where(table, extent)
    if narrowed is None:
        return Touched(0, None, None)
    where, values = narrowed
    time = PLACES[table][0]
    if among is not None:
        where += f" AND t.fragment_id IN ({', '.join('?' * len(among))})"
        values += among
    sql = f'SELECT count(*), min(t.{time}), max(t.{time}) FROM "{table}" t WHERE t.workspace_id = ?{where}'
    [(rows, first, last)] = query(transaction, sql, workspace_id, *values)
    return Touched(int(rows), first, last)


def people(
    transaction: Transaction, workspace_id: bytes, extent: Extent, among: Sequence[FragmentId] | None
) -> set[ProfileId]:
    """The profiles that have such rows."""
    found: set[ProfileId] = set()
    for table in extent.tables:
        narrowed = _where(table, extent)
        if narrowed is None:
            continue
        where, values = narrowed
        if among is not None:
            where += f" AND t.fragment_id IN ({', '.join('?' * len(among))})"
            values += among
        sql = (
            f'SELECT DISTINCT f.profile_id FROM "{table}" t JOIN fragment f ON f.workspace_id = t.workspace_id '
            f"AND f.fragment_id = t.fragment_id WHERE t.workspace_id = ?{where}"
        )
        found |= {ProfileId(bytes(row[0])) for row in query(transaction, sql, workspace_id, *values)}
    return found


def compartments(transaction: Transaction, workspace_id: bytes, extent: Extent) -> set[str]:
    """The compartments of the events and traits within an extent."""
    found: set[str] = set()
    for table, column in (("event", "compartments"), ("trait_assertion", "compartment")):
        narrowed = _where(table, extent) if table in extent.tables else None
        if narrowed is not None:
            where, values = narrowed
            sql = f'SELECT DISTINCT t.{column} FROM "{table}" t WHERE t.workspace_id = ?{where}'
            for row in query(transaction, sql, workspace_id, *values):
                found |= {name for name in str(row[0]).split(",") if name}
    return found
