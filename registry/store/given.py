"""The rows of a person, table by table, as a package gives them out: by the ties by which an erasure deletes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from registry.model.ids import BlindIndex, FragmentId, MessageKey, RequestId
from registry.model.stored import Quarantined
from registry.store.database import Transaction
from registry.store.erasure import INDEX_TABLES, PERSONAL_TABLES, violation_keys
from registry.store.rows import chunks, query, select_in

PAGE = 500


class Ties(NamedTuple):
    """What ties rows to a person: fragments, identifiers, quarantined messages, requests."""

    fragments: Collection[FragmentId]
    indexes: Collection[BlindIndex]
    quarantined: Collection[FragmentId]
    requests: Collection[RequestId]


def stream(
    transaction: Transaction, workspace_id: bytes, table: str, columns: Sequence[str], ties: Ties
) -> Iterator[Sequence[Any]]:
    """The person's rows of a table, each once, some columns of it.

    Raises:
        KeyError: the table is tied to nobody.
    """
    if table == "audit_entry":
        yield from _entries(transaction, workspace_id, columns, ties.fragments)
    elif table in INDEX_TABLES:
        yield from _at_two_ends(transaction, workspace_id, table, columns, ties.indexes)
    elif table == "violation":
        rejected = select_in(transaction, Quarantined, "quarantine", workspace_id, "quarantine_id", ties.quarantined)
        keys = violation_keys(transaction, workspace_id, ties.fragments) + [row.message_key for row in rejected]
        yield from _by(transaction, workspace_id, table, columns, "message_key", _distinct(keys))
    else:
        column, values = _tie(table, ties)
        yield from _by(transaction, workspace_id, table, columns, column, values)


def _tie(table: str, ties: Ties) -> tuple[str, Collection[bytes]]:
    if table in PERSONAL_TABLES:
        return PERSONAL_TABLES[table], ties.fragments
    other: dict[str, tuple[str, Collection[bytes]]] = {
        "quarantine": ("quarantine_id", ties.quarantined),
        "dsr_request": ("request_id", ties.requests),
        "dsr_event": ("request_id", ties.requests),
        "retained_case": ("request_id", ties.requests),
    }
    return other[table]


def _by(
    transaction: Transaction,
    workspace_id: bytes,
    table: str,
    columns: Sequence[str],
    column: str,
    values: Collection[bytes],
) -> Iterator[Sequence[Any]]:
    names = ", ".join(f'"{name}"' for name in columns)
    for chunk in chunks(values, PAGE):
        marks = ", ".join("?" * len(chunk))
        sql = f'SELECT {names} FROM "{table}" WHERE workspace_id = ? AND "{column}" IN ({marks})'
        yield from query(transaction, sql, workspace_id, *chunk)


def _at_two_ends(
    transaction: Transaction, workspace_id: bytes, table: str, columns: Sequence[str], indexes: Collection[BlindIndex]
) -> Iterator[Sequence[Any]]:
    own = {bytes(index) for index in indexes}
    yield from _by(transaction, workspace_id, table, columns, "low", own)
    for row in _by(transaction, workspace_id, table, (*columns, "low"), "high", own):
        if bytes(row[-1]) not in own:
            yield row[:-1]


def _entries(
    transaction: Transaction, workspace_id: bytes, columns: Sequence[str], fragments: Collection[FragmentId]
) -> Iterator[Sequence[Any]]:
    """The audit log's entries about a person, in its order for each fragment, page by page: there may be many."""
    names = ", ".join(f'e."{name}"' for name in columns)
    for fragment in sorted(fragments):
        after = -1
        while True:
            sql = (
                f"SELECT {names}, d.position FROM audit_detail d JOIN audit_entry e ON e.workspace_id = d.workspace_id "
                "AND e.position = d.position WHERE d.workspace_id = ? AND d.fragment_id = ? AND d.position > ? "
                "ORDER BY d.position LIMIT ?"
            )
            page = query(transaction, sql, workspace_id, fragment, after, PAGE)
            yield from (row[:-1] for row in page)
            if len(page) < PAGE:
                break
            after = page[-1][-1]


def _distinct(keys: Collection[MessageKey]) -> list[MessageKey]:
    return sorted(set(keys))
