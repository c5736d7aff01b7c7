"""A database in trouble while the server serves: 503 with Retry-After, and nothing that is stored is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from registry.store.database import Database
from tests.api.house import NO_TLS, Desk, House, house
from tests.conftest import SetClock
from tests.factories import ordered
from tests.simulator import RegistrySimulator

ADA = {"kind": "user_id", "value": "ada"}
CHECK = {"subject": ADA, "purpose": "service"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Desk]:
    """A registry of the test's own, with one order of Ada's."""
    registry = RegistrySimulator(tmp_path, SetClock())
    with house(registry) as opened, ExitStack() as stack:
        desk = Desk(opened, stack)
        assert desk.send(ordered("ada", order_id="first"))["accepted"] == 1
        yield desk
    registry.close()


def orders(desk: Desk) -> list[str]:
    return sorted(event["content"]["properties"]["order_id"] for event in desk.tenant.timeline("user_id", "ada"))


def lapse(desk: Desk) -> None:
    """Let every cache of credentials, keys and schemas run out."""
    desk.house.clock.pass_by(seconds=120)


def unavailable(answer: httpx.Response, code: str = "store-unavailable") -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "sqlite" not in answer.text, "where the database lies is the operator's business"


def impatient(database: Database) -> None:
    """Wait a moment for locks rather than ten seconds."""
    database.close()
    for engine in (database._writer, database._reader):
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 100"))


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Another process's long write."""
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_a_locked_database_takes_nothing_in_and_loses_nothing(own: Desk, tmp_path: Path) -> None:
    impatient(own.house.registry.deployment.data)
    call = ordered("ada", order_id="second")
    with held(tmp_path / "registry.db"):
        unavailable(own.sdk.post("/v1/batch", json={"batch": [call]}))
        unavailable(
            own.app.post("/v1/consent/records", json={"subject": ADA, "purpose": "marketing", "status": "granted"})
        )
        unavailable(own.app.post("/v1/profiles/lookup", json=CHECK))  # a read is written to the log, or not done
        assert own.app.post("/v1/consent/check", json=CHECK).json()["allowed"] is True  # reads do not wait for writes
    assert own.send(call)["accepted"] == 1
    assert orders(own) == ["first", "second"]


def test_a_locked_keystore_takes_nothing_in_and_loses_nothing(own: Desk, tmp_path: Path) -> None:
    impatient(own.house.registry.deployment.keystore)
    call = ordered("newcomer")
    with held(tmp_path / "keys.db"):
        unavailable(own.sdk.post("/v1/batch", json={"batch": [call]}))
    assert own.send(call)["accepted"] == 1


@pytest.mark.parametrize("which", ["registry.db", "keys.db"])
def test_a_database_file_that_was_moved_away_is_not_written_to(own: Desk, tmp_path: Path, which: str) -> None:
    call = ordered("newcomer")
    (tmp_path / which).rename(tmp_path / "elsewhere")
    lapse(own)
    unavailable(own.sdk.post("/v1/batch", json={"batch": [call]}))
    unavailable(own.app.post("/v1/profiles/lookup", json=CHECK))
    assert own.nobody.get("/readyz").status_code == 503
    assert not (tmp_path / which).exists(), "an empty file in its place would hide that it is gone"
    (tmp_path / "elsewhere").rename(tmp_path / which)
    assert own.nobody.get("/readyz").status_code == 200
    assert own.send(call)["accepted"] == 1
    assert orders(own) == ["first"]
    own.house.registry.restart()
    assert orders(own) == ["first"]
    assert own.tenant.profile("user_id", "newcomer") is not None


def test_a_stream_of_changes_ends_where_the_database_is_gone(own: Desk, tmp_path: Path) -> None:
    with own.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"
        next(line for line in lines if line.startswith("event: current"))
        own.house.registry.deployment.data.close()
        (tmp_path / "registry.db").rename(tmp_path / "elsewhere")
        list(lines)  # it has an end, and is not broken off
    unavailable(own.app.get("/v1/consent/changes"))
    (tmp_path / "elsewhere").rename(tmp_path / "registry.db")


def test_a_database_file_that_was_replaced_is_not_written_to(own: Desk, tmp_path: Path) -> None:
    (tmp_path / "registry.db").rename(tmp_path / "elsewhere")
    (tmp_path / "registry.db").touch()
    lapse(own)
    unavailable(own.sdk.post("/v1/batch", json={"batch": [ordered("ada")]}))
    (tmp_path / "elsewhere").replace(tmp_path / "registry.db")
    assert orders(own) == ["first"]


def test_a_database_that_became_read_only_still_answers_checks(own: Desk) -> None:
    database = own.house.registry.deployment.data
    database.close()
    listeners: list[Any] = []
    for engine in (database._writer, database._reader):
        # Root may write whatever a file's mode says, so that SQLite is told instead.
        listener = lambda raw, _: raw.execute("PRAGMA query_only = ON")  # noqa: E731
        event.listen(engine, "connect", listener)
        listeners.append((engine, listener))
    call = ordered("ada", order_id="second")
    unavailable(own.sdk.post("/v1/batch", json={"batch": [call]}))
    assert own.app.post("/v1/consent/check", json=CHECK).json()["allowed"] is True
    for engine, listener in listeners:
        event.remove(engine, "connect", listener)
    database.close()
    assert own.send(call)["accepted"] == 1
    assert orders(own) == ["first", "second"]


@pytest.mark.parametrize("role", ["data", "keystore"])
@pytest.mark.parametrize("revision", ["9999", "0000"])
def test_a_schema_that_changed_under_the_server_stops_it(own: Desk, role: str, revision: str) -> None:
    deployment = own.house.registry.deployment
    database = deployment.data if role == "data" else deployment.keystore

    def set_version(version: str) -> None:
        with database.owner(writes=True) as transaction:
            transaction.exec_driver_sql(f"UPDATE schema_version_{role} SET version_num = ?", (version,))

    [(before,)] = (own.house.registry.rows if role == "data" else own.house.registry.key_rows)(
        f"SELECT version_num FROM schema_version_{role}"
    )
    set_version(revision)
    lapse(own)
    call = ordered("ada", order_id="second")
    unavailable(own.sdk.post("/v1/batch", json={"batch": [call]}), "schema-mismatch")
    unavailable(own.app.post("/v1/consent/check", json=CHECK), "schema-mismatch")
    ready = own.nobody.get("/readyz")
    assert (ready.status_code, ready.json()["checks"][role]) == (503, "schema-mismatch")
    set_version(before)
    lapse(own)
    assert own.send(call)["accepted"] == 1
    assert orders(own) == ["first", "second"]


def test_not_ready_names_what_does_not_answer(own: Desk, tmp_path: Path) -> None:
    (tmp_path / "kek.json").rename(tmp_path / "elsewhere.json")
    answer = own.nobody.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["checks"] == {"data": "ok", "keystore": "ok", "kms": "kms-unavailable"}
    assert own.nobody.get("/healthz").status_code == 200
    (tmp_path / "elsewhere.json").rename(tmp_path / "kek.json")
    assert own.nobody.get("/readyz").json()["status"] == "ready"


def test_too_many_events_waiting_is_429_and_what_was_taken_is_kept(own: Desk, tmp_path: Path) -> None:
    """While the store cannot write, batches queue up to a bound; those past it are told to come back."""
    answers: list[httpx.Response] = []

    def send(number: int) -> None:
        body = {"batch": [ordered("ada", order_id=f"of-batch-{number}")] * 2500}
        answers.append(own.sdk.post("/v1/batch", json=body))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(22)]
    with held(tmp_path / "registry.db"):
        for thread in threads:
            thread.start()
        for _ in range(400):
            if any(answer.status_code == 429 for answer in answers):
                break
            threads[0].join(0.05)
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(429) >= 1
    assert set(statuses) == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    accepted = sum(answer.json()["accepted"] for answer in answers if answer.status_code == 200)
    assert len(orders(own)) == 1 + accepted == 1 + statuses.count(200)


@pytest.mark.parametrize(
    ("table", "path", "body"),
    [
        ("credential", "/v1/consent/check", CHECK),
        ("workspace", "/v1/consent/check", CHECK),
        ("credential", "/v1/consent/check/batch", {"checks": [CHECK]}),
        ("credential", "/v1/consent/filter?purpose=service", ADA),
        ("credential", "/v1/consent/explain", CHECK),
        ("source", "/v1/batch", {"batch": [ordered("ada", order_id="second")]}),
    ],
)
def test_a_server_whose_postgresql_hangs_answers_what_needs_none(
    postgres_house: House, table: str, path: str, body: dict[str, Any]
) -> None:
    with ExitStack() as stack:
        desk = Desk(postgres_house, stack)
        assert desk.send(ordered("ada", order_id="first"))["accepted"] == 1
        assert desk.app.post("/v1/consent/check", json=CHECK).json()["allowed"]
        lapse(desk)
        sender = desk.sdk if table == "source" else desk.app
        with ThreadPoolExecutor(1) as waiting:
            with desk.house.registry.deployment.data.owner(writes=True) as transaction:
                transaction.exec_driver_sql(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
                asked = waiting.submit(sender.post, path, json=body, timeout=60)
                time.sleep(0.3)
                assert httpx.get(f"{desk.house.url}/healthz", verify=NO_TLS, timeout=5).status_code == 200
                assert not asked.done()
            assert asked.result().status_code == 200, asked.result().text
