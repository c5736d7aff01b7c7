"""The ledger's folds: the most recent act, the refusal at equal time, and both kinds of time."""

from __future__ import annotations

import itertools

from consent_values import said

from registry.consent.records import current, restriction_holds


def test_the_most_recent_act_counts_however_late_it_was_recorded() -> None:
    grant, refusal = said("granted", 10, recorded_at=99), said("denied", 20, recorded_at=21)
    assert current([refusal, grant], 50) is refusal


def test_at_equal_time_the_refusal_counts() -> None:
    records = [said("granted", 10, recorded_at=12), said("withdrawn", 10, recorded_at=11)]
    for order in itertools.permutations(records):
        assert current(order, 50) is records[1]


def test_order_does_not_matter_even_between_records_that_differ_in_nothing_but_their_id() -> None:
    records = [said("granted", 10) for _ in range(3)]
    assert len({current(order, 50) for order in itertools.permutations(records)}) == 1


def test_the_past_is_answered_from_what_had_happened_and_was_known_by_then() -> None:
    grant, late_refusal = said("granted", 10, recorded_at=10), said("withdrawn", 20, recorded_at=40)
    ledger = [grant, late_refusal]
    assert current(ledger, 15) is grant
    assert current(ledger, 30) is late_refusal
    assert current(ledger, 30, known_at=30) is grant
    assert current(ledger, 5) is None
    assert current(ledger, 30, known_at=5) is None


def test_a_restriction_is_no_choice_and_a_choice_lifts_no_restriction() -> None:
    ledger = [said("granted", 10), said("restricted", 20), said("granted", 30)]
    assert current(ledger[:2], 50) is ledger[0]
    assert restriction_holds(ledger, 50)
    assert not restriction_holds([*ledger, said("unrestricted", 40)], 50)
    assert restriction_holds([*ledger, said("unrestricted", 40)], 35)
    assert restriction_holds([*ledger, said("unrestricted", 20)], 50)
    assert not restriction_holds(ledger[:1], 50)


def test_a_record_s_repr_does_not_name_who_entered_it() -> None:
    assert "subject" not in repr(said("granted"))
