"""A copy takes the place of the data once it is ready; whatever speaks against it leaves the data as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry import bootstrap
from registry.cli.restoring import put_back
from registry.model.errors import Conflict, KeyMissing, NotInitialised, RegistryError, SchemaMismatch
from registry.settings import Settings
from registry.store import schema
from registry.store.database import Database
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


@pytest.mark.parametrize("damage", [_cut_short, _overwritten, lambda copy: copy.write_bytes(b"no database" * 999)])
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
