"""Consent strings and Google's states in the catalogue's purposes: most protective first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from consent_values import TEXT, catalogue_of, shipped_catalogue

from registry.consent.signals.context import from_context
from registry.consent.signals.google import from_google, to_google
from registry.consent.signals.gpp import GppString, UsChoices
from registry.consent.signals.spoken import both, from_gpp, from_tcf
from registry.consent.signals.tcf import PublisherChoices, TcString
from registry.model.clock import SECOND
from registry.model.errors import DocumentInvalid

NOW = 2_000_000_000 * SECOND
CATALOGUE = shipped_catalogue()
NO = {"analytics": False, "personalisation": False, "marketing": False}
ALL = frozenset(range(1, 12))
SAID = TcString(
    0, 0, 1, 1, 0, "EN", 1, 5, False, frozenset(), ALL, frozenset(), False, "AA", (), (), (), vendors_disclosed=()
)  # fmt: skip
NOTHING = GppString(None, {}, None, ())


def us(**fields: int) -> UsChoices:
    return UsChoices(1, {name: (value,) for name, value in fields.items()})


def test_a_purpose_needs_all_of_its_tcf_purposes() -> None:
    assert from_tcf(SAID, CATALOGUE) == {"analytics": True, "personalisation": True, "marketing": True}
    assert from_tcf(replace(SAID, purpose_consents=ALL - {8}), CATALOGUE) == {
        "analytics": False, "personalisation": True, "marketing": True,
    }  # fmt: skip
    assert from_tcf(replace(SAID, purpose_consents=ALL - {1}), CATALOGUE) == NO


def test_what_was_allowed_to_vendors_but_not_to_the_publisher_is_a_no() -> None:
    own = PublisherChoices(ALL - {2}, frozenset(), frozenset(), frozenset())
    assert from_tcf(replace(SAID, publisher=own), CATALOGUE)["marketing"] is False


def test_a_legitimate_interest_suffices_only_where_the_basis_and_tcf_know_it() -> None:
    by_interest = replace(SAID, purpose_consents=frozenset({1}), purpose_legitimate_interests=ALL)
    assert from_tcf(by_interest, CATALOGUE) == NO
    text = TEXT.replace(
        "lawful_basis: {default: consent}", "lawful_basis: {default: legitimate_interests}\n    balancing: weighed"
    )
    said = from_tcf(by_interest, catalogue_of(text))
    assert said == {"analytics": True, "personalisation": False, "marketing": False}


def test_a_special_feature_is_needed_where_the_policy_says_so() -> None:
    text = TEXT.replace("tcf_purposes: [1, 7, 8, 9, 10]", "tcf_purposes: [7]\n    tcf_special_features: [1]")
    for features, expected in ((frozenset({1}), True), (frozenset({2}), False)):
        said = from_tcf(replace(SAID, special_features=features), catalogue_of(text))
        assert said["analytics"] is expected


def test_a_us_opt_out_is_a_no_and_its_absence_says_nothing() -> None:
    assert from_gpp(replace(NOTHING, us={"usca": us(SaleOptOut=1)}), CATALOGUE) == {"marketing": False}
    assert from_gpp(replace(NOTHING, us={"usca": us(SaleOptOut=2, SharingOptOut=0)}), CATALOGUE) == {}
    several = UsChoices(1, {"TargetedAdvertisingOptOut": (2, 0, 1)})
    assert from_gpp(replace(NOTHING, us={"usva": several}), CATALOGUE) == {"marketing": False}


def test_global_privacy_control_and_us_privacy_inside_gpp_count_as_the_header() -> None:
    assert from_gpp(replace(NOTHING, us={"usco": UsChoices(1, {}, gpc=True)}), CATALOGUE) == {"marketing": False}
    assert from_gpp(replace(NOTHING, sale_opt_out=True), CATALOGUE) == {"marketing": False}
    assert from_gpp(replace(NOTHING, sale_opt_out=False), CATALOGUE) == {}


def test_an_opt_out_beats_the_tc_string_beside_it() -> None:
    said = replace(NOTHING, tcf=SAID, us={"usnat": us(SharingOptOut=1)})
    assert from_gpp(said, CATALOGUE) == {"analytics": True, "personalisation": True, "marketing": False}


def test_where_two_signals_differ_the_no_counts_and_silence_says_nothing() -> None:
    assert both({"a": True, "b": True}, {"b": False, "c": True}) == {"a": True, "b": False, "c": True}


@pytest.mark.parametrize("member", ["tcString", "gppString"])
@pytest.mark.parametrize("value", ["", "COvFyGB", None, 7, ["DBAA"], "C" * 100_000, "DBAA~x"])
def test_a_string_that_cannot_be_read_is_a_no(member: str, value: object) -> None:
    assert from_context({"consent": {member: value}}, CATALOGUE, NOW).said == NO


def test_a_string_does_not_make_missing_banner_categories_a_no() -> None:
    assert from_context({"consent": {"gppString": "DBAA"}}, CATALOGUE, NOW).said == {}
    assert from_context({"consent": {"gppString": "DBAA", "categoryPreferences": {}}}, CATALOGUE, NOW).said == NO


def test_google_s_states_speak_for_the_purposes_mapped_to_them() -> None:
    ads = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}
    assert from_google(ads, CATALOGUE) == {"marketing": True}
    assert from_google(ads | {"ad_user_data": "denied"}, CATALOGUE) == {"marketing": False}
    assert from_google({"ad_storage": "granted"}, CATALOGUE) == {}
    assert from_google({"analytics_storage": "yes", "unheard_of": "granted"}, CATALOGUE) == {"analytics": False}
    assert from_google("granted", CATALOGUE) == NO | {"service": False, "security": False}
    assert from_context({"consent": {"googleConsentMode": ads}}, CATALOGUE, NOW).said == {"marketing": True}


def test_google_is_told_granted_only_where_all_mapped_purposes_are_allowed() -> None:
    states = to_google({"service": True, "analytics": True, "marketing": False}, CATALOGUE)
    assert states == {
        "ad_storage": "denied", "ad_user_data": "denied", "ad_personalization": "denied",
        "analytics_storage": "granted", "functionality_storage": "granted", "personalization_storage": "denied",
        "security_storage": "denied",
    }  # fmt: skip
    shared = TEXT.replace("google_consent: [analytics_storage]", "google_consent: [ad_storage]")
    assert to_google({"analytics": True, "marketing": False}, catalogue_of(shared))["ad_storage"] == "denied"
    assert to_google({"analytics": True, "marketing": True}, catalogue_of(shared))["analytics_storage"] == "denied"


@pytest.mark.parametrize("mapping", ["uszz: [SaleOptOut]", "usca: [SaleOptOutNotice]", "usca: [MspaMode]"])
def test_a_policy_may_name_only_choices_of_sections_that_there_are(mapping: str) -> None:
    with pytest.raises(DocumentInvalid) as error:
        catalogue_of(TEXT.replace("usca: [SaleOptOut, SharingOptOut]", mapping))
    assert "no choice of a section" in str(error.value.faults)


def test_a_gpp_string_that_cannot_be_read_may_have_held_the_browser_s_opt_out() -> None:
    bare = {name: replace(one, tcf_purposes=(), gpp={}) for name, one in CATALOGUE.purposes.items()}
    catalogue = replace(CATALOGUE, purposes=bare)
    assert from_context({"consent": {"gppString": "DBAA~!"}}, catalogue, NOW).said == {"marketing": False}
    assert from_context({"consent": {"tcString": "!"}}, catalogue, NOW).said == {}
