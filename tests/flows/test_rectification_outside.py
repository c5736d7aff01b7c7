"""A correction reaches systems outside, whether the person is known here or there alone, and its plan says where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import orjson
import pytest

from registry.connectors.sql.system import SqlSystem
from registry.dsr.plan import CORRECTED, LinkedSystem, plan_json
from registry.dsr.requests import Kind, Move
from registry.flows.accountability import verify
from registry.flows.dsr import lifecycle, planning
from registry.model.errors import LinkedSystemUnavailable
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.connectors.test_http_services import Newsletter, service, shop
from tests.factories import identify
from tests.outside import rows, run, systems
from tests.simulator import RegistrySimulator, Tenant

__all__ = ("shop",)

USERS = """
dataset: users
url_env: USERS_URL
tables:
  u:
    rows: delete
    fields:
      id: {category: user}
      email: {category: user, identity: email}
      fn: {category: user.name, trait: first_name}
"""
Connect = Callable[[LinkedSystem], Tenant]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())

    def link(system: LinkedSystem) -> Tenant:
        registry.deployment = replace(registry.deployment, linked=(system,))
        registry.workspaces._deployment = registry.deployment
        return registry.tenant()

    yield link
    registry.close()


def _plan(tenant: Tenant, request: StoredRequest) -> dict[str, Any]:
    found: dict[str, Any] = plan_json(
        planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id), ()
    )
    return found


def _grounds(tenant: Tenant, done: StoredRequest, system: str) -> dict[str, str]:
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    return {one["field"]: one["ground"] for one in fields if one["system"] == system}


@pytest.mark.parametrize("known", [True, False])
def test_a_correction_reaches_a_database_also_of_whoever_is_known_there_alone(
    connect: Connect, outside_url: str, known: bool
) -> None:
    run(
        outside_url,
        "CREATE TABLE u (id integer primary key, email varchar(60), fn varchar(20))",
        "INSERT INTO u VALUES (1, 'ada@example.test', 'Wrong'), (2, 'bob@example.test', 'Bob')",
    )
    with systems({USERS: outside_url}) as [users]:
        tenant = connect(users)
        if known:
            tenant.send(identify("ada", email="ada@example.test", first_name="Wrong"))
        request = tenant.request(
            Kind.RECTIFICATION, "email", "ada@example.test", traits={"first_name": "Right", "last_name": "planted-zq7"}
        )
        stored = tenant.registry.rows("SELECT progress FROM dsr_request WHERE request_id = ?", request.request_id)
        assert "Right" not in str(stored)
        assert "planted" not in str(stored)
        plan = _plan(tenant, request)
        fields = {one["field"]: one["ground"] for one in plan["systems"][1]["tables"][0]["fields"]}
        assert (fields["fn"], "changes nothing" in fields["email"]) == (CORRECTED, True)
        assert plan["corrections"] == {"asked": 2, "placed": 2 if known else 1}
        done = tenant.run(request)
        assert rows(outside_url, "SELECT fn FROM u ORDER BY id") == [("Right",), ("Bob",)]
        assert _grounds(tenant, done, "users")["fn"] == CORRECTED
        keys = tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", request.request_id)
        assert (keys, "sealed" in done.progress) == ([], False)
        if known:
            assert tenant.traits("email", "ada@example.test")["first_name"] == "Right"


def test_a_correction_reaches_a_service_that_alone_knows_the_person(
    connect: Connect,
    shop: Newsletter,
) -> None:
    tenant = connect(service(shop))
    request = tenant.request(Kind.RECTIFICATION, "email", "ada@example.test", traits={"first_name": "Right"})
    done = tenant.run(request)
    assert [one["name"] for one in shop.contacts.values()] == ["Right"] * 3 + ["Ada"]
    assert _grounds(tenant, done, "newsletter")["name"] == CORRECTED


def test_whoever_becomes_known_before_it_is_run_is_corrected_here_too(connect: Connect, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'users.db'}"
    run(url, "CREATE TABLE u (id integer primary key, email varchar(60), fn varchar(20))")
    with systems({USERS: url}) as [users]:
        tenant = connect(users)
        request = tenant.request(Kind.RECTIFICATION, "user_id", "ada", traits={"first_name": "Right"})
        assert _plan(tenant, request)["corrections"] == {"asked": 1, "placed": 0}
        tenant.send(identify("ada", first_name="Wrong"))
        tenant.run(request)
        assert tenant.traits("user_id", "ada") == {"first_name": "Right"}


def test_corrections_of_a_request_that_is_cancelled_cannot_be_read(connect: Connect, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'users.db'}"
    run(url, "CREATE TABLE u (id integer primary key, email varchar(60), fn varchar(20))")
    with systems({USERS: url}) as [users]:
        tenant = connect(users)
        request = tenant.request(Kind.RECTIFICATION, "user_id", "ada", traits={"first_name": "Right"})
        given = tenant.registry.deployment, tenant.workspace, request.request_id
        lifecycle.move_request(*given, Move.CANCEL, actor="person:first")
        assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", request.request_id) == []
        row, _ = lifecycle.get(*given)
        assert orjson.loads(row.progress)["sealed_for"] == request.request_id.hex()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("waited", [True, False])
def test_an_earlier_correction_that_comes_to_it_late_does_not_take_back_a_later_one(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, waited: bool
) -> None:
    """It waited for the system, or was approved only afterwards; of the certificate it is not said to be written."""
    url = f"sqlite:///{tmp_path / 'users.db'}"
    run(url, "CREATE TABLE u (id integer primary key, email varchar(60), fn varchar(20))")
    run(url, "INSERT INTO u VALUES (1, 'ada@example.test', 'Wrong')")
    with systems({USERS: url}) as [users]:
        tenant = connect(users)
        if known:
            tenant.send(identify("ada", email="ada@example.test", first_name="Wrong"))
        first = tenant.request(Kind.RECTIFICATION, "email", "ada@example.test", traits={"first_name": "Older"})
        if waited:
            with monkeypatch.context() as patched, pytest.raises(LinkedSystemUnavailable):
                patched.setattr(SqlSystem, "run", Mock(side_effect=ConnectionError))
                tenant.run(first)
        other = tenant.request(Kind.RECTIFICATION, "email", "ada@example.test", traits={"last_name": "x"})
        tenant.registry.clock.pass_by(seconds=60)  # type: ignore[attr-defined]
        second = tenant.request(Kind.RECTIFICATION, "email", "ada@example.test", traits={"first_name": "Newer"})
        tenant.run(second)
        done = tenant.run(first)
        assert rows(url, "SELECT fn FROM u") == [("Newer",)]
        assert _grounds(tenant, done, "users")["fn"] != CORRECTED
        tenant.run(other)
        assert rows(url, "SELECT fn FROM u") == [("Newer",)], "one of another trait changes nothing about it"
        if known:
            assert tenant.traits("email", "ada@example.test")["first_name"] == "Newer"
