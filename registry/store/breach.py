"""What an incident touched: rows, people and keys, by table, source, time and KEK generation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId, ProfileId, SourceId
from registry.store.database import Transaction
from registry.store.rows import chunks, query


class Place(NamedTuple):
    """Where data of people lies.

    Attributes:
        rows: what its rows are selected from; `t` is the table itself.
        time: the time of a row.
        holder: the column that names whose key opens it.
        source: the condition that a row came from a source, by its id or (`source_name`) its name; empty where no row
            names its source.
        only: which rows still hold anything, as SQL.
        told: the columns that say what a row is about, in the clear.
        people: each holder and whose profile it is of, as SQL that ends where the holders follow; None where nothing
            says so.
    """

    rows: str
    time: str
    holder: str = "t.fragment_id"
    source: str = ""
    only: str = ""
    told: tuple[str, ...] = ()
    people: str | None = "SELECT fragment_id, profile_id FROM fragment WHERE workspace_id = ? AND fragment_id IN"


_OF_MESSAGES = (
    "SELECT s.quarantine_id, f.profile_id FROM quarantine_subject s "
    "JOIN fragment f ON f.workspace_id = s.workspace_id AND f.anchor = s.blind_index "
    "WHERE s.workspace_id = ? AND s.quarantine_id IN"
)
_OF_REQUESTS = (
    "SELECT request_id, profile_id FROM dsr_request WHERE workspace_id = ? AND profile_id IS NOT NULL AND request_id IN"
)
_WAITS = " AND t.sealed IS NOT NULL"
_CASES = "retained_item t JOIN retained_case c ON c.workspace_id = t.workspace_id AND c.case_id = t.case_id"

_BY_ID, _BY_NAME = "t.source_id = ?", "t.source_name = ?"
_OF_RECORDS = (
    "EXISTS (SELECT 1 FROM consent_record r WHERE r.workspace_id = t.workspace_id AND r.fragment_id = t.fragment_id "
    "AND r.purpose = t.purpose AND r.source_name = ?)"
)

PLACES: dict[str, Place] = {
    "event": Place("event t", "t.received_at", source=_BY_ID, told=("plan_version", "plan_event", "compartments")),
    "trait_assertion": Place("trait_assertion t", "t.received_at", source=_BY_ID, told=("trait", "compartment")),
    "identifier": Place("identifier t", "t.first_seen_at", source=_BY_ID, told=("kind",)),
    "consent_record": Place("consent_record t", "t.recorded_at", source=_BY_NAME),
    "consent_state": Place("consent_state t", "t.recorded_at", source=_OF_RECORDS),
    "quarantine": Place("quarantine t", "t.received_at", "t.quarantine_id", source=_BY_ID, people=_OF_MESSAGES),
    "dsr_request": Place("dsr_request t", "t.received_at", "t.request_id", only=_WAITS, people=_OF_REQUESTS),
    "dsr_letter": Place("dsr_letter t", "t.created_at", "t.letter_id", only=_WAITS, people=None),
    "destination_erasure": Place("destination_erasure t", "t.ordered_at", "t.order_id", only=_WAITS, people=None),
    "retained_item": Place(_CASES, "c.made_at", "t.case_id", people=None),
}
"""Every table whose declaration says that it holds content of people, what was set aside of them, or messages of whom
they are about.
"""


class Touched(NamedTuple):
    """What one holder has within an extent: rows, and when the first and last of them came."""

    holder: FragmentId
    rows: int
    first: Micros
    last: Micros


class Extent(NamedTuple):
    """How far an incident reached: everything, unless narrowed."""

    tables: Sequence[str]
    source_id: SourceId | None
    since: Micros | None
    until: Micros | None
    source_name: str = ""


def _where(place: Place, extent: Extent) -> tuple[str, list[object]] | None:
    where = place.only
    values: list[object] = []
    if extent.source_id is not None:
        if not place.source:
            return None
        where += f" AND {place.source}"
        values.append(extent.source_id if place.source == _BY_ID else extent.source_name)
    for word, bound in ((">=", extent.since), ("<", extent.until)):
        if bound is not None:
            where += f" AND {place.time} {word} ?"
            values.append(bound)
    return where, values


def touched_after(
    transaction: Transaction, workspace_id: bytes, table: str, extent: Extent, after: bytes, limit: int
) -> list[Touched]:
    """A page of the holders that have rows of a table within an extent, after the holder `after`."""
    place = PLACES[table]
    narrowed = _where(place, extent)
    if narrowed is None:
        return []
    where, values = narrowed
    sql = (
        f"SELECT {place.holder}, count(*), min({place.time}), max({place.time}) FROM {place.rows} "
        f"WHERE t.workspace_id = ? AND {place.holder} > ?{where} "
        f"GROUP BY {place.holder} ORDER BY {place.holder} LIMIT ?"
    )
    found = query(transaction, sql, workspace_id, after, *values, limit)
    return [Touched(FragmentId(bytes(row[0])), int(row[1]), row[2], row[3]) for row in found]


def told(
    transaction: Transaction, workspace_id: bytes, table: str, extent: Extent, holders: Collection[FragmentId]
) -> set[tuple[str | None, ...]]:
    """What the rows of these holders say of themselves in the clear, each answer once."""
    place = PLACES[table]
    narrowed = _where(place, extent)
    if narrowed is None or not place.told:
        return set()
    where, values = narrowed
    columns = ", ".join(f"t.{name}" for name in place.told)
    found: set[tuple[str | None, ...]] = set()
    for chunk in chunks(holders):
        sql = (
            f"SELECT DISTINCT {columns} FROM {place.rows} WHERE t.workspace_id = ?{where} "
            f"AND {place.holder} IN ({', '.join('?' * len(chunk))})"
        )
        found |= {tuple(row) for row in query(transaction, sql, workspace_id, *values, *chunk)}
    return found


def people(
    transaction: Transaction, workspace_id: bytes, table: str, holders: Collection[FragmentId]
) -> set[tuple[FragmentId, ProfileId]]:
    """These holders of a table with the profiles that they belong to, as far as anything says so."""
    place = PLACES[table]
    found: set[tuple[FragmentId, ProfileId]] = set()
    for chunk in chunks(holders) if place.people is not None else ():
        sql = f"{place.people} ({', '.join('?' * len(chunk))})"
        rows = query(transaction, sql, workspace_id, *chunk)
        found |= {(FragmentId(bytes(holder)), ProfileId(bytes(profile))) for holder, profile in rows}
    return found


def generations(
    transaction: Transaction, workspace_id: bytes, holders: Collection[FragmentId]
) -> dict[FragmentId, int]:
    """The KEK generation that each holder's keys are wrapped under (of the keystore); who has none is not named."""
    found: dict[FragmentId, int] = {}
    for chunk in chunks(holders):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT fragment_id, generation FROM key_bundle WHERE workspace_id = ? AND fragment_id IN ({marks})"
        found |= {FragmentId(bytes(row[0])): int(row[1]) for row in query(transaction, sql, workspace_id, *chunk)}
    return found
