"""A clock that was ahead is set back: what was noted meanwhile waits for no time that is years away."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.flows.acts.outbox import Topic
from registry.flows.dsr import holds, kept, lifecycle, passing_on
from registry.flows.outgoing import webhooks
from registry.flows.outgoing.endpoints import waits
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import RequestId
from registry.store import intake
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import RegistrySimulator, Tenant

YEAR = 366


@pytest.fixture
def mailer() -> Mailer:
    return Mailer({("records", "address"): "user.name"})


@pytest.fixture
def ahead(registry: RegistrySimulator, mailer: Mailer) -> Tenant:
    connect(registry, mailer)
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    _turn(made, YEAR)
    return made


def _turn(tenant: Tenant, days: int) -> None:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=days)


def test_a_request_that_waits_is_tried_again(ahead: Tenant, mailer: Mailer) -> None:
    deployment, workspace = ahead.registry.deployment, ahead.workspace
    request = ahead.request(Kind.ERASURE, "email", "ada@example.com")
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        ahead.run(request)
    assert lifecycle.due(deployment, workspace) == []
    _turn(ahead, -YEAR)
    mailer.is_down = False
    [due] = lifecycle.due(deployment, workspace)
    assert lifecycle.go_on(deployment, workspace, due).state == "completed"


def test_what_a_hold_had_kept_outside_is_tried_again(ahead: Tenant, mailer: Mailer) -> None:
    deployment, workspace, person = ahead.registry.deployment, ahead.workspace, ahead.person("email", "ada@example.com")
    given = {"ground": "claim 1", "purpose": "legal", "actor": "person:first", "categories": ("user.name",)}
    hold_id = holds.place(deployment, workspace, person, **given).hold_id  # type: ignore[arg-type]
    ahead.run(ahead.request(Kind.ERASURE, "email", "ada@example.com"))
    holds.release(deployment, workspace, hold_id, actor="person:first")
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        kept.end_due(deployment, workspace, actor="operator")
    _turn(ahead, -YEAR)
    mailer.is_down = False
    assert len(kept.end_due(deployment, workspace, actor="operator", at_once=False)) == 1


def test_letters_are_sent_and_recipients_told(ahead: Tenant) -> None:
    deployment, workspace = ahead.registry.deployment, ahead.workspace
    made = webhooks.create(
        deployment, ahead.workspace_id, name="a warehouse", url="http://127.0.0.1:9/hook", purpose=None,
        topics=[Topic.SUBJECT_ERASED], actor="operator",
    )  # fmt: skip
    fragment = ahead.fragment(ahead.person("user_id", "ada"))
    with deployment.data.write(ahead.workspace_id) as transaction:
        order = RequestId(deployment.new_id())
        passing_on.pass_on(
            deployment, transaction, ahead.workspace_id, order, fragments=[fragment], profiles=(), people=()
        )
    lifecycle.open_request(
        deployment, workspace, kind=Kind.KNOW, person=ahead.person("email", "ada@example.com"), actor="person:first"
    )
    _turn(ahead, -YEAR)
    assert passing_on.due(deployment, workspace) == [made.webhook_id]
    with deployment.data.read(ahead.workspace_id) as transaction:
        assert len(intake.due_letters(transaction, ahead.workspace_id, waits(deployment.clock()), 9)) == 1
