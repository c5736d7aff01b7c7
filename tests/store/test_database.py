"""A database that cannot be used says so, with what to do, and nothing stored is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from registry.model.errors import SettingInvalid, StoreUnavailable
from registry.model.stored import Workspace
from registry.store import administration, database, engines, schema
from registry.store.database import Database

ROW = Workspace(b"w" * 16, "first", 1)  # type: ignore[arg-type]
OTHER = Workspace(b"x" * 16, "second", 2)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "registry.db"
    opened = Database(f"sqlite:///{path}")
    schema.upgrade(opened, "data")
    with opened.owner(writes=True) as transaction:
        administration.add_workspace(transaction, ROW)
    opened.checkpoint()
    opened.close()
    return path


def _rows(path: Path) -> list[Workspace]:
    opened = Database(f"sqlite:///{path}")
    try:
        with opened.owner() as transaction:
            return administration.workspaces(transaction)
    finally:
        opened.close()


def test_a_locked_database_is_unavailable_and_keeps_what_it_has(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(database, "SQLITE_PRAGMAS", ("PRAGMA busy_timeout=50",))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    opened = Database(f"sqlite:///{file}")
    with pytest.raises(StoreUnavailable) as error, opened.owner(writes=True) as transaction:
        administration.add_workspace(transaction, OTHER)
    assert "locked" in error.value.detail
    assert "another process" in (error.value.hint or "")
    holder.execute("ROLLBACK")
    holder.close()
    with opened.owner(writes=True) as transaction:
        administration.add_workspace(transaction, OTHER)
    opened.close()
    assert _rows(file) == [ROW, OTHER]


def test_a_folder_that_does_not_exist_is_named_with_what_to_do(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'missing' / 'registry.db'}")
    with pytest.raises(StoreUnavailable) as error, opened.owner():
        pass
    assert "registry init" in (error.value.hint or "")


def test_a_read_only_database_still_reads(file: Path) -> None:
    # Run as another user where we are root: root may write whatever the file's mode says.
    script = (
        "import sys; from registry.store.database import Database; from registry.store import administration as a\n"
        "from registry.model.stored import Workspace; from registry.model.errors import StoreUnavailable\n"
        "d = Database('sqlite:///file:' + sys.argv[1] + '?mode=ro&uri=true')\n"
        "with d.owner() as t: assert len(a.workspaces(t)) == 1\n"
        "try:\n"
        "    with d.owner(writes=True) as t: a.add_workspace(t, Workspace(b'x' * 16, 'n', 1))\n"
        "except StoreUnavailable as e: print(e.detail, '|', e.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True)
    assert "readonly" in done.stdout
    assert "writable" in done.stdout
    assert _rows(file) == [ROW]


def test_a_damaged_file_is_named_as_damaged(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[0:64] = b"\x00" * 64
    file.write_bytes(bytes(data))
    with pytest.raises(StoreUnavailable) as error:
        _rows(file)
    assert "doctor" in (error.value.hint or "")


def test_an_error_inside_a_write_leaves_nothing_of_it(file: Path) -> None:
    opened = Database(f"sqlite:///{file}")
    with pytest.raises(RuntimeError), opened.owner(writes=True) as transaction:
        administration.add_workspace(transaction, OTHER)
        raise RuntimeError("something else went wrong")
    opened.close()
    assert _rows(file) == [ROW]


def test_errors_never_hold_the_parameters_of_a_statement(file: Path) -> None:
    opened = Database(f"sqlite:///{file}")
    with pytest.raises(StoreUnavailable) as error, opened.owner() as transaction:
        transaction.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": "marker-7f3a"})
    opened.close()
    shown = f"{error.value} {error.value.hint} {error.value.__cause__}"
    assert "marker-7f3a" not in shown


@pytest.mark.parametrize("url", ["mysql://h/db", "nonsense", "sqlite"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid):
        Database(url)


def test_writes_are_durable_when_they_return(file: Path) -> None:
    opened = Database(f"sqlite:///{file}")
    with opened.owner() as transaction:
        assert transaction.execute(text("PRAGMA synchronous")).scalar() == 2
        assert transaction.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert transaction.execute(text("PRAGMA secure_delete")).scalar() == 1
        assert transaction.execute(text("PRAGMA temp_store")).scalar() == 2
    opened.close()
