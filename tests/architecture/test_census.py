"""The census is complete: every column of every table is declared (of the plan's properties, see `plans.lint`)."""

from __future__ import annotations

import pytest

from registry.dsr.census import GROUNDS, DeclaredField, Handling, undeclared
from registry.dsr.declarations import DECLARED
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.store import migrating
from registry.store.erasure import INDEX_TABLES, PERSONAL_TABLES


def _columns() -> set[tuple[str, str]]:
    return {
        (table.name, column.name)
        for role in ("data", "keystore")
        for table in migrating.models(role).tables.values()  # type: ignore[arg-type]
        for column in table.columns
    }


def test_every_column_is_declared() -> None:
    missing = undeclared(_columns(), DECLARED)
    assert not missing, f"declare these in registry/dsr/declarations.py, by how each is handled: {missing}"


def test_nothing_is_declared_that_does_not_exist_or_twice() -> None:
    named = [(field.table, field.field) for field in DECLARED]
    assert sorted(set(named) - _columns()) == []
    assert len(named) == len(set(named))


@pytest.mark.parametrize("kind", Kind)
def test_what_is_kept_is_kept_on_a_ground(kind: Kind) -> None:
    for field in DECLARED:
        disposition, ground = field.disposition(kind)
        assert (disposition.value == "retained") == bool(ground) or not field.is_personal


def test_an_erasure_erases_every_table_that_the_eraser_deletes_from() -> None:
    erased = {f.table for f in DECLARED if f.is_personal and f.disposition(Kind.ERASURE)[0].value == "erased"}
    assert {*PERSONAL_TABLES, *INDEX_TABLES, "violation", "quarantine", "quarantine_subject", "key_bundle"} <= erased


def test_content_is_given_out_and_has_categories() -> None:
    for field in DECLARED:
        if field.handling is Handling.CONTENT:
            assert field.categories, field
            assert field.disposition(Kind.ACCESS)[0].value == "exported"


def test_personal_fields_say_for_what_and_how_long() -> None:
    assert all(field.purposes and field.retention for field in DECLARED if isinstance(field, DeclaredField))
    assert all("Art." in ground for ground in GROUNDS.values())
    assert set(EFFECTS) == set(Kind)
    assert set(EFFECTS.values()) == set(Effect)
