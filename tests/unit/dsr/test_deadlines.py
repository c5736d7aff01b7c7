"""Deadlines as the laws count them: calendar months, business days, holidays, extensions, pauses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents import check, parse
from registry.dsr.deadlines import Deadline, Jurisdiction, Jurisdictions, deadline
from registry.model.clock import from_datetime, to_datetime
from registry.model.errors import DocumentInvalid, InvalidInput, SettingInvalid

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "policies" / "jurisdictions.yaml").read_text()
LAST_MOMENT = time(23, 59, 59, 999_999)


@cache
def laws() -> Jurisdictions:
    return laws_of(TEXT)


def laws_of(text: str) -> Jurisdictions:
    document = parse(text, file="jurisdictions.yaml")
    check(document, json.loads((ROOT / "schemas/policies/jurisdictions.schema.json").read_text()))
    return Jurisdictions.from_document(document)


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def last_day(law: Jurisdiction, moment: int) -> str:
    """The day that a deadline ends with: a deadline is a day's last moment, by the clocks of its law."""
    there = to_datetime(moment).astimezone(law.zone)
    assert there.time() == LAST_MOMENT
    return there.date().isoformat()


def answer_by(law: str | Jurisdiction, received: str, **more: object) -> str:
    """The last day of what came at a time by the clocks of its law."""
    found = laws().get(law) if isinstance(law, str) else law
    came = from_datetime(datetime.fromisoformat(received).replace(tzinfo=found.zone))
    return last_day(found, deadline(found, came, **more).respond_by)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("received", "respond_by"),
    [
        ("2026-01-15", "2026-02-16"),  # a Sunday rolls over
        ("2026-03-10", "2026-04-10"),
        ("2026-03-31", "2026-04-30"),  # April has no 31st
        ("2028-01-31", "2028-02-29"),  # leap year
        ("2026-01-31", "2026-03-02"),  # no leap year; the 28th is a Saturday
        ("2027-01-31", "2027-03-01"),  # the 28th is a Sunday
        ("2028-02-29", "2028-03-29"),
        ("2100-01-31", "2100-03-01"),  # a century without a leap day; the 28th is a Sunday
        ("2026-12-31", "2027-02-01"),  # over the year; the 31st is a Sunday
        ("2026-07-31T00:00:00", "2026-08-31"),
        ("2026-07-31T23:59:59.999999", "2026-08-31"),  # the hour does not count
    ],
)
def test_gdpr_gives_a_calendar_month(received: str, respond_by: str) -> None:
    assert answer_by("gdpr", received) == answer_by("uk_gdpr", received) == respond_by


@pytest.mark.parametrize(
    ("received", "respond_by"),
    [
        ("2026-03-10", "2026-06-10"),
        ("2026-01-31", "2026-04-30"),  # three months from receipt, not two from the end of February
        ("2023-11-30", "2024-02-29"),
        ("2025-11-30", "2026-03-02"),
        ("2026-05-06", "2026-08-06"),
    ],
)
def test_gdpr_may_be_extended_by_two_months_to_three_in_all(received: str, respond_by: str) -> None:
    assert answer_by("gdpr", received, extended=True) == respond_by


def test_a_holiday_rolls_over_and_so_do_several_with_a_weekend_between() -> None:
    law = replace(laws().get("gdpr"), holidays=frozenset({date(2026, 4, 3), date(2026, 4, 6)}))
    assert answer_by(law, "2026-03-03") == "2026-04-07"  # Good Friday, weekend, Easter Monday
    assert answer_by("gdpr", "2026-03-03") == "2026-04-03"
    assert answer_by(replace(law, rolls_over=False), "2026-03-03") == "2026-04-03"


@pytest.mark.parametrize(
    ("law", "received", "respond_by"),
    [
        ("ccpa", "2026-01-01", "2026-02-15"),  # a Sunday stays
        ("virginia", "2026-01-01", "2026-02-15"),
        ("colorado", "2028-02-01", "2028-03-17"),  # over a leap day
        ("connecticut", "2026-01-01", "2026-02-15"),
        ("lgpd", "2026-02-20", "2026-03-07"),
        ("pipeda", "2026-01-31", "2026-03-02"),  # thirty days are no month
        ("quebec", "2026-01-31", "2026-03-02"),
    ],
)
def test_laws_that_count_days_count_days(law: str, received: str, respond_by: str) -> None:
    assert answer_by(law, received) == respond_by


@pytest.mark.parametrize(
    ("law", "respond_by"),
    [("ccpa", "2026-04-01"), ("pipeda", "2026-03-02"), ("lgpd", "2026-01-16"), ("quebec", "2026-01-31")],
)
def test_an_extension_is_what_the_law_allows_and_nothing_where_it_allows_none(law: str, respond_by: str) -> None:
    assert answer_by(law, "2026-01-01", extended=True) == respond_by


@pytest.mark.parametrize(
    ("received", "holidays", "acknowledge_by"),
    [
        ("2026-01-30", [], "2026-02-13"),  # a Friday
        ("2026-01-31", [], "2026-02-13"),  # a Saturday: counted from Monday
        ("2026-02-02", [], "2026-02-16"),
        ("2026-01-30", ["2026-02-02"], "2026-02-16"),
        ("2026-01-30", ["2026-02-07"], "2026-02-13"),  # a holiday on a Saturday takes nothing away
        ("2026-01-30", ["2026-02-13", "2026-02-16"], "2026-02-17"),
    ],
)
def test_business_days_leave_out_weekends_and_holidays(received: str, holidays: list[str], acknowledge_by: str) -> None:
    law = replace(laws().get("ccpa"), holidays=frozenset(map(date.fromisoformat, holidays)))
    came = from_datetime(datetime.fromisoformat(received).replace(tzinfo=law.zone))
    found = deadline(law, came).acknowledge_by
    assert found is not None
    assert last_day(law, found) == acknowledge_by


def test_only_california_wants_an_acknowledgement() -> None:
    wanting = {name for name, law in laws().by_name.items() if deadline(law, at("2026-01-01")).acknowledge_by}
    assert wanting == {"ccpa"}


def test_the_clock_stands_still_by_whole_days_while_identity_is_verified() -> None:
    pauses = [(at("2026-03-11T10:00:00"), at("2026-03-16T11:00:00"))]
    assert answer_by("gdpr", "2026-03-10", pauses=pauses) == "2026-04-15"
    twice = [*pauses, (at("2026-03-20T08:00:00"), at("2026-03-21T08:00:00"))]
    assert answer_by("gdpr", "2026-03-10", pauses=twice) == "2026-04-16"
    within_a_day = [(at("2026-03-11T08:00:00"), at("2026-03-11T20:00:00"))]
    assert answer_by("gdpr", "2026-03-10", pauses=within_a_day) == "2026-04-10"
    two_halves = [*within_a_day, (at("2026-03-12T08:00:00"), at("2026-03-12T20:00:00"))]
    assert answer_by("gdpr", "2026-03-09", pauses=two_halves) == "2026-04-10"


@pytest.mark.parametrize(
    ("pause", "respond_by"),
    [
        (("2026-03-11T23:59:00", "2026-03-12T00:01:00"), "2026-04-09"),  # two minutes are no day
        (("2026-03-11T23:59:59.999999", "2026-03-12"), "2026-04-09"),
        (("2026-03-11", "2026-03-11T23:59:59.999999"), "2026-04-09"),
        (("2026-03-11", "2026-03-12"), "2026-04-10"),
        (("2026-03-11T00:00:01", "2026-03-12"), "2026-04-09"),
    ],
)
def test_a_pause_that_begins_or_ends_at_midnight_adds_a_day_only_if_it_took_one(
    pause: tuple[str, str], respond_by: str
) -> None:
    begin, end = pause
    assert answer_by("gdpr", "2026-03-09", pauses=[(at(begin), at(end))]) == respond_by


def test_a_minute_over_every_midnight_does_not_put_an_answer_off() -> None:
    nightly = [(at(f"2026-03-{day}T23:59:30"), at(f"2026-03-{day + 1}T00:00:30")) for day in range(11, 31)]
    assert answer_by("gdpr", "2026-03-09", pauses=nightly) == "2026-04-09"


def test_a_paused_day_is_one_also_where_clocks_are_set_in_it() -> None:
    london = laws().get("uk_gdpr")
    for received, begin, end, last in (
        ("2026-03-10", "2026-03-28T12:00:00", "2026-03-29T11:00:00", "2026-04-13"),  # 23 hours; the 11th is a Saturday
        ("2026-10-06", "2026-10-24T11:00:00", "2026-10-25T12:00:00", "2026-11-09"),  # 25; the 7th is a Saturday
        ("2026-10-06", "2026-10-25T00:50:00", "2026-10-25T01:10:00", "2026-11-06"),  # the clocks show 40 minutes less
    ):
        found = deadline(london, at(received), pauses=[(at(begin), at(end))])
        assert last_day(london, found.respond_by) == last


def test_a_pause_may_move_the_last_day_into_a_weekend_which_rolls_over() -> None:
    assert answer_by("gdpr", "2026-03-10", pauses=[(at("2026-03-11"), at("2026-03-12"))]) == "2026-04-13"


@pytest.mark.parametrize("law", ["ccpa", "virginia", "colorado", "connecticut", "lgpd", "pipeda", "quebec"])
def test_where_the_law_does_not_pause_verification_takes_from_the_time(law: str) -> None:
    paused = [(at("2026-01-02"), at("2026-01-20"))]
    assert answer_by(law, "2026-01-01", pauses=paused) == answer_by(law, "2026-01-01")


@pytest.mark.parametrize("law", sorted(laws().by_name))
def test_every_law_says_where_it_says_so(law: str) -> None:
    found = deadline(laws().get(law), at("2026-01-01"))
    assert isinstance(found, Deadline)
    assert found.ground == laws().get(law).ground
    assert any(letter.isdigit() for letter in found.ground)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)), st.booleans(), st.integers(0, 60))
def test_a_deadline_never_comes_earlier_for_a_later_request_an_extension_or_a_pause(
    moment: datetime, extended: bool, days: int
) -> None:
    received = from_datetime(moment.replace(tzinfo=UTC))
    later = received + days * 86_400_000_000
    for law in laws().by_name.values():
        first = deadline(law, received, extended=extended).respond_by
        assert first > received
        assert deadline(law, later, extended=extended).respond_by >= first
        assert deadline(law, received, extended=True).respond_by >= first
        assert deadline(law, received, extended=extended, pauses=[(received, later)]).respond_by >= first


@given(st.dates(date(2000, 1, 1), date(2200, 1, 1)), st.sets(st.dates(date(2000, 1, 1), date(2200, 2, 1)), max_size=5))
def test_where_the_law_rolls_over_the_last_day_is_a_working_day(day: date, holidays: set[date]) -> None:
    law = replace(laws().get("gdpr"), holidays=frozenset(holidays | {day + timedelta(days=30)}))
    last = to_datetime(deadline(law, at(day.isoformat())).respond_by).date()
    assert last.weekday() < 5
    assert last not in law.holidays


def test_an_unknown_law_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput) as caught:
        laws().get("marker")
    assert "marker" not in str(caught.value)
    assert "gdpr" in str(caught.value.hint)


def test_the_law_of_requests_that_name_none_has_to_be_there() -> None:
    assert laws().usual("gdpr") == "gdpr"
    with pytest.raises(SettingInvalid, match="REGISTRY_JURISDICTION"):
        laws().usual("marker")


def test_policy_says_whether_two_people_approve() -> None:
    assert laws().two_people_erase
    assert not laws_of(TEXT.replace("erasure: two_people", "erasure: one_person")).two_people_erase


def test_every_holiday_that_is_no_date_is_reported_with_its_line() -> None:
    text = TEXT.replace("holidays: []", "holidays: [2026-12-25, 2026-13-01]", 1)
    text = text.replace("holidays: []", "holidays: [2026-02-29]", 1)
    with pytest.raises(DocumentInvalid) as caught:
        laws_of(text)
    assert [(fault["pointer"], fault["reason"]) for fault in caught.value.faults] == [
        ("/jurisdictions/gdpr/holidays/1", "is not a date"),
        ("/jurisdictions/uk_gdpr/holidays/0", "is not a date"),
    ]
    lines = text.splitlines()
    assert all("holidays: [2026" in lines[int(str(fault["line"])) - 1] for fault in caught.value.faults)


@pytest.mark.parametrize(
    "pauses",
    [
        [("2026-03-12", "2026-03-11")],  # ends before it begins
        [("2026-03-11", "2026-03-14"), ("2026-03-13", "2026-03-20")],  # overlaps
        [("2026-03-13", "2026-03-20"), ("2026-03-11", "2026-03-14")],  # in any order
        [("2026-03-09", "2026-03-12")],  # before the receipt
    ],
)
@pytest.mark.parametrize("law", ["gdpr", "ccpa"])
def test_pauses_that_cannot_have_been_are_refused(law: str, pauses: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput):
        deadline(laws().get(law), at("2026-03-10"), pauses=[(at(begin), at(end)) for begin, end in pauses])


@given(st.dates(date(9996, 1, 1), date.max), st.booleans(), st.integers(0, 700))
def test_a_deadline_near_the_end_of_the_calendar_is_its_last_day_and_no_error(
    day: date, extended: bool, paused: int
) -> None:
    received = at(day.isoformat())
    until = min(received + paused * 86_400_000_000, at("9999-12-31"))
    for law in laws().by_name.values():
        law = replace(law, holidays=frozenset({date.max}))
        found = deadline(law, received, extended=extended, pauses=[(received, max(until, received))])
        assert received < found.respond_by <= from_datetime(datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("kind", ["opt_out", "limit"])
def test_california_gives_fifteen_business_days_to_stop_selling(kind: str) -> None:
    law = laws().get("ccpa")
    assert answer_by(law, "2026-01-01", kind=kind) == "2026-01-22"
    assert answer_by(law, "2026-01-01", kind=kind, extended=True) == "2026-01-22"
    assert law.extension(kind) is None
    assert law.extension("know") is not None


@pytest.mark.parametrize(
    ("received", "respond_by", "last_moment"),
    [
        ("2026-01-02T04:00:00", "2026-02-15", "2026-02-16T07:59:59.999999"),  # 8 p.m. of 1 January in California
        ("2026-01-01T07:59:59", "2026-02-14", "2026-02-15T07:59:59.999999"),  # still the old year there
        ("2026-03-01T12:00:00", "2026-04-15", "2026-04-16T06:59:59.999999"),  # summer time by then
        ("2026-10-01T12:00:00", "2026-11-15", "2026-11-16T07:59:59.999999"),
    ],
)
def test_a_day_is_one_by_the_clocks_of_the_law(received: str, respond_by: str, last_moment: str) -> None:
    found = deadline(laws().get("ccpa"), at(received)).respond_by
    assert (laws().day("ccpa", found), found) == (respond_by, at(last_moment))


def test_a_pause_is_counted_in_days_by_the_clocks_of_the_law() -> None:
    london = laws().get("uk_gdpr")
    spring = [(at("2026-03-28T12:00:00"), at("2026-03-29T11:00:00"))]  # noon to noon in London, 23 hours in between
    assert last_day(london, deadline(london, at("2026-03-05"), pauses=spring).respond_by) == "2026-04-06"
    assert last_day(london, deadline(london, at("2026-03-06"), pauses=spring).respond_by) == "2026-04-07"
    assert answer_by("gdpr", "2026-03-06", pauses=spring) == "2026-04-06"


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../passwd", "America", "UTC0"])
def test_a_time_zone_that_there_is_none_of_is_reported_with_its_line(zone: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        laws_of(TEXT.replace("Europe/London", zone))
    [fault] = caught.value.faults
    assert fault["pointer"] == "/jurisdictions/uk_gdpr/time_zone"
