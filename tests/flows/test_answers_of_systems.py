"""Connectors of somebody's own that answer what no linked system does: a request waits, and certifies nothing of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.dsr.accounting import EVERY_TABLE, Disposition, FieldAccount
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import lifecycle, linked, planning
from registry.model.errors import LinkedSystemUnavailable
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant


def account(**other: Any) -> FieldAccount:
    """What is right, but for what is said otherwise."""
    return FieldAccount("points", "cards", "card", Disposition.ERASED, 1)._replace(**other)


class Points:
    """A connector that answers as it is told to."""

    name = "points"

    def __init__(self) -> None:
        self.run: Callable[..., Any] = lambda *_: [account()]
        self.plan: Callable[..., Any] = lambda *_: SystemPlan("points", [account()])
        self.remaining: Callable[..., Any] = lambda *_: {}
        self.leads: Callable[..., Any] = lambda _: []

    def undecided(self) -> list[tuple[str, str]]:
        return []

    def export(self, _: object) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def points() -> Points:
    return Points()


@pytest.fixture
def tenant(points: Points, tmp_path: Path) -> Iterator[Tenant]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    system: LinkedSystem = points
    registry.deployment = replace(registry.deployment, linked=[system])
    registry.workspaces._deployment = registry.deployment
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    yield made
    registry.close()


def one_by_one(*accounts: FieldAccount) -> Callable[..., Iterator[FieldAccount]]:
    def run(*_: object) -> Iterator[FieldAccount]:
        yield from accounts

    return run


UNTRUE: Mapping[str, Any] = {
    "no account": lambda *_: [{"system": "points", "table": "cards", "field": "card"}],
    "a number": lambda *_: 7,
    "a negative number of rows": lambda *_: [account(rows=-1)],
    "a text for a number": lambda *_: [account(rows="many")],
    "a number beyond all": lambda *_: [account(rows=10**30)],
    "another system": lambda *_: [account(), account(system="registry")],
    "that it was left out": lambda *_: [account(), account(table=EVERY_TABLE)],
    "that it gave out what was to go": lambda *_: [account(disposition=Disposition.EXPORTED)],
    "what is no disposition": lambda *_: [account(disposition="vanished")],
    "what is no ground": lambda *_: [account(disposition=Disposition.RETAINED, ground=7)],
    "one field twice": lambda *_: [account(), account(disposition=Disposition.RETAINED, ground="bookkeeping")],
    "nothing, one by one": one_by_one(),
}


@pytest.mark.parametrize("what", UNTRUE)
def test_what_is_no_account_of_an_erasure_is_waited_for(points: Points, tenant: Tenant, what: str) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    points.run = UNTRUE[what]
    with pytest.raises(LinkedSystemUnavailable, match="points"):
        tenant.run(request)
    stored, _ = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert (stored.state, stored.certificate) == ("waiting", None)
    points.run = lambda *_: [account()]
    assert tenant.run(request).state == "completed"


def test_accounts_that_are_told_one_by_one_are_certified(points: Points, tenant: Tenant) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    points.plan = lambda *_: SystemPlan("points", one_by_one(account(rows=3))())  # type: ignore[arg-type]
    made = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert [len(one.accounts) for one in made.systems if one.system == "points"] == [1]
    points.run = one_by_one(account(rows=3))
    _, claims = verify.document(tenant.run(request).certificate or "", tenant.workspace.jwks())
    told: Any = claims["fields"]
    assert [(one["field"], one["rows"]) for one in told if one["table"] == "cards"] == [("card", 3)]


@pytest.mark.parametrize("left", [None, ["cards"], {"cards": None}, {"cards": -1}, {7: 1}, {"cards": True}])
def test_what_is_no_second_look_is_waited_for(points: Points, tenant: Tenant, left: object) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    points.remaining = lambda *_: left
    with pytest.raises(LinkedSystemUnavailable, match="points"):
        tenant.run(request)


@pytest.mark.parametrize("plan", [None, [], SystemPlan("points", [{}]), SystemPlan("points", [account(rows=None)])])  # type: ignore[list-item]
def test_what_is_no_plan_blocks_the_approval(points: Points, tenant: Tenant, plan: object) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    points.plan = lambda *_: plan
    made = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert made.unreachable == ["points"]


def test_a_connector_that_would_end_the_process_is_waited_for(points: Points, tenant: Tenant) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    points.run = lambda *_: sys.exit(3)
    with pytest.raises(LinkedSystemUnavailable, match="points failed: SystemExit"):
        tenant.run(request)
    points.run = lambda *_: [account()]
    assert tenant.run(request).state == "completed"


@pytest.mark.parametrize("rows", [[("cards", {"card": "7"}), None, ("cards", {"card": "8"})], None, 7])
def test_what_is_no_row_is_not_the_end_of_what_is_given_out(points: Points, rows: Any) -> None:
    points.export = lambda _: rows  # type: ignore[method-assign]
    with pytest.raises(LinkedSystemUnavailable, match="points"):
        list(linked.exported(points, [], Counter()))
