"""The purposes policy: what the file must say, and what it may not."""

from __future__ import annotations

import pytest
from consent_values import TEXT, catalogue_of, said, shipped_catalogue
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from registry.consent.decide import Side, Standing, decide
from registry.consent.purposes import LawfulBasis
from registry.model.errors import DocumentInvalid, UnknownPurpose


def test_the_shipped_purposes_rest_on_the_grounds_that_the_documentation_names() -> None:
    bases = {name: purpose.basis_in(None) for name, purpose in shipped_catalogue().purposes.items()}
    assert bases == {
        "service": LawfulBasis.CONTRACT,
        "security": LawfulBasis.LEGITIMATE_INTERESTS,
        "legal": LawfulBasis.LEGAL_OBLIGATION,
        "analytics": LawfulBasis.CONSENT,
        "personalisation": LawfulBasis.CONSENT,
        "marketing": LawfulBasis.CONSENT,
    }


def test_every_category_of_the_shipped_purposes_is_a_fideslang_key() -> None:
    known = {category.fides_key for category in DEFAULT_TAXONOMY.data_category}
    used = {category for purpose in shipped_catalogue().purposes.values() for category in purpose.categories}
    assert used <= known


def test_the_version_follows_the_content_not_the_formatting() -> None:
    assert catalogue_of(f"# another remark\n{TEXT}").version == shipped_catalogue().version
    assert catalogue_of(TEXT.replace("retention_days: 180", "retention_days: 90")).version != (
        shipped_catalogue().version
    )


def test_the_basis_is_that_of_the_region_else_of_the_country_else_the_default() -> None:
    text = TEXT.replace(
        "{default: legitimate_interests}", "{default: legitimate_interests, US: opt_out, US-CA: contract}"
    )
    security = catalogue_of(text).purpose("security")
    assert [security.basis_in(place) for place in ("US-CA", "US-NY", "US", "DE", None)] == [
        LawfulBasis.CONTRACT,
        LawfulBasis.OPT_OUT,
        LawfulBasis.OPT_OUT,
        LawfulBasis.LEGITIMATE_INTERESTS,
        LawfulBasis.LEGITIMATE_INTERESTS,
    ]


@pytest.mark.parametrize("bases", ["default: opt_out, DE: consent", "default: contract, US: opt_out"])
def test_the_default_protects_at_least_as_much_as_any_place(bases: str) -> None:
    """It counts for everybody of whom nobody said where they are."""
    text = TEXT.replace("lawful_basis: {default: consent}", f"lawful_basis: {{{bases}}}")
    with pytest.raises(DocumentInvalid) as error:
        catalogue_of(text)
    assert any("protects less" in str(fault) for fault in error.value.faults)


def test_a_default_of_asking_first_protects_as_much_as_consent() -> None:
    first, rest = TEXT.split("  - name: marketing")
    asking = rest.replace("{default: consent}", "{default: opt_out, DE: consent}\n    default: denied")
    assert catalogue_of(f"{first}  - name: marketing{asking}").purpose("marketing").asks_first


def test_a_purpose_covers_what_lies_under_its_categories_and_nothing_beside() -> None:
    marketing = shipped_catalogue().purpose("marketing")
    assert marketing.covers("user.contact.email")
    assert not marketing.covers("user.contacts")
    assert not marketing.covers("user")
    assert shipped_catalogue().purpose("service").covers("user.financial")


def test_the_wording_is_in_the_language_asked_for_or_the_nearest() -> None:
    marketing = shipped_catalogue().purpose("marketing")
    assert marketing.told_in("de-AT")[0] == "Über Angebote informieren"
    assert marketing.told_in("fr")[0] == marketing.told_in(None)[0] == "Tell you about offers"


def test_a_purpose_is_shown_beneath_its_parent_wherever_the_file_has_it() -> None:
    catalogue = catalogue_of(TEXT.replace("name: analytics", "name: analytics\n    parent: marketing"))
    assert [purpose.name for purpose in catalogue.under("marketing")] == ["analytics"]
    assert "analytics" not in [purpose.name for purpose in catalogue.under(None)]
    assert catalogue.title_of("analytics", "de") == "Über Angebote informieren › Nutzung verstehen"


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("name: security", "name: service", "/purposes/1/name"),
        ("name: security", "name: security\n    parent: nothing", "/purposes/1/parent"),
        ("name: security", "name: security\n    parent: security", "/purposes/1/parent"),
        (
            "title: {en: Keep it secure, de: Sicherheit gewährleisten}",
            "title: {en: Safety}",
            "/purposes/1/text",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_with_the_place(old: str, new: str, pointer: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        catalogue_of(TEXT.replace(old, new, 1))
    assert caught.value.pointer == pointer


def test_an_unknown_purpose_is_refused_without_echoing_it() -> None:
    with pytest.raises(UnknownPurpose) as caught:
        shipped_catalogue().purpose("marker")
    assert "marker" not in f"{caught.value} {caught.value.hint}"


def test_a_legitimate_interest_without_balancing_is_refused() -> None:
    start = TEXT.index("    balancing:")
    without = TEXT[:start] + TEXT[TEXT.index("    retention_days: 180") :]
    with pytest.raises(DocumentInvalid, match="balancing"):
        catalogue_of(without)


def test_silence_is_never_consent_by_default() -> None:
    text = TEXT.replace("    retention_days: 730", "    retention_days: 730\n    default: allowed")
    with pytest.raises(DocumentInvalid, match="silence is no consent"):
        catalogue_of(text)


def test_a_default_of_denied_asks_first_where_the_ground_would_allow_silence() -> None:
    silent = Standing(known=True, sides=(Side(False, ()),))
    text = TEXT.replace("    retention_days: 180", "    retention_days: 180\n    default: denied")
    for catalogue, allowed in ((shipped_catalogue(), True), (catalogue_of(text), False)):
        assert decide("security", frozenset(), silent, catalogue, now=5).allowed is allowed
    agreed = Standing(known=True, sides=(Side(False, (said("granted", 1),)),))
    assert decide("security", frozenset(), agreed, catalogue_of(text), now=5).allowed
