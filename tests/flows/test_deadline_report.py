"""The report on deadlines counts what is open, due, late and done, by law and by kind."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind, Move
from registry.dsr.sla import percentile
from registry.flows.dsr import lifecycle, moves, sla
from registry.model.errors import Conflict
from registry.pages import charts
from registry.pages.timeline import tone
from tests.conftest import SetClock
from tests.simulator import Tenant


def _open(tenant: Tenant, kind: Kind, law: str) -> bytes:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    person = tenant.person("user_id", "ada")
    details = {"purposes": ["marketing"]} if kind is Kind.OBJECTION else None
    return lifecycle.open_request(
        deployment, workspace, kind=kind, person=person, actor="person:first", jurisdiction=law, details=details
    ).request_id


def test_each_request_counts_where_it_stands(tenant: Tenant) -> None:
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    late, extended, paused = (_open(tenant, Kind.ERASURE, law) for law in ("lgpd", "gdpr", "gdpr"))
    reason = {"reason": "complex", "channel": "letter", "notified_at": None, "actor": "person:first"}
    moves.extend(deployment, workspace, extended, **reason)  # type: ignore[arg-type]
    moves.move_request(deployment, workspace, paused, Move.PAUSE, actor="person:first")  # type: ignore[arg-type]
    clock.pass_by(days=27)
    found = sla.fared(deployment, workspace, days=90)
    told = found["all"]
    assert (told["open"], told["overdue"], told["paused"], told["due"]) == (3, 1, 1, 0)
    assert (told["completed"], told["in_time"], told["late"], told["extended"]) == (1, 1, 0, 1)
    assert (told["days_p50"], told["days_p95"]) == (0.0, 0.0)
    assert found["by_jurisdiction"]["lgpd"]["overdue"] == 1
    assert found["by_kind"]["erasure"]["open"] == 3
    lifecycle.move_request(deployment, workspace, late, Move.CANCEL, actor="person:first")  # type: ignore[arg-type]
    objection = _open(tenant, Kind.OBJECTION, "gdpr")
    clock.pass_by(days=28)
    assert sla.fared(deployment, workspace, days=90)["by_kind"]["objection"]["due"] == 1
    lifecycle.move_request(deployment, workspace, objection, Move.VERIFY, actor="person:first")  # type: ignore[arg-type]
    clock.pass_by(days=22)
    lifecycle.run(deployment, workspace, objection, actor="person:first")  # type: ignore[arg-type]
    told = sla.fared(deployment, workspace, days=90)["by_kind"]["objection"]
    assert (told["late"], told["days_p50"]) == (1, 50.0)
    clock.pass_by(days=100)
    assert sla.fared(deployment, workspace, days=90)["all"]["completed"] == 0, "what is old and done is left out"


def test_the_days_go_on_while_a_request_is_paused_where_the_law_does_not_stop_them(tenant: Tenant) -> None:
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    pausing = deployment.policies.jurisdictions.pausing
    opened = [_open(tenant, Kind.DELETE, "ccpa"), _open(tenant, Kind.ERASURE, "gdpr")]
    for request_id in opened:
        moves.move_request(deployment, workspace, request_id, Move.PAUSE, actor="person:first")  # type: ignore[arg-type]

    def seen() -> tuple[dict[str, tuple[int, int, int]], list[str], int]:
        told = sla.fared(deployment, workspace, days=365)["by_jurisdiction"]
        rows = [lifecycle.get(deployment, workspace, one)[0] for one in opened]  # type: ignore[arg-type]
        counts = {law: (told[law]["paused"], told[law]["due"], told[law]["overdue"]) for law in ("ccpa", "gdpr")}
        now = clock()
        return counts, [tone(row, now, pausing) for row in rows], charts.deadlines(rows, now, pausing)["overdue"]

    clock.pass_by(days=40)
    assert seen() == ({"ccpa": (1, 1, 0), "gdpr": (1, 0, 0)}, ["soon", "still"], 0)
    clock.pass_by(days=20)
    assert seen() == ({"ccpa": (1, 0, 1), "gdpr": (1, 0, 0)}, ["late", "still"], 1)
    said = {"reason": "complex", "channel": "letter", "notified_at": None, "actor": "person:first"}
    with pytest.raises(Conflict, match="over"):
        moves.extend(deployment, workspace, opened[0], **said)  # type: ignore[arg-type]
    assert moves.extend(deployment, workspace, opened[1], **said).state == "paused"  # type: ignore[arg-type]


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)) == (50.0, 95.0, None)
