"""A request of a Californian evening comes on that day: letters, certificates and pages tell the days of its law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from registry.dsr.requests import Kind, Move
from registry.flows.accountability import breach, certificate_page, forms, verify
from registry.flows.accountability.forms import Form
from registry.flows.dsr import bulk, intake, lifecycle
from registry.flows.dsr.intake import Wish
from registry.model.clock import HOUR, rfc3339
from registry.model.stored import StoredRequest
from tests.conftest import START, SetClock
from tests.factories import identify
from tests.post import Desk
from tests.simulator import RegistrySimulator, Tenant

EVENING = START + 28 * HOUR
"""Eight in the evening of 1 January in California; 2 January UTC."""
LAST = "2026-02-16T07:59:59.999999Z"
"""The end of the forty-fifth day, 15 February there."""


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    return registry.tenant()


def _asked(desk: Desk, kind: Kind = Kind.DELETE) -> StoredRequest:
    wish = Wish(kind, desk.tenant.person("email", "ada@example.com"))
    return intake.take(desk.deployment, desk.tenant.workspace, wish, actor="person:first")[0]


def test_letters_and_certificates_tell_the_day_of_receipt_and_the_last_one_by_the_clocks_of_the_law(
    tenant: Tenant,
) -> None:
    clock, desk = tenant.registry.clock, Desk(tenant)
    assert isinstance(clock, SetClock)
    clock.now = EVENING
    desk.confirmed_by_newsletter(identify("ada", email="ada@example.com"))
    request = _asked(desk)
    assert rfc3339(request.respond_by) == LAST
    desk.deliver()
    [(_, _, text)] = desk.box.sent
    assert "2026-01-01" in text
    assert "2026-02-15" in text
    clock.now = request.respond_by - 3 * HOUR  # nine in the evening of the last day
    given = desk.deployment, tenant.workspace, request.request_id
    lifecycle.move_request(*given, Move.VERIFY, actor="person:first")
    lifecycle.move_request(*given, Move.APPROVE, actor="person:second")
    done = tenant.run(request)
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "certificate.schema.json").read_text())
    Draft202012Validator(schema).validate(claims)
    told: Any = claims["request"]
    assert told["in_time"]
    days = [told[name][:10] for name in ("received", "completed", "respond_by")]
    assert days == ["2026-01-01", "2026-02-15", "2026-02-15"]
    page = forms.write(desk.deployment, tenant.workspace, done.certificate or "", Form.PAGE)
    assert "in time: the answer was due by 2026-02-15" in page
    certificate_page.check(page, tenant.workspace.jwks())


def test_a_day_of_a_file_is_one_by_the_clocks_of_the_law_and_the_same_row_again_is_the_same_request(
    tenant: Tenant,
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    row = {
        "reference": "T-1", "kind": "know", "subject_kind": "email", "subject_value": "ada@example.com",
        "received_at": "2025-12-29",
    }  # fmt: skip
    for outcome in ("opened", "already"):
        told = bulk.take(deployment, workspace, [(1, row, "")], actor="person:first")
        assert told[outcome] == 1
    [request] = lifecycle.listed(deployment, workspace, 9, None)
    laws = deployment.policies.jurisdictions
    assert [laws.day("ccpa", at) for at in (request.received_at, request.respond_by)] == ["2025-12-29", "2026-02-12"]


def test_a_day_that_has_not_begun_where_the_law_is_counts_as_now(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    row = {"kind": "know", "subject_kind": "email", "subject_value": "ada@example.com"}
    days = {"2026-01-01": "opened", "2026-01-02": "invalid"}  # it is still the old year in California
    for day, outcome in days.items():
        told = bulk.take(
            deployment, workspace, [(1, row | {"reference": day, "received_at": day}, "")], actor="person:a"
        )
        assert told[outcome] == 1
    [request] = lifecycle.listed(deployment, workspace, 9, None)
    assert request.received_at == START


def test_the_days_for_telling_of_a_breach_are_those_of_the_law(tenant: Tenant) -> None:
    [told] = [one for one in breach.due(tenant.registry.deployment, EVENING)["laws"] if one["law"] == "ccpa"]
    assert told["people"]["by"] == "2026-02-01T07:59:59.999999Z"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_mandate_of_a_file_holds_on_its_last_day_by_the_clocks_of_the_law(tenant: Tenant, *, dry_run: bool) -> None:
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    clock.now = EVENING
    cells = {"reference": "T-1", "kind": "delete", "subject_kind": "email", "subject_value": "ada@example.com"}
    cells |= {"agent_name": "Synthetic Helper", "mandate": "power_of_attorney", "mandate_until": "2026-01-01"}
    for outcome in ("opened", "refused"):
        given = [(1, cells | {"reference": outcome}, "")]
        told = bulk.take(tenant.registry.deployment, tenant.workspace, given, actor="person:first", dry_run=dry_run)
        assert told[outcome] == 1
        clock.now = EVENING + 4 * HOUR
