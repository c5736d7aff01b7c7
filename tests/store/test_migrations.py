"""Migrations and models agree, on both engines, in both directions."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from registry.model.errors import NotInitialised, SchemaMismatch
from registry.store import migrating, schema, snapshot, versions
from registry.store.database import Database

ROLES: tuple[versions.Role, ...] = ("data", "keystore")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("role", ROLES)
def test_the_migrated_schema_equals_the_models(database: Database, role: versions.Role) -> None:
    schema.upgrade(database, role)
    assert migrating.differences(database, role) == []
    assert schema.current(database, role) == versions.HEADS[role]


@pytest.mark.parametrize("role", ROLES)
def test_each_revision_goes_up_and_comes_down_again(database: Database, role: versions.Role) -> None:
    steps = ["base", *migrating.revisions(role)]
    for before, after in pairwise(steps):
        schema.upgrade(database, role, after)
        assert schema.current(database, role) == after
        schema.downgrade(database, role, before)
        assert schema.current(database, role) == (None if before == "base" else before)
        schema.upgrade(database, role, after)
    schema.downgrade(database, role, "base")
    with database.owner() as transaction:
        left = set(inspect(transaction).get_table_names())
    assert left <= {versions.version_table(role)}


def test_identifiers_keep_their_rows_when_they_are_keyed_by_fragment(database: Database) -> None:
    columns = "workspace_id, blind_index, kind, fragment_id, sealed, source_id, message_key, first_seen_at"
    listed = text(f"SELECT {columns} FROM identifier ORDER BY fragment_id")
    put = text(f"INSERT INTO identifier ({columns}) VALUES (:w, :i, 'email', :f, :s, :w, :w, :at)")
    rows = [
        {"w": bytes(16), "i": bytes([9 - n]) * 16, "f": bytes([n]) * 16, "s": b"sealed", "at": 2**60 + n}
        for n in range(5)
    ]
    schema.upgrade(database, "data", "0019")
    with database.owner(writes=True) as transaction:
        transaction.execute(put, rows)
        before = transaction.execute(listed).all()
    for step in (schema.upgrade, schema.downgrade):
        step(database, "data", "0020" if step is schema.upgrade else "0019")
        with database.owner() as transaction:
            assert transaction.execute(listed).all() == before


def test_one_database_may_hold_both_roles(database: Database) -> None:
    for role in ROLES:
        schema.upgrade(database, role)
    for role in ROLES:
        schema.require_current(database, role)
        assert migrating.differences(database, role) == []


def test_an_empty_database_is_not_taken_for_a_registry(database: Database) -> None:
    with pytest.raises(NotInitialised) as error:
        schema.require_current(database, "data")
    assert error.value.hint == "run: registry init"


@pytest.mark.parametrize(("revision", "words"), [("9999", "newer"), ("0001", "older")])
def test_another_schema_version_is_refused_with_what_to_do(
    database: Database, revision: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.upgrade(database, "data")
    with database.owner(writes=True) as transaction:
        transaction.execute(text("UPDATE schema_version_data SET version_num = :v"), {"v": revision})
    if revision in migrating.revisions("data") and revision == versions.HEADS["data"]:
        monkeypatch.setitem(versions.HEADS, "data", "9998")
    with pytest.raises(SchemaMismatch) as error:
        schema.require_current(database, "data")
    assert words in error.value.detail
    assert error.value.hint


@pytest.mark.parametrize("role", ROLES)
def test_the_program_needs_the_newest_revision(role: versions.Role) -> None:
    assert migrating.revisions(role)[-1] == versions.HEADS[role]


@pytest.mark.parametrize("role", ROLES)
def test_the_script_of_a_first_start_is_what_the_migrations_make(role: versions.Role, tmp_path: Path) -> None:
    assert snapshot.script(role).read_text(encoding="utf-8") == snapshot.written(role), "run: make schema"
    made = Database(f"sqlite:///{tmp_path / 'new.db'}")
    assert snapshot.apply(made, role)
    assert not snapshot.apply(made, role), "it is for empty databases alone"
    assert migrating.differences(made, role) == []
    schema.require_current(made, role)
    made.close()


def test_whatever_changes_who_stands_how_is_written_down_by_the_database_itself(tmp_path: Path) -> None:
    """A migration that makes one of these tables anew drops its triggers: it must make them anew."""
    made = Database(f"sqlite:///{tmp_path / 'new.db'}")
    schema.upgrade(made, "data")
    with made.owner() as transaction:
        found = transaction.execute(text("SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'")).scalars()
        counts = Counter(found)
    made.close()
    assert counts == {"consent_state": 3, "fragment": 4, "standing_change": 1}


def test_a_first_start_needs_no_migrations(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from registry import bootstrap; from registry.settings import Settings;"
        f"bootstrap.initialise(Settings(data_dir=Path({str(tmp_path / 'data')!r}))); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
