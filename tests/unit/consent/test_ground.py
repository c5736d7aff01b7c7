"""Which purposes have ground at ingest, and which anonymous histories may join a person."""

from __future__ import annotations

import pytest
from consent_values import anonymous, identified, person, said, shipped_catalogue

from registry.consent.ground import lawful_purposes, may_join

ALL = frozenset(shipped_catalogue().purposes)
WITHOUT_CONSENT = frozenset({"service", "security", "legal"})


def test_a_new_person_s_data_has_ground_only_where_no_consent_is_needed() -> None:
    assert lawful_purposes(ALL, {}, shipped_catalogue(), now=100) == WITHOUT_CONSENT


def test_a_grant_adds_its_purpose_and_a_refusal_takes_one_away() -> None:
    standings = {
        "analytics": person(identified(said("granted"))),
        "security": person(identified(said("objected"))),
    }
    found = lawful_purposes(ALL, standings, shipped_catalogue(), now=100)
    assert found == {"service", "legal", "analytics"}


def test_a_no_of_the_message_itself_counts_and_a_yes_waits_for_its_record() -> None:
    standings = {"analytics": person(identified(said("granted")))}
    said_no = {"analytics": False, "security": False, "service": False, "marketing": True}
    found = lawful_purposes(ALL, standings, shipped_catalogue(), now=100, said=said_no)
    assert found == {"service", "legal"}


def test_purposes_that_the_policy_does_not_know_have_no_ground() -> None:
    assert (
        lawful_purposes(frozenset({"nothing"}), {}, shipped_catalogue(), now=100, said={"nothing": True}) == frozenset()
    )


def test_signals_and_restrictions_reach_the_ground() -> None:
    granted = {"marketing": person(identified(said("granted")))}
    catalogue = shipped_catalogue()
    assert lawful_purposes(frozenset({"marketing"}), granted, catalogue, now=100, signal_opt_out=True) == frozenset()
    assert lawful_purposes(ALL, {}, catalogue, now=100, otherwise=person(restricted=True)) == {"legal"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [("granted", True), ("denied", False), ("withdrawn", False), ("objected", False), ("expired", True)],
)
def test_a_history_in_which_a_required_purpose_was_refused_stays_apart(status: str, expected: bool) -> None:
    history = {"personalisation": person(anonymous(said(status)))}
    assert may_join(history, ["personalisation"], now=100) is expected
    assert may_join(history, [], now=100)
    assert may_join({}, ["personalisation"], now=100)
