"""A purpose that demands an age takes no consent without it, in whatever way it comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.consent.purposes import LawfulBasis
from registry.consent.records import ConsentStatus
from registry.consent.signals.spoken import Spoken
from registry.flows.access import preferences
from registry.flows.consent import checks, ledger, signalled
from registry.flows.deployment import Deployment
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import Delivery
from tests.factories import consent, identify
from tests.simulator import Tenant

ADA = ("user_id", "ada")


def demanding(tenant: Tenant, basis: LawfulBasis = LawfulBasis.CONSENT) -> Deployment:
    """The deployment with marketing for those of sixteen years."""
    deployment = tenant.registry.deployment
    policies = deployment.policies
    marketing = replace(policies.purposes.purposes["marketing"], minimum_age=16, lawful_basis={"default": basis})
    purposes = replace(policies.purposes, purposes=policies.purposes.purposes | {"marketing": marketing})
    return replace(deployment, policies=replace(policies, purposes=purposes))


def reason(deployment: Deployment, tenant: Tenant) -> str:
    return checks.check(deployment, tenant.workspace, tenant.person(*ADA), "marketing").reason.value


@pytest.mark.parametrize(
    ("age", "told"), [(None, "age_not_shown"), (15, "age_not_shown"), (16, "granted"), (40, "granted")]
)
def test_a_grant_counts_only_with_the_age(tenant: Tenant, age: int | None, told: str) -> None:
    deployment = demanding(tenant)
    act = ledger.Act("marketing", ConsentStatus.GRANTED, age_at_least=age)
    ledger.record(deployment, tenant.workspace, tenant.person(*ADA), [act], actor="app:shop")
    assert reason(deployment, tenant) == told


def test_a_banner_s_yes_shows_no_age_and_takes_none_away(tenant: Tenant) -> None:
    deployment, person = demanding(tenant), tenant.person(*ADA)

    def banner() -> None:
        call = identify("ada", context=consent(Advertising=True))
        sent = Delivery(tenant.source, [call], tenant.registry.clock())
        pipeline.ingest(deployment, tenant.workspace, [sent])
        signalled.record_signals(deployment, tenant.workspace, person, Spoken({"marketing": True}), actor="app:banner")

    banner()
    banner()
    assert reason(deployment, tenant) == "age_not_shown"
    rows = ledger.history(deployment, tenant.workspace, person)
    assert [row.status for row in rows if row.purpose == "marketing"] == ["unattested"]
    tenant.registry.clock.pass_by(seconds=1)  # type: ignore[attr-defined]
    preferences.choose(
        deployment, tenant.workspace, person, {"marketing": True}, language="en", channel="page", age_at_least=16
    )
    banner()
    assert reason(deployment, tenant) == "granted"


@pytest.mark.parametrize("by", ["event", "handed over"])
def test_once_no_age_is_demanded_any_more_a_banner_s_yes_is_a_consent(tenant: Tenant, by: str) -> None:
    deployment, person = demanding(tenant), tenant.person(*ADA)
    for current in (deployment, tenant.registry.deployment):
        tenant.registry.clock.pass_by(seconds=1)  # type: ignore[attr-defined]
        if by == "event":
            call = identify("ada", context=consent(Advertising=True))
            pipeline.ingest(current, tenant.workspace, [Delivery(tenant.source, [call], current.clock())])
        else:
            yes = Spoken({"marketing": True})
            signalled.record_signals(current, tenant.workspace, person, yes, actor="app:banner")
    assert reason(tenant.registry.deployment, tenant) == "granted"


def test_other_grounds_than_consent_demand_no_age(tenant: Tenant) -> None:
    deployment = demanding(tenant, LawfulBasis.LEGITIMATE_INTERESTS)
    act = ledger.Act("marketing", ConsentStatus.GRANTED)
    ledger.record(deployment, tenant.workspace, tenant.person(*ADA), [act], actor="app:shop")
    assert reason(deployment, tenant) == "basis_without_consent"


def test_no_place_makes_the_age_superfluous_where_another_rests_on_consent(tenant: Tenant) -> None:
    """A yes said to have been given where no consent is needed counts where it is."""
    deployment = demanding(tenant)
    policies = deployment.policies
    marketing = replace(
        policies.purposes.purposes["marketing"],
        lawful_basis={"default": LawfulBasis.CONSENT, "US": LawfulBasis.OPT_OUT},
    )
    purposes = replace(policies.purposes, purposes=policies.purposes.purposes | {"marketing": marketing})
    deployment = replace(deployment, policies=replace(policies, purposes=purposes))
    act = ledger.Act("marketing", ConsentStatus.GRANTED, jurisdiction="US")
    ledger.record(deployment, tenant.workspace, tenant.person(*ADA), [act], actor="app:shop")
    assert reason(deployment, tenant) == "age_not_shown"
