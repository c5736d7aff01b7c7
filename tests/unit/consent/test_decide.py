"""The decision: each ground, each word a person can say, and how the sides of a joined person count."""

from __future__ import annotations

import pytest
from consent_values import TEXT, anonymous, catalogue_of, identified, person, said, shipped_catalogue

from registry.consent.decide import Standing, decide
from registry.model.decision import Decision, Reason

SILENT = person(identified())
NONE: frozenset[str] = frozenset()


def ask(
    standing: Standing,
    purpose: str = "marketing",
    *,
    now: int = 100,
    categories: frozenset[str] = NONE,
    signal_opt_out: bool = False,
) -> Decision:
    return decide(purpose, categories, standing, shipped_catalogue(), now=now, signal_opt_out=signal_opt_out)


def outcome(standing: Standing, purpose: str = "marketing", now: int = 100) -> tuple[bool, Reason]:
    decision = ask(standing, purpose, now=now)
    return decision.allowed, decision.reason


def test_an_unknown_purpose_or_person_is_denied() -> None:
    assert outcome(SILENT, "nothing") == (False, Reason.UNKNOWN_PURPOSE)
    for purpose in shipped_catalogue().purposes:
        assert outcome(Standing(False, ()), purpose) == (False, Reason.UNKNOWN_SUBJECT)


def test_a_grant_allows_and_says_which_record_until_when_and_by_which_policy() -> None:
    record = said("granted", expires_at=200)
    assert ask(person(identified(record))) == Decision(
        True, Reason.GRANTED, "marketing", "consent", record.record_id, 200, shipped_catalogue().version
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("denied", Reason.DENIED),
        ("withdrawn", Reason.WITHDRAWN),
        ("expired", Reason.EXPIRED),
        ("objected", Reason.OBJECTED),
    ],
)
def test_what_is_no_grant_denies_with_its_own_reason(status: str, reason: Reason) -> None:
    assert outcome(person(identified(said("granted", 1), said(status)))) == (False, reason)


def test_silence_is_no_consent() -> None:
    assert outcome(SILENT) == outcome(person()) == (False, Reason.NO_RECORD)


def test_a_grant_ends_at_its_expiry_to_the_microsecond() -> None:
    standing = person(identified(said("granted", expires_at=100)))
    assert outcome(standing, now=99) == (True, Reason.GRANTED)
    assert outcome(standing, now=100) == (False, Reason.EXPIRED)


def test_an_act_of_the_future_does_not_count_yet() -> None:
    standing = person(identified(said("granted", 10), said("withdrawn", 50)))
    assert outcome(standing, now=49) == (True, Reason.GRANTED)
    assert outcome(standing, now=50) == (False, Reason.WITHDRAWN)


@pytest.mark.parametrize("purpose", ["service", "legal"])
@pytest.mark.parametrize("status", ["denied", "withdrawn", "objected", "expired"])
def test_contract_and_legal_duty_are_not_the_person_s_to_refuse(purpose: str, status: str) -> None:
    assert outcome(person(identified(said(status))), purpose) == (True, Reason.BASIS_WITHOUT_CONSENT)


def test_legitimate_interests_hold_until_the_person_objects_and_again_after_a_grant() -> None:
    objection = said("objected", 10)
    assert outcome(SILENT, "security") == (True, Reason.BASIS_WITHOUT_CONSENT)
    assert outcome(person(identified(said("granted", 1), objection)), "security") == (False, Reason.OBJECTED)
    assert outcome(person(identified(objection, said("granted", 20))), "security")[0]
    assert outcome(person(identified(said("expired", 20))), "security")[0]


def test_a_restriction_stops_all_but_what_goes_on_despite_it() -> None:
    restricted = person(identified(said("granted")), restricted=True)
    allowed = {purpose for purpose in shipped_catalogue().purposes if ask(restricted, purpose).allowed}
    assert allowed == {"legal"}
    assert ask(restricted).reason is Reason.RESTRICTED


def test_an_opt_out_signal_stops_the_purposes_that_heed_it_whatever_was_granted() -> None:
    standing = person(identified(said("granted")))
    assert ask(standing, signal_opt_out=True).reason is Reason.SIGNAL_OPT_OUT
    assert ask(standing, "analytics", signal_opt_out=True).allowed
    assert ask(standing, "service", signal_opt_out=True).allowed


def test_every_category_asked_about_must_be_covered() -> None:
    standing = person(identified(said("granted")))
    assert ask(standing, categories=frozenset({"user.contact.email", "user.name"})).allowed
    refused = ask(standing, categories=frozenset({"user.contact.email", "user.health_and_medical"}))
    assert (refused.allowed, refused.reason) == (False, Reason.CATEGORY_NOT_COVERED)


def test_the_jurisdiction_chooses_the_ground() -> None:
    text = TEXT.replace("lawful_basis: {default: consent}", "lawful_basis: {default: consent, US: opt_out}")
    catalogue = catalogue_of(text)
    silent, refused = SILENT, person(identified(said("denied")))
    assert decide("marketing", NONE, silent, catalogue, now=100, jurisdiction="US-NY").allowed
    assert not decide("marketing", NONE, silent, catalogue, now=100, jurisdiction="DE").allowed
    assert decide("marketing", NONE, refused, catalogue, now=100, jurisdiction="US").reason is Reason.DENIED


GRANT, REFUSAL = said("granted", 10), said("withdrawn", 5)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((identified(GRANT), identified(said("granted", 3))), (True, Reason.GRANTED)),
        ((identified(GRANT), anonymous()), (True, Reason.GRANTED)),
        ((anonymous(GRANT), anonymous()), (True, Reason.GRANTED)),
        ((identified(GRANT), identified()), (False, Reason.MERGED_SIDES_DIFFER)),
        ((anonymous(GRANT), identified()), (False, Reason.MERGED_SIDES_DIFFER)),
        ((identified(GRANT), identified(REFUSAL)), (False, Reason.MERGED_SIDES_DIFFER)),
        ((identified(GRANT), anonymous(REFUSAL)), (False, Reason.MERGED_SIDES_DIFFER)),
        (
            (identified(GRANT), anonymous(said("granted", 1, expires_at=50))),
            (False, Reason.MERGED_SIDES_DIFFER),
        ),
        ((identified(GRANT), anonymous(said("objected", 1))), (False, Reason.OBJECTED)),
        ((identified(REFUSAL), identified()), (False, Reason.WITHDRAWN)),
        ((identified(REFUSAL), identified(said("denied", 1))), (False, Reason.DENIED)),
        ((identified(), anonymous()), (False, Reason.NO_RECORD)),
    ],
)
def test_before_the_person_has_chosen_again_the_sides_must_agree(
    sides: tuple[object, object], expected: tuple[bool, Reason]
) -> None:
    for order in (sides, sides[::-1]):
        assert outcome(Standing(True, order, joined_at=60)) == expected  # type: ignore[arg-type]


def test_what_the_person_chose_after_the_sides_were_joined_decides() -> None:
    refused = identified(said("objected", 5))
    assert outcome(person(refused, anonymous(said("granted", 61)), joined_at=60)) == (True, Reason.GRANTED)
    assert outcome(person(refused, anonymous(said("granted", 60)), joined_at=60)) == (False, Reason.OBJECTED)
    both = person(identified(said("granted", 70)), anonymous(said("withdrawn", 80)), joined_at=60)
    assert outcome(both) == (False, Reason.WITHDRAWN)


def test_an_objection_on_either_side_stops_legitimate_interests_of_the_joined_person() -> None:
    sides = identified(said("granted", 20)), anonymous(said("objected", 1))
    assert outcome(person(*sides, joined_at=60), "security") == (False, Reason.OBJECTED)
    lifted = person(*sides, identified(said("granted", 70)), joined_at=60)
    assert outcome(lifted, "security") == (True, Reason.BASIS_WITHOUT_CONSENT)


def test_grants_of_several_sides_last_until_the_first_of_them_ends() -> None:
    late, early = said("granted", 20, expires_at=300), said("granted", 10, expires_at=200)
    decision = ask(person(identified(late), identified(early), joined_at=60))
    assert (decision.record_id, decision.valid_until) == (late.record_id, 200)
