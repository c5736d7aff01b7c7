"""What banners and browsers say: read strictly, never as a yes by mistake."""

from __future__ import annotations

import pytest
from consent_values import TEXT, catalogue_of, shipped_catalogue

from registry.consent.signals.banners import from_gpc, from_rudderstack, from_segment
from registry.consent.signals.context import from_context
from registry.model.clock import SECOND

NOW = 2_000_000_000 * SECOND
CATALOGUE = shipped_catalogue()
NO = {"analytics": False, "personalisation": False, "marketing": False}


def segment(preferences: object) -> dict[str, bool]:
    return from_segment({"consent": {"categoryPreferences": preferences}}, CATALOGUE)


def test_each_category_speaks_for_its_purpose_and_a_missing_one_is_a_no() -> None:
    assert segment({"Analytics": True, "advertising": False, "DataSharing": True}) == NO | {"analytics": True}
    assert segment({}) == NO


@pytest.mark.parametrize("preferences", [None, "yes", ["Analytics"], {"Analytics": "true"}, {"Analytics": 1}])
def test_what_cannot_be_read_is_a_no(preferences: object) -> None:
    assert segment(preferences) == NO


@pytest.mark.parametrize("consent", ["yes", 1, [], {}])
def test_a_consent_member_of_another_form_is_a_no(consent: object) -> None:
    assert from_segment({"consent": consent}, CATALOGUE) == NO


@pytest.mark.parametrize("context", [{}, {"consent": None}])
def test_without_a_consent_member_nothing_is_said(context: dict[str, object]) -> None:
    assert from_segment(context, CATALOGUE) == {}


def test_of_two_spellings_of_a_category_the_no_counts() -> None:
    assert not segment({"Analytics": True, "ANALYTICS": False})["analytics"]
    assert not segment({"ANALYTICS": False, "Analytics": True})["analytics"]


def test_a_purpose_of_several_categories_needs_them_all() -> None:
    text = TEXT.replace("segment_categories: [Advertising]", "segment_categories: [Advertising, DataSharing]")
    catalogue = catalogue_of(text)
    for preferences, expected in (
        ({"Advertising": True, "DataSharing": True}, True),
        ({"Advertising": True, "DataSharing": False}, False),
        ({"Advertising": True}, False),
    ):
        assert from_segment({"consent": {"categoryPreferences": preferences}}, catalogue)["marketing"] is expected


def test_a_preference_under_the_purpose_s_own_name_counts_like_its_categories() -> None:
    assert segment({"marketing": True, "service": False}) == NO | {"marketing": True, "service": False}
    assert segment({"marketing": True, "Advertising": False}) == NO


def test_rudderstack_s_denied_ids_are_a_no_and_only_allowed_ones_a_yes() -> None:
    management = {"deniedConsentIds": ["advertising"], "allowedConsentIds": ["Analytics", "Advertising"]}
    context: dict[str, object] = {"consentManagement": management}
    assert from_rudderstack(context, CATALOGUE) == {"marketing": False, "analytics": True}
    assert from_rudderstack({"consentManagement": {"deniedConsentIds": "all"}}, CATALOGUE) == NO
    assert from_rudderstack({"consentManagement": []}, CATALOGUE) == NO
    assert from_rudderstack({}, CATALOGUE) == {}


def test_where_the_two_shapes_differ_the_no_counts() -> None:
    context: dict[str, object] = {
        "consent": {"categoryPreferences": {"Analytics": True, "Advertising": True, "Functional": True}},
        "consentManagement": {"deniedConsentIds": ["Analytics"], "allowedConsentIds": ["Advertising"]},
    }
    assert from_context(context, CATALOGUE, NOW).said == {
        "analytics": False,
        "personalisation": True,
        "marketing": True,
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1"], True),
        (["0", "1"], True),
        ([], False),
        (["0"], False),
        (["1 "], False),
        (["true"], False),
        (["11"], False),
    ],
)
def test_only_exactly_one_is_an_opt_out(values: list[str], expected: bool) -> None:
    assert from_gpc(values) is expected
