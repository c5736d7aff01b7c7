"""No statement of what is done for one person, or done again and again, reads all rows of a table that grows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from typing import Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.acts.outbox import Topic
from registry.flows.consent.boards import Boards
from registry.flows.dsr import callbacks, escalation, export, holds, kept, letters, lifecycle, passing_on
from registry.flows.outgoing import alerts, delivery, destinations, forwarding, webhooks
from registry.flows.outgoing.destinations import DestinationKind
from registry.store import rows
from registry.store.database import Database, Transaction
from tests.factories import alias, consent, identify, ordered, track, viewed
from tests.flows.test_boards import caught_up
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

FEW = {
    "account", "alert", "audit_head", "credential", "counted_back", "destination", "index_move", "legal_hold",
    "opendsr_key", "plan", "runaway_identifier", "setting", "source", "webhook", "workspace", "workspace_secret",
}  # fmt: skip
"""Tables of which a workspace has few rows, whoever comes."""
SWEPT = {"dsr_challenge", "package_link", "session", "tries", "visit"}
"""Tables whose old rows go away whenever one comes."""
LISTS = ("ix_retained_case_open", "ix_opendsr_request_waiting")
"""Indexes of what is still open alone, which are read from end to end: few rows, beside all that there ever were."""

NOBODY = "http://127.0.0.1:9/"
"""An address that nobody listens on."""

_WHOLE = re.compile(
    r"^SCAN (?!CONSTANT|\d+ CONSTANT|wanted\b|other\b|\(subquery)(\w+)|^SEARCH (\w+) .*\(workspace_id=\?\)$"
)

_NEWEST = re.compile(r"WHERE workspace_id = \? ORDER BY \w+ DESC LIMIT \?$")


class Explained:
    """A driver's connection that explains each statement before it runs it."""

    def __init__(self, raw: Any, found: dict[str, str]) -> None:
        self._raw, self._found = raw, found

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        self._look(sql, parameters)
        return self._raw.execute(sql, parameters)

    def cursor(self) -> Explained:
        return self

    def executemany(self, sql: str, parameters: Collection[Any]) -> Any:
        self._look(sql, next(iter(parameters)))
        return self._raw.cursor().executemany(sql, parameters)

    def _look(self, sql: str, parameters: Sequence[Any]) -> None:
        if sql.startswith(("PRAGMA", "SELECT coalesce(max(position)")) or "sqlite_master" in sql:
            return  # the schema, and the last of an index, which is one row
        plan = [told for *_, told in self._raw.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()]
        if _NEWEST.search(sql) and len(plan) == 1:
            return  # in the order of its index, and no further than it is asked for
        for told in plan:
            whole = _WHOLE.match(told)
            if (
                whole
                and (whole[1] or whole[2]) not in FEW | SWEPT
                and not any(f" {index} (" in told for index in LISTS)
            ):
                self._found[sql] = told


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The statements that read too much, each with what SQLite says of it."""
    noted: dict[str, str] = {}
    driver, point_read = rows._driver, Database.point_read

    def explained(transaction: Transaction) -> Any:
        return Explained(driver(transaction), noted)

    def looked_at(self: Database, workspace_id: bytes, sql: str, *parameters: object) -> Any:
        with self.owner() as transaction:
            explained(transaction).execute(sql, parameters)
        return point_read(self, workspace_id, sql, *parameters)

    monkeypatch.setattr(rows, "_driver", explained)
    monkeypatch.setattr(Database, "point_read", looked_at)
    yield noted
    assert not noted, "\n".join(f"{told}: {sql}" for sql, told in noted.items())


@pytest.fixture
def tenant(sqlite_registry: RegistrySimulator) -> Tenant:
    return sqlite_registry.tenant()


def life(tenant: Tenant) -> None:
    """What people do, and what is asked about them."""
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada"),
        viewed(anonymous="phone"),
        track("Nonsense", "ada", note="x"),
    )
    tenant.send(alias("phone", "ada"), identify("bob", "browser-2", email="bob@example.com"))
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    tenant.lookup("user_id", "ada", "service")
    tenant.check("email", "ada@example.com", "marketing")
    tenant.timeline("user_id", "ada")
    tenant.keep_apart(("user_id", "ada"), ("user_id", "bob"))


def test_what_one_person_does_is_found_by_indexes(tenant: Tenant, found: dict[str, str]) -> None:
    life(tenant)


@pytest.mark.parametrize(
    "kind", [Kind.ACCESS, Kind.PORTABILITY, Kind.RESTRICTION, Kind.ERASURE, Kind.KNOW, Kind.DELETE]
)
def test_a_request_finds_its_person_by_indexes(tenant: Tenant, found: dict[str, str], kind: Kind) -> None:
    life(tenant)
    request = tenant.run(tenant.request(kind, "email", "ada@example.com"))
    if kind in (Kind.ACCESS, Kind.PORTABILITY, Kind.KNOW):
        export.write_package(tenant.registry.deployment, tenant.workspace, request, BytesIO(), actor="person:officer")


def test_an_erasure_under_a_hold_finds_its_person_by_indexes(tenant: Tenant, found: dict[str, str]) -> None:
    life(tenant)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hold = holds.place(
        deployment, workspace, tenant.person("user_id", "ada"), purpose="legal", ground="a claim before a court",
        categories=(), actor="person:first",
    )  # fmt: skip
    tenant.erase("user_id", "ada")
    holds.release(deployment, workspace, hold.hold_id, actor="person:second")
    kept.end_due(deployment, workspace, actor="schedule")


def test_what_is_done_every_few_seconds_reads_what_is_due_alone(tenant: Tenant, found: dict[str, str]) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    webhooks.create(deployment, tenant.workspace_id, name="hook", url=NOBODY, topics=list(Topic), actor="operator")
    destinations.create(
        deployment, tenant.workspace_id, name="tool", kind=DestinationKind.SEGMENT, purpose="analytics", url=NOBODY,
        write_key="wk", actor="operator",
    )  # fmt: skip
    life(tenant)
    tenant.erase("user_id", "bob")
    for hook in delivery.due(deployment, workspace):
        delivery.deliver(deployment, workspace, hook)
    for destination in forwarding.due(deployment, workspace):
        forwarding.forward(deployment, workspace, destination)
    for due in (delivery.due, forwarding.due, callbacks.due, passing_on.due, lifecycle.due):
        due(deployment, workspace)
    letters.send_due(deployment, workspace)
    lifecycle.forget_answered(deployment, workspace)
    alerts.violation_rates(deployment, workspace, 100)
    alerts.runaways(deployment, workspace)
    escalation.warn(deployment, workspace)


def test_a_board_follows_by_indexes(tenant: Tenant, found: dict[str, str]) -> None:
    life(tenant)
    boards = Boards(tenant.registry.deployment, 1_000)
    try:
        caught_up(boards, tenant)
        tenant.say("user_id", "ada", "analytics", "withdrawn")
        tenant.send(identify("eve", "browser-3", email="eve@example.com", context=consent(**ALL_YES)))
        caught_up(boards, tenant)
    finally:
        boards.close()
