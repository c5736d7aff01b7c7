"""The second look goes through every binary column of every table, but those that are known to hold something else."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from registry.store import migrating, second_look
from tests.simulator import RegistrySimulator

TABLES: dict[str, Table] = {
    table.name: table
    for role in ("data", "keystore")
    for table in migrating.models(role).tables.values()  # type: ignore[arg-type]
}
BINARY = {(t.name, c.name) for t in TABLES.values() for c in t.columns if isinstance(c.type, LargeBinary)}
KNOWN = second_look.SEALED | second_look.OTHER | second_look.BESIDE


def _looked_through(registry: RegistrySimulator) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for database in (registry.deployment.data, registry.deployment.keystore):
        with database.owner() as transaction:
            found |= set(second_look.places(transaction))
    return found


def test_every_binary_column_is_looked_through_or_known_to_hold_something_else(registry: RegistrySimulator) -> None:
    looked = _looked_through(registry)
    named = {(table, c) for table, c in BINARY if c not in KNOWN and table not in second_look.MEMORY}
    assert looked == named - second_look.KEYED
    assert {("fragment", "anchor"), ("identifier", "fragment_id"), ("key_bundle", "fragment_id")} <= looked


def test_nothing_is_left_out_by_the_name_of_no_column_or_table() -> None:
    assert {column for _, column in BINARY} >= KNOWN
    assert second_look.MEMORY <= TABLES.keys()
    assert second_look.KEYED <= BINARY


def test_the_second_look_costs_no_more_among_many_people(registry: RegistrySimulator) -> None:
    def leads(table: Table, column: str) -> bool:
        keys: list[list[Column[object]]] = [list(table.primary_key), *(list(index.columns) for index in table.indexes)]
        return any([one.name for one in key[:2]] == ["workspace_id", column] for key in keys)

    scanned = {table for table, column in _looked_through(registry) if not leads(TABLES[table], column)}
    assert scanned == set()
