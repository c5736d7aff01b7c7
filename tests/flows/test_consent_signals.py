"""Signals on events: consent strings count and are recorded, and none of them lifts a no that was said elsewhere."""

from __future__ import annotations

import pytest

from registry.consent.signals.spoken import Spoken
from registry.dsr.requests import Kind
from registry.flows.consent import signalled
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.simulator import Tenant

ADA = ("user_id", "ada")
TCF_ALL = "CQbwIkAQbwIkAAKACADEAyFgAP_AAAAAAACYAAAAAAAA.IAAA"
"""Written by the IAB's library: purposes 1 to 10 consented to."""
TCF_MEASURING = "CQbwIkAQbwIkAAKACADEAyFgAIPAAAAAAACYAAAAAAAA.IAAA"
"""Written by the IAB's library: purposes 1 and 7 to 10 consented to."""
GPP_NO_SALE = "DBABBg~BAQAAABA.QA"
"""Written by the IAB's library: California, opted out of sale."""


def said(tenant: Tenant) -> dict[str, bool]:
    return {name: tenant.check(*ADA, name).allowed for name in ("analytics", "personalisation", "marketing")}


def test_a_tc_string_on_an_event_is_recorded_for_each_purpose_that_it_speaks_of(tenant: Tenant) -> None:
    tenant.send(identify("ada", context={"consent": {"tcString": TCF_ALL}}))
    assert said(tenant) == {"analytics": True, "personalisation": True, "marketing": True}
    tenant.send(identify("ada", context={"consent": {"tcString": TCF_MEASURING}}))
    assert said(tenant) == {"analytics": True, "personalisation": False, "marketing": False}


@pytest.mark.parametrize(
    "other",
    [
        {"gppString": GPP_NO_SALE},
        {"categoryPreferences": {"Analytics": True, "Functional": True, "Advertising": False}},
        {"googleConsentMode": {"ad_storage": "denied"}},
        {"gppString": "DBABBg~BAQ"},
    ],
)
def test_where_the_signals_of_one_event_differ_the_no_counts(tenant: Tenant, other: dict[str, object]) -> None:
    tenant.send(identify("ada", context={"consent": {"tcString": TCF_ALL} | other}))
    assert said(tenant)["marketing"] is False


@pytest.mark.parametrize("refusal", ["denied", "withdrawn", "objected"])
@pytest.mark.parametrize("batched", [True, False])
def test_a_banner_that_repeats_an_old_yes_does_not_lift_a_no_said_elsewhere(
    tenant: Tenant, clock: SetClock, refusal: str, batched: bool
) -> None:
    tenant.send(identify("ada", context=consent(Advertising=True)))
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", refusal, channel="preference_centre")
    clock.pass_by(seconds=1)
    calls = [
        identify("ada", context=consent(Advertising=True)),
        identify("ada", context={"consent": {"tcString": TCF_ALL}}),
    ]
    for batch in [calls] if batched else [[call] for call in calls]:
        tenant.send(*batch)
    assert not tenant.check(*ADA, "marketing").allowed
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", "granted", channel="preference_centre")
    assert tenant.check(*ADA, "marketing").allowed


def test_a_banner_s_own_no_is_lifted_by_its_yes(tenant: Tenant, clock: SetClock) -> None:
    for allowed in (True, False, True):
        clock.pass_by(seconds=1)
        tenant.send(identify("ada", context=consent(Advertising=allowed)))
        assert tenant.check(*ADA, "marketing").allowed is allowed


def test_a_visitor_s_yes_does_not_lift_the_no_of_the_person_who_logs_in(tenant: Tenant, clock: SetClock) -> None:
    tenant.say(*ADA, "marketing", "withdrawn")
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", "browser", context=consent(Advertising=True)))
    assert not tenant.check(*ADA, "marketing").allowed
    assert not tenant.check("anonymous_id", "browser", "marketing").allowed


def test_what_a_restricted_person_signals_is_recorded_and_opens_nothing(tenant: Tenant) -> None:
    tenant.send(identify("u-restricted"))
    tenant.run(tenant.request(Kind.RESTRICTION, "user_id", "u-restricted"))
    person = tenant.person("user_id", "u-restricted")
    told = signalled.record_signals(
        tenant.registry.deployment, tenant.workspace, person, Spoken({"marketing": False}), actor="app:banner"
    )
    assert [row.purpose for row, _ in told.records] == ["marketing"]
    assert not tenant.check("user_id", "u-restricted", "marketing").allowed
