"""Whom a changed purpose asks again, in every way in which a decision is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from registry.consent.signals.spoken import Spoken
from registry.flows.consent import asking_again, checks, permitted
from registry.flows.consent.given import Question
from registry.flows.consent.signalled import record_signals
from registry.model.errors import UnknownPurpose
from registry.model.message import Identifier
from tests.conftest import SetClock
from tests.simulator import Tenant


@pytest.fixture
def changed(tenant: Tenant, clock: SetClock) -> Iterator[Tenant]:
    """A tenant whose marketing purpose changes after Ada and Eve said something of it, and before Bob does."""
    tenant.say("user_id", "ada", "marketing", "granted")
    tenant.say("user_id", "eve", "marketing", "denied")
    clock.pass_by(seconds=60)
    policies = tenant.registry.deployment.policies
    catalogue = policies.purposes
    marketing = replace(catalogue.purposes["marketing"], material_since=clock())
    purposes = replace(catalogue, purposes={**catalogue.purposes, "marketing": marketing}, last_change=clock())
    object.__setattr__(tenant.registry.deployment, "policies", replace(policies, purposes=purposes))
    clock.pass_by(seconds=60)
    tenant.say("user_id", "bob", "marketing", "granted")
    yield tenant
    object.__setattr__(tenant.registry.deployment, "policies", policies)


def test_every_way_of_asking_says_ask_again(changed: Tenant) -> None:
    deployment, workspace = changed.registry.deployment, changed.workspace
    people = [Identifier("user_id", name) for name in ("ada", "eve", "bob")]
    questions = [Question(one, "marketing", frozenset()) for one in people]
    expected = ["ask_again", "denied", "granted"]
    assert [checks.check(deployment, workspace, *question[:3]).reason for question in questions] == expected
    assert [one.reason for one in permitted.check_many(deployment, workspace, questions)] == expected
    assert permitted.filter_people(deployment, workspace, people, "marketing") == [False, False, True]
    listed = [one for page in permitted.list_people(deployment, workspace, "marketing") for one in page]
    assert listed == [changed.profile("user_id", "bob")]


def test_it_is_told_who_is_to_be_asked(changed: Tenant) -> None:
    deployment, workspace = changed.registry.deployment, changed.workspace
    assert list(asking_again.outdated(deployment, workspace, "marketing")) == [changed.profile("user_id", "ada")]
    assert list(asking_again.outdated(deployment, workspace, "analytics")) == []
    with pytest.raises(UnknownPurpose):
        list(asking_again.outdated(deployment, workspace, "resale"))
    changed.say("user_id", "ada", "marketing", "granted")
    assert list(asking_again.outdated(deployment, workspace, "marketing")) == []
    assert changed.check("user_id", "ada", "marketing").allowed


def test_a_banner_s_answer_that_is_handed_over_renews_the_consent(changed: Tenant) -> None:
    deployment, workspace, ada = changed.registry.deployment, changed.workspace, Identifier("user_id", "ada")
    made = record_signals(deployment, workspace, ada, Spoken({"marketing": True}), actor="app:shop")
    assert [row.status for row, _ in made.records] == ["granted"]
    assert changed.check("user_id", "ada", "marketing").allowed
