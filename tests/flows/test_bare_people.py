"""Of whom nothing but identifiers and consent records is left: forgotten in time, where the policy says so and where
forgetting them loses no no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.dsr.requests import Kind
from registry.dsr.retention import nothing_but_yes
from registry.flows.consent import changes
from registry.flows.deployment import Deployment
from registry.flows.dsr import holds
from registry.flows.retention import sweeping
from registry.model.clock import DAY
from registry.model.errors import KeyMissing
from registry.store import erasure, second_look
from tests.conftest import SetClock
from tests.factories import identify, track
from tests.flows.test_older_data import copied, put_back
from tests.flows.test_retention import told
from tests.simulator import RegistrySimulator, Tenant

DAYS = 400
ADA, MAIL = ("user_id", "ada"), ("email", "ada@example.com")
BOB = ("user_id", "bob")
GONE = "identifiers and consent records: retention_ended"


def with_policy(registry: RegistrySimulator) -> Deployment:
    """The deployment with a policy that forgets people of whom nothing is left."""
    deployment = registry.deployment
    kept = replace(deployment.policies.retention, bare_identity_for=DAYS * DAY)
    return replace(deployment, policies=replace(deployment.policies, retention=kept))


@pytest.fixture
def forgetful(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A workspace whose policy forgets them."""
    monkeypatch.setattr(tenant.registry, "deployment", with_policy(tenant.registry))
    return tenant


def bare(tenant: Tenant, clock: SetClock) -> None:
    """Ada, with two identifiers and a yes, of whom nothing else is left."""
    tenant.send(identify("ada", email=MAIL[1]))
    clock.pass_by(days=3651)
    told(tenant)
    tenant.say(*ADA, "marketing", "granted")


def test_whoever_only_agreed_is_forgotten_in_time_and_nothing_names_them(forgetful: Tenant, clock: SetClock) -> None:
    tenant = forgetful
    bare(tenant, clock)
    ids = [
        bytes(one)
        for row in tenant.registry.rows(
            "SELECT fragment_id, anchor FROM fragment WHERE workspace_id = ?", tenant.workspace_id
        )
        for one in row
    ]
    clock.pass_by(days=DAYS - 1)
    assert GONE not in told(tenant)["gone"]
    assert tenant.check(*MAIL, "marketing").allowed
    clock.pass_by(days=2)
    counted = {"people": 1, "identifiers": 2, "records": 1}
    assert sweeping.preview(tenant.registry.deployment, tenant.workspace).gone[GONE] == counted
    assert told(tenant)["gone"] == {GONE: counted}
    for kind, value in (ADA, MAIL):
        assert tenant.check(kind, value, "marketing").reason == "unknown_subject"
    for database in (tenant.registry.deployment.data, tenant.registry.deployment.keystore):
        with database.read(tenant.workspace_id) as transaction:
            assert second_look.remaining(transaction, tenant.workspace_id, ids) == {}
    assert told(tenant)["gone"] == {}


def test_who_follows_is_told_and_who_comes_back_is_somebody_new(forgetful: Tenant, clock: SetClock) -> None:
    tenant = forgetful
    bare(tenant, clock)
    deployment = tenant.registry.deployment
    place = changes.end(deployment, tenant.workspace)
    clock.pass_by(days=DAYS + 1)
    told(tenant)
    [change] = changes.following(deployment, tenant.workspace, place, 10)
    assert (change.profile_id, change.purpose, change.status) == (None, "*", "erased")
    assert tenant.send(identify("ada", email=MAIL[1])).counts["accepted"] == 1
    assert tenant.check(*ADA, "marketing").reason == "no_record"


def test_a_copy_of_before_forgets_them_again(registry: RegistrySimulator) -> None:
    tenant = registry.tenant()
    assert isinstance(registry.clock, SetClock)
    registry.deployment = with_policy(registry)
    bare(tenant, registry.clock)
    copy = copied(registry)
    registry.clock.pass_by(days=DAYS + 1)
    assert GONE in told(tenant)["gone"]
    assert put_back(tenant, copy).fragments == 2
    assert tenant.profile(*ADA) is None
    assert tenant.profile(*MAIL) is None


def test_whoever_writes_between_two_steps_of_a_sweep_that_was_killed_is_refused_and_it_goes_on(
    forgetful: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = forgetful
    bare(tenant, clock)
    clock.pass_by(days=DAYS + 1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(erasure, "erase_rows", killed)
        told(tenant)
    with pytest.raises(KeyMissing):
        tenant.send(identify("ada", email=MAIL[1]))
    assert told(tenant)["gone"][GONE]["people"] == 1
    assert tenant.send(identify("ada", email=MAIL[1])).counts["accepted"] == 1


def refused(tenant: Tenant) -> None:
    tenant.say(*MAIL, "analytics", "denied")


def ended(tenant: Tenant) -> None:
    tenant.say(*ADA, "analytics", "expired")


def ends(tenant: Tenant) -> None:
    tenant.say(*ADA, "analytics", "granted", expires_at=tenant.registry.clock() + DAY)


def restricted(tenant: Tenant) -> None:
    tenant.run(tenant.request(Kind.RESTRICTION, *ADA))


def held(tenant: Tenant) -> None:
    who = tenant.person(*ADA)
    deployment = tenant.registry.deployment
    holds.place(deployment, tenant.workspace, who, ground="Case 1", purpose="legal", actor="operator")


def asked(tenant: Tenant) -> None:
    tenant.request(Kind.ACCESS, *ADA)


def kept_apart(tenant: Tenant) -> None:
    tenant.send(identify("bob"))
    tenant.keep_apart(ADA, BOB)


def shared(tenant: Tenant) -> None:
    tenant.send(identify("bob", email=MAIL[1]))


@pytest.mark.parametrize("why", [refused, ended, ends, restricted, held, asked, kept_apart, shared])
def test_who_said_no_or_is_named_by_anything_else_stays(
    forgetful: Tenant, clock: SetClock, why: Callable[[Tenant], None]
) -> None:
    tenant = forgetful
    bare(tenant, clock)
    why(tenant)
    for _ in range(3):
        clock.pass_by(days=DAYS + 1)
        assert told(tenant)["gone"].get(GONE, {"people": 0})["people"] == 0
    assert tenant.profile(*ADA) is not None


def test_who_has_any_data_left_stays(forgetful: Tenant, clock: SetClock) -> None:
    tenant = forgetful
    tenant.send(identify("ada", email=MAIL[1]), track("Product Viewed", "ada", product_id="p-1"))
    clock.pass_by(days=DAYS + 1)
    assert GONE not in told(tenant)["gone"]
    assert tenant.profile(*MAIL) == tenant.profile(*ADA)


def test_for_ever_where_the_policy_says_nothing(tenant: Tenant, clock: SetClock) -> None:
    bare(tenant, clock)
    clock.pass_by(days=36500)
    assert told(tenant)["gone"] == {}


@pytest.mark.parametrize("status", ["denied", "withdrawn", "objected", "restricted", "expired", "unattested", "new"])
def test_anything_but_a_yes_that_stands_is_to_be_remembered(status: str) -> None:
    assert not nothing_but_yes([("granted", None), (status, None)], 5)


def test_a_yes_that_stands_may_be_forgotten_and_one_that_ended_not() -> None:
    assert nothing_but_yes([], 5)
    assert nothing_but_yes([("granted", None), ("granted", 6), ("unrestricted", None)], 5)
    assert not nothing_but_yes([("granted", 5)], 5)
