"""What breaks is said, what is whole stays readable, and what was acknowledged is still there."""

from __future__ import annotations

import json
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import bootstrap
from registry.model.errors import StoreUnavailable
from registry.settings import Settings
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.forked import command
from tests.reliability.server import ServerProcess
from tests.simulator import RegistrySimulator, Tenant

PAGE = 4096
PEOPLE = 150


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistrySimulator]:
    # Doctor runs by the real clock, and would find the keys of another time to be overdue.
    made = RegistrySimulator(tmp_path, lambda: time.time_ns() // 1000)
    yield made
    made.close()


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(*[identify(f"user-{n}", first_name=f"Name {n}", email=f"user-{n}@example.com") for n in range(PEOPLE)])
    return made


def _page_of(file: Path, content: bytes) -> int:
    """The page, counted from 0, that holds these bytes."""
    return file.read_bytes().index(content) // PAGE


def _overwrite(file: Path, page: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(page * PAGE)
        stream.write(random.Random(3).randbytes(PAGE))


def _doctor(folder: Path, *options: str) -> dict[str, Any]:
    done = command(("doctor", "--data-dir", str(folder), "--json", *options), os.environ)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["healthy"] else 1)
    return found


def _bad(found: dict[str, Any]) -> dict[str, str]:
    return {finding["what"]: finding["found"] for finding in found["findings"] if not finding["good"]}


def test_a_damaged_page_is_named_and_other_people_stay_readable(registry: RegistrySimulator, tenant: Tenant) -> None:
    file, folder = registry.deployment.data.file, registry.settings.data_dir
    assert file is not None
    one = (
        "SELECT substr(sealed, 1, 40) FROM trait_assertion WHERE trait = 'first_name' ORDER BY rowid LIMIT 1 OFFSET 75"
    )
    sealed = registry.rows(one)[0][0]
    registry.deployment.data.checkpoint()
    registry.close()
    page = _page_of(file, sealed)
    _overwrite(file, page)
    registry.connect()
    outcomes: dict[str, int] = {"read": 0, "damaged": 0}
    for n in range(PEOPLE):
        try:
            assert tenant.traits("user_id", f"user-{n}")["first_name"] == f"Name {n}"
            outcomes["read"] += 1
        except StoreUnavailable as error:
            assert error.hint is not None and "doctor" in error.hint
            outcomes["damaged"] += 1
    assert outcomes["read"] > outcomes["damaged"] > 0
    bad = _bad(_doctor(folder))
    assert set(bad) == {"pages of trait_assertion (data)"}


def test_doctor_names_the_rows_that_do_not_open(registry: RegistrySimulator, tenant: Tenant) -> None:
    row, sealed = registry.rows("SELECT rowid, sealed FROM trait_assertion ORDER BY rowid LIMIT 1")[0]
    event, body = registry.rows("SELECT rowid, body FROM event ORDER BY rowid DESC LIMIT 1")[0]
    with registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("UPDATE trait_assertion SET sealed = ? WHERE rowid = ?", (sealed[:-3], row))
        transaction.exec_driver_sql("UPDATE event SET body = ? WHERE rowid = ?", (body[:-1] + b"\0", event))
    folder = registry.settings.data_dir
    assert _doctor(folder)["healthy"]  # only opening tells
    shown = _bad(_doctor(folder, "--deep"))["sealed values of default"]
    assert "1 of trait_assertion" in shown and "1 of event" in shown


def test_a_keystore_of_other_data_is_named(registry: RegistrySimulator, tenant: Tenant, tmp_path: Path) -> None:
    with registry.deployment.keystore.owner(writes=True) as transaction:
        transaction.exec_driver_sql("DELETE FROM key_bundle")
    found = _bad(_doctor(registry.settings.data_dir))
    assert found["data of default"].startswith(str(2 * PEOPLE))


def test_people_who_were_erased_and_are_back_are_named_and_erased_again(
    registry: RegistrySimulator, tenant: Tenant, tmp_path: Path
) -> None:
    file, folder = registry.deployment.data.file, registry.settings.data_dir
    assert file is not None
    registry.deployment.data.back_up(tmp_path / "copy.db")
    tenant.erase("user_id", "user-7")
    assert _doctor(folder)["healthy"]
    registry.close()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    (tmp_path / "copy.db").replace(file)  # by other means than `registry restore`
    assert _bad(_doctor(folder)) == {"erasures of default": "2 fragments of the erased"}
    for fragments in (2, 0):
        done = command(("db", "replay-erasures", "--data-dir", str(folder), "--json"), os.environ)
        [replayed] = json.loads(done.stdout)["erasures_replayed"]
        assert replayed["fragments"] == fragments
        assert _doctor(folder)["healthy"]
    registry.connect()
    assert tenant.profile("user_id", "user-7") is None
    assert tenant.profile("user_id", "user-8") is not None


def _limit(pid: int, size: int) -> None:
    """Let no file of a process grow past so many bytes: its next write fails as on a full disk."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    made = bootstrap.initialise(settings)
    server = ServerProcess(settings.data_dir, tmp_path / "server.log")
    server.start()
    keys = {"auth": (made.write_key, "")}
    acknowledged: set[str] = set()

    def send(batch: list[dict[str, Any]]) -> int:
        answer = httpx.post(f"{server.url}/v1/batch", json={"batch": batch}, timeout=30, **keys)  # type: ignore[arg-type]
        if answer.status_code == 200:
            acknowledged.update(call["messageId"] for call in batch)
        else:
            problem = answer.json()
            assert answer.status_code == 503 and answer.headers["retry-after"]
            assert problem["code"] == "store-unavailable" and "user-" not in answer.text
        return answer.status_code

    try:
        assert send([ordered(f"user-{n}") for n in range(50)]) == 200
        assert server.pid is not None
        _limit(server.pid, (settings.data_dir / "registry.db").stat().st_size + 4 * PAGE)
        refused = [ordered(f"user-{n}", order_id=f"order-{n}") for n in range(1_000)]
        assert send(refused) == 503
        check = {"subject": {"kind": "user_id", "value": "user-1"}, "purpose": "service"}
        bearer = {"Authorization": f"Bearer {made.app_key}"}
        answer = httpx.post(f"{server.url}/v1/consent/check", json=check, headers=bearer, timeout=30)
        assert answer.json()["allowed"]  # what is there stays readable
        _limit(server.pid, resource.RLIM_INFINITY)
        assert send(refused) == 200  # no restart
        assert send(refused) == 200
    finally:
        server.stop()
    registry = RegistrySimulator(settings.data_dir, SetClock())
    try:
        assert registry.rows("SELECT count(*) FROM event")[0][0] == len(acknowledged) == 1_050
    finally:
        registry.close()
