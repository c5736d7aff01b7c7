"""A copy takes the place of the data once it is ready; whatever speaks against it leaves the data as they are."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry import bootstrap
from registry.cli.restoring import put_back
from registry.flows.dsr import replaying
from registry.model.errors import (
    Conflict,
    KeyMissing,
    NotInitialised,
    RegistryError,
    SchemaMismatch,
    StoreUnavailable,
)
from registry.settings import Settings
from registry.store import integrity, schema
from registry.store.database import Database
from registry.store.file_lock import held_file
from registry.store.in_use import is_in_use
from registry.store.migrating import revisions
from tests.cli.test_commands import answer

FILE = "registry.db"
GONE = ("--subject", "user_id=gone")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A registry that has a copy of its data beside it, and somebody who was erased since."""
    path = tmp_path / "data"
    bootstrap.initialise(Settings(data_dir=path))
    answer(path, "consent", "record", "--purpose", "marketing", "--status", "granted", *GONE)
    answer(path, "backup", "--to", str(tmp_path / "copy"))
    request = answer(path, "dsr", "open", "erasure", *GONE)["request_id"]
    for step, officer in (("verify", "a"), ("approve", "b"), ("run", "b")):
        answer(path, "dsr", step, request, "--as", officer)
    return path


def _refused(data: Path, copy: Path) -> RegistryError:
    before = (data / FILE).read_bytes()
    with pytest.raises(RegistryError) as caught:
        put_back(Settings(data_dir=data), copy, data / FILE)
    assert (data / FILE).read_bytes() == before
    assert not list(data.glob("*.restoring*"))
    return caught.value


def test_while_a_server_has_the_data_open_nothing_is_put_back(data: Path) -> None:
    copy, server = data.parent / "copy" / FILE, bootstrap.connect(Settings(data_dir=data))
    try:
        with server.deployment.data.directory():
            pass
        assert is_in_use(data / FILE)
        assert isinstance(_refused(data, copy), Conflict)
    finally:
        server.close()
    assert not is_in_use(data / FILE)
    assert put_back(Settings(data_dir=data), copy, data / FILE)


def _cut_short(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])


def _overwritten(copy: Path) -> None:
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2] + b"\xff" * 8192 + whole[len(whole) // 2 + 8192 :])


def _cut_within_its_last_page(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage", [_cut_short, _cut_within_its_last_page, _overwritten, lambda copy: copy.write_bytes(b"no database" * 999)]
)
def test_a_damaged_copy_is_not_put_back(data: Path, damage: Callable[[Path], None]) -> None:
    copy = data.parent / "copy" / FILE
    damage(copy)
    error = _refused(data, copy)
    assert isinstance(error, Conflict)
    assert "is damaged" in error.detail


def test_a_copy_of_another_registry_or_of_none_is_not_put_back(data: Path, tmp_path: Path) -> None:
    bootstrap.initialise(Settings(data_dir=tmp_path / "other"))
    assert isinstance(_refused(data, tmp_path / "other" / FILE), KeyMissing)
    (tmp_path / "empty.db").touch()
    assert isinstance(_refused(data, tmp_path / "empty.db"), NotInitialised)


def test_a_copy_of_an_earlier_version_is_brought_up_to_date_and_who_was_erased_since_is_erased_again(
    data: Path,
) -> None:
    copy = data.parent / "copy" / FILE
    older = Database(f"sqlite:///{copy}")
    schema.downgrade(older, "data", revisions("data")[-2])
    older.close()
    [replayed] = put_back(Settings(data_dir=data), copy, data / FILE).values()
    assert replayed.fragments == 1
    assert answer(data, "audit", "verify")["faults"] == []


def test_a_copy_of_a_later_version_is_not_put_back(data: Path) -> None:
    copy = data.parent / "copy" / FILE
    later = Database(f"sqlite:///{copy}")
    with later.owner(writes=True) as transaction:
        transaction.exec_driver_sql("UPDATE schema_version_data SET version_num = '9999'")
    later.close()
    assert isinstance(_refused(data, copy), SchemaMismatch)


def test_a_disk_that_is_full_is_no_damage_of_the_copy(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, full = data.parent / "copy" / FILE, sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def unread(_: object) -> Any:
        raise StoreUnavailable("full") from full

    for place, name, fails in ((shutil, "copyfile", no_space), (integrity, "damage", unread)):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, fails)
            assert isinstance(_refused(data, copy), StoreUnavailable)


def test_what_is_not_in_the_file_itself_when_it_is_to_be_put_in_place_is_not_lost(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, right, readers = data.parent / "copy" / FILE, replaying.replay_erasures, list[sqlite3.Connection]()

    def replayed(deployment: Any) -> Any:
        readers.append(sqlite3.connect(deployment.data.file))  # as a backup program that looks at every file
        readers[0].execute("BEGIN")
        readers[0].execute("SELECT count(*) FROM fragment").fetchone()
        return right(deployment)

    with monkeypatch.context() as patched:
        patched.setattr(replaying, "replay_erasures", replayed)
        assert isinstance(_refused(data, copy), StoreUnavailable)
    readers[0].close()
    [told] = put_back(Settings(data_dir=data), copy, data / FILE).values()
    assert told.fragments == 1


def test_a_journal_beside_a_copy_belongs_to_it(data: Path) -> None:
    copy = data.parent / "copied" / FILE
    copy.parent.mkdir()
    writer = sqlite3.connect(data.parent / "copy" / FILE)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("UPDATE workspace SET name = 'since'")
    writer.commit()
    for suffix in ("", "-wal"):
        shutil.copyfile(data.parent / "copy" / f"{FILE}{suffix}", copy.with_name(f"{FILE}{suffix}"))
    writer.close()
    put_back(Settings(data_dir=data), copy, data / FILE)
    with sqlite3.connect(data / FILE) as opened:
        assert opened.execute("SELECT name FROM workspace").fetchone() == ("since",)


def test_data_on_another_disk_stay_there(data: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (data / FILE).rename(tmp_path / "disk" / FILE)
    (data / FILE).symlink_to(tmp_path / "disk" / FILE)
    put_back(Settings(data_dir=data), tmp_path / "copy" / FILE, data / FILE)
    assert (data / FILE).is_symlink()
    assert [one.name for one in (tmp_path / "disk").iterdir()] == [FILE]
    assert answer(data, "audit", "verify")["faults"] == []


def test_a_folder_that_is_not_there_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no folder"):
        put_back(Settings(data_dir=tmp_path / "new"), data / FILE, tmp_path / "new" / FILE)


def test_one_copy_is_put_back_at_a_time(data: Path) -> None:
    copy, lock = data.parent / "copy" / FILE, data / "registry.restoring.lock"
    with held_file(lock):
        with pytest.raises(Conflict, match="another copy"):
            put_back(Settings(data_dir=data), copy, data / FILE)
    assert put_back(Settings(data_dir=data), copy, data / FILE)
    assert not lock.exists()
