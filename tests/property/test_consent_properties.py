"""What holds of every decision: it matches the rule in plain words, and neither a withdrawal nor a
merge ever allows more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.consent.decide import Side, Standing, decide
from registry.consent.purposes import PurposeCatalogue
from registry.consent.records import ConsentRecord, ConsentStatus
from registry.documents import check, parse
from registry.model.ids import FragmentId, RecordId

ROOT = Path(__file__).parents[2]
NOW = 20
PURPOSES = ("service", "security", "security_asked", "legal", "marketing", "nothing")


def shipped_catalogue() -> PurposeCatalogue:
    document = parse((ROOT / "policies/purposes.yaml").read_text(), file="policies/purposes.yaml")
    check(document, json.loads((ROOT / "schemas/policies/purposes.schema.json").read_text()))
    return PurposeCatalogue.from_document(document)


def with_one_that_asks_first(shipped: PurposeCatalogue) -> PurposeCatalogue:
    """The shipped purposes, and the one that rests on a legitimate interest again, asked about first."""
    asking = replace(shipped.purposes["security"], name="security_asked", asks_first=True)
    return replace(shipped, purposes={**shipped.purposes, asking.name: asking})


CATALOGUE = with_one_that_asks_first(shipped_catalogue())


def record(status: ConsentStatus, acted_at: int, delay: int, lasts: int | None, number: int) -> ConsentRecord:
    return ConsentRecord(
        record_id=RecordId(number.to_bytes(16, "big")),
        fragment_id=FragmentId(bytes(16)),
        purpose="marketing",
        status=status,
        acted_at=acted_at,
        recorded_at=acted_at + delay,
        expires_at=None if lasts is None else acted_at + lasts,
        purpose_version=1,
        notice_version=None,
        language=None,
        jurisdiction=None,
        channel="web_form",
        actor="subject",
        source_name="shop",
    )


choices = [status for status in ConsentStatus if "restricted" not in status.value]
records = st.builds(
    record,
    st.sampled_from(choices),
    st.integers(-3, 25),
    st.integers(0, 5),
    st.none() | st.integers(1, 20),
    st.integers(1, 2**32),
)
ledgers = st.lists(records, max_size=3, unique_by=lambda entry: entry.record_id)
side = st.builds(Side, st.booleans(), ledgers.map(tuple))


def of_own_fragments(sides: list[Side]) -> tuple[Side, ...]:
    """No two sides share a fragment; those of one side are one or two."""

    def own(entry: ConsentRecord, number: int) -> ConsentRecord:
        return replace(entry, fragment_id=FragmentId(bytes([number, entry.record_id[-1] % 2]) * 8))

    return tuple(replace(one, records=tuple(own(entry, n) for entry in one.records)) for n, one in enumerate(sides))


standings = st.builds(
    Standing,
    st.booleans(),
    st.lists(side, min_size=1, max_size=3).map(of_own_fragments),
    st.integers(0, 15),
    st.booleans(),
    st.integers(0, 25),
)
people = standings.map(lambda standing: replace(standing, known=True))


def allowed(standing: Standing, purpose: str, signal: bool = False) -> bool:
    return decide(purpose, frozenset(), standing, CATALOGUE, now=NOW, signal_opt_out=signal).allowed


def plainly_allowed(standing: Standing, purpose: str, signal: bool) -> bool:
    """The rule again, word by word and without any thought of speed."""
    if purpose not in CATALOGUE.purposes or not standing.known:
        return False
    if standing.restricted and purpose != "legal":
        return False
    if purpose in ("service", "legal"):
        return True
    if signal and purpose == "marketing":
        return False
    now = max(NOW, standing.spoken_at)
    past = [_words([entry for entry in side.records if entry.acted_at <= now]) for side in standing.sides]
    if len(past) > 1:
        since = [entry for entries in past for entry in entries if entry.acted_at > standing.joined_at]
        if since and _last(since).status != "expired":
            past, identified = [since], [True]
        else:
            identified = [not side.anonymous for side in standing.sides]
    else:
        identified = [True]
    words = [_plain_word(entries, now) for entries in past]
    if purpose == "security":
        return "refused" not in words
    heard = [word for word, known in zip(words, identified, strict=True) if word != "silent" or known]
    return bool(heard) and set(heard) == {"granted"}


def _last(entries: list[ConsentRecord]) -> ConsentRecord:
    order = ["granted", "unattested", "expired", "withdrawn", "denied", "objected"]
    latest = max(entry.acted_at for entry in entries)
    last = [entry for entry in entries if entry.acted_at == latest]
    gravest = max(order.index(entry.status) for entry in last)
    last = [entry for entry in last if order.index(entry.status) == gravest]
    soonest = min(entry.expires_at or 10**9 for entry in last)
    last = [entry for entry in last if (entry.expires_at or 10**9) == soonest]
    return max(last, key=lambda entry: (entry.recorded_at, entry.record_id))


def _words(entries: list[ConsentRecord]) -> list[ConsentRecord]:
    """What each fragment says: its last record, but that one ended after a refusal is the refusal again."""
    found = []
    for fragment in {entry.fragment_id for entry in entries}:
        own = [entry for entry in entries if entry.fragment_id == fragment]
        last, choices = _last(own), [entry for entry in own if entry.status != "expired"]
        if last.status == "expired" and choices and _plain_word([_last(choices)], NOW) == "refused":
            last = replace(_last(choices), acted_at=last.acted_at)
        found.append(last)
    return found


def _plain_word(entries: list[ConsentRecord], now: int) -> str:
    if not entries:
        return "silent"
    gravest, choices = _last(entries), [entry for entry in entries if entry.status != "expired"]
    if gravest.status == "expired" and choices and _plain_word([_last(choices)], now) == "refused":
        return "refused"
    if gravest.status in ("withdrawn", "denied", "objected"):
        return "refused"
    if gravest.status == "unattested":
        return "unattested"
    ended = gravest.status == "expired" or (gravest.expires_at is not None and gravest.expires_at <= now)
    return "expired" if ended else "granted"


@settings(max_examples=400)
@given(standings, st.sampled_from(PURPOSES), st.booleans())
def test_a_decision_is_what_the_rule_says_in_plain_words(standing: Standing, purpose: str, signal: bool) -> None:
    assert allowed(standing, purpose, signal) == plainly_allowed(standing, purpose, signal)


@given(standings, st.sampled_from(PURPOSES), st.randoms(use_true_random=False))
def test_neither_the_order_of_sides_nor_that_of_records_decides(
    standing: Standing, purpose: str, random: Random
) -> None:
    def shuffled(values: list[Side] | list[ConsentRecord]) -> tuple[Side | ConsentRecord, ...]:
        return tuple(random.sample(values, len(values)))

    sides = [Side(side.anonymous, shuffled(list(side.records))) for side in standing.sides]  # type: ignore[arg-type]
    other = replace(standing, sides=shuffled(sides))
    ask = [decide(purpose, frozenset(), one, CATALOGUE, now=NOW) for one in (standing, other)]
    assert ask[0] == ask[1]


@given(people, st.sampled_from(("security", "security_asked", "marketing")), st.integers(0, 30), st.data())
def test_time_alone_takes_a_consent_away_and_never_gives_one(
    person: Standing, purpose: str, changed: int, data: st.DataObject
) -> None:
    """So an answer that is remembered while the clock is set back is no wrong yes."""
    spoken_at = max((entry.acted_at for side in person.sides for entry in side.records), default=0)
    standing = replace(person, restricted=False, spoken_at=spoken_at)
    found = {purpose: replace(CATALOGUE.purposes[purpose], material_since=changed)}
    earlier, later = (
        decide(purpose, frozenset(), standing, replace(CATALOGUE, purposes=found), now=now).allowed
        for now in sorted((data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40))))
    )
    assert earlier or not later


@given(standings, st.sampled_from(PURPOSES), st.sampled_from(["withdrawn", "denied", "objected"]), st.data())
def test_a_refusal_added_anywhere_never_widens_what_is_allowed(
    standing: Standing, purpose: str, status: str, data: st.DataObject
) -> None:
    where = data.draw(st.integers(0, len(standing.sides) - 1))
    refusal = record(ConsentStatus(status), data.draw(st.integers(0, 25)), 0, None, 2**40)
    sides = [
        Side(side.anonymous, (*side.records, refusal)) if index == where else side
        for index, side in enumerate(standing.sides)
    ]
    if allowed(replace(standing, sides=sides), purpose):
        assert allowed(standing, purpose)


def spoken(one: Standing, other: Standing) -> int:
    return max(one.spoken_at, other.spoken_at)


@settings(max_examples=400)
@given(people, people, st.sampled_from(PURPOSES), st.booleans())
def test_merging_never_widens_permission(one: Standing, other: Standing, purpose: str, signal: bool) -> None:
    joined = Standing(True, (*one.sides, *other.sides), NOW, one.restricted or other.restricted, spoken(one, other))
    if allowed(joined, purpose, signal):
        for part in (one, other):
            nothing_said = all(
                side.anonymous and _plain_word(_past(side, part), NOW) == "silent" for side in part.sides
            )
            assert allowed(part, purpose, signal) or (purpose in ("marketing", "security_asked") and nothing_said)


def _past(side: Side, standing: Standing) -> list[ConsentRecord]:
    return [entry for entry in side.records if entry.acted_at <= max(NOW, standing.spoken_at)]


@given(people, people, st.sampled_from(PURPOSES))
def test_until_the_person_chooses_again_a_merge_may_only_narrow_again(
    one: Standing, other: Standing, purpose: str
) -> None:
    """Joining a third side to two that were joined cannot bring back what the two did not allow."""
    joined = Standing(True, (*one.sides, *other.sides), NOW, one.restricted or other.restricted, spoken(one, other))
    wider = replace(joined, sides=(*joined.sides, Side(False, ())))
    if allowed(wider, purpose):
        assert allowed(joined, purpose)
