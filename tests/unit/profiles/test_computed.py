"""Computed traits, labels and audiences as values: sums in any order, windows, and conditions that fail closed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents import check, parse
from registry.model.clock import DAY
from registry.model.errors import DocumentInvalid, NotFound
from registry.profiles.computed import DISTINCT, ComputedTrait, Measure, Occurrence, State, by_day, fold, value
from registry.profiles.conditions import ComputedPolicy

ROOT = Path(__file__).parents[3]
NOW = 1000 * DAY
KEEP = 400
PURPOSES = {"analytics": object(), "marketing": object(), "service": object()}


def trait(measure: Measure, *, field: str | None = "total", window: int | None = None) -> ComputedTrait:
    return ComputedTrait("it", "analytics", "order_completed", measure, field, window)


def order(day: int, number: int = 0, **properties: Any) -> Occurrence:
    return Occurrence(f"m{number}", day * DAY + number, properties)


def told(definition: ComputedTrait, *events: Occurrence, fragments: int = 1, now: int = NOW) -> object:
    """The value over the events, dealt out to so many fragments."""
    states: list[State] = [{} for _ in range(fragments)]
    for number, event in enumerate(events):
        fold(states[number % fragments], definition, event, keep_days=KEEP)
    kept = json.loads(json.dumps(states))  # what is kept is JSON
    return value(definition, kept, now=now, keep_days=KEEP)


EVENTS = [
    order(990, 1, total=10.5, category="games"),
    order(995, 2, total=1, category="books"),
    order(999, 3, total=2.25, category="games"),
]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (trait(Measure.COUNT, field=None), 3),
        (trait(Measure.SUM), 13.75),
        (trait(Measure.FIRST), 10.5),
        (trait(Measure.LAST), 2.25),
        (trait(Measure.MOST_FREQUENT, field="category"), "games"),
        (trait(Measure.COUNT, field=None, window=6), 2),
        (trait(Measure.SUM, window=2), 2.25),
        (trait(Measure.FIRST, window=6), 1),
        (trait(Measure.COUNT, field=None, window=1), None),
        (trait(Measure.SUM, field="nothing"), None),
    ],
)
def test_each_measure_counts_what_its_window_holds(definition: ComputedTrait, expected: object) -> None:
    assert told(definition, *EVENTS) == expected


@given(
    st.lists(
        st.tuples(st.integers(590, 1000), st.integers(-1000, 1000) | st.sampled_from([0.1, 0.2, 0.3])), max_size=12
    ),
    st.sampled_from(list(Measure)),
    st.sampled_from([None, 1, 30, 300]),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_neither_the_order_nor_the_fragment_of_an_event_changes_what_is_computed(
    amounts: list[tuple[int, float]], measure: Measure, window: int | None, fragments: int, random: Any
) -> None:
    definition = trait(measure, window=window)
    events = [order(day, number, total=amount) for number, (day, amount) in enumerate(amounts)]
    shuffled = random.sample(events, len(events))
    assert told(definition, *events) == told(definition, *shuffled, fragments=fragments)


def test_what_is_older_than_the_purpose_s_retention_is_dropped_and_does_not_count() -> None:
    definition = trait(Measure.COUNT, field=None)
    state: State = {}
    for day in (500, 700, 999):
        fold(state, definition, order(day), keep_days=KEEP)
    assert set(state["it"]["days"]) == {"700", "999"}
    assert value(definition, [state], now=NOW + 200 * DAY, keep_days=KEEP) == 1


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (Measure.COUNT, {"1970-04-11": 2, "1970-04-12": 1}),
        (Measure.SUM, {"1970-04-11": 3.5, "1970-04-12": 4}),
        (Measure.FIRST, {"1970-04-11": 1.5, "1970-04-12": 4}),
        (Measure.LAST, {"1970-04-11": 2, "1970-04-12": 4}),
        (
            Measure.MOST_FREQUENT,
            {
                "1970-04-11": [{"value": 1.5, "times": 1}, {"value": 2, "times": 1}],
                "1970-04-12": [{"value": 4, "times": 1}],
            },
        ),
    ],
)
def test_what_is_kept_is_told_to_the_person_by_day_and_in_the_measure_of_the_values(
    measure: Measure, said: dict[str, object]
) -> None:
    state: State = {}
    for number, (day, total) in enumerate([(100, 1.5), (100, 2), (101, 4)]):
        fold(state, trait(measure), order(day, number, total=total), keep_days=KEEP)
    kept = json.loads(json.dumps(state))
    named = {
        "measure": measure.value, "event": "order_completed",
        "property": None if measure is Measure.COUNT else "total",
    }  # fmt: skip
    assert by_day(kept) == {"it": named | {"by_day": said}}


def test_another_definition_starts_anew() -> None:
    state: State = {}
    fold(state, trait(Measure.SUM), order(999, total=5), keep_days=KEEP)
    assert value(trait(Measure.COUNT, field=None), [state], now=NOW, keep_days=KEEP) is None
    fold(state, trait(Measure.SUM, field="tax"), order(999, tax=1), keep_days=KEEP)
    assert value(trait(Measure.SUM, field="tax"), [state], now=NOW, keep_days=KEEP) == 1


@pytest.mark.parametrize("odd", [None, "12", True, [1], {"a": 1}, "x" * 300])
def test_what_cannot_be_measured_does_not_count(odd: object) -> None:
    assert told(trait(Measure.SUM), order(999, total=odd)) is None


def test_different_values_of_one_day_are_bounded() -> None:
    definition, state = trait(Measure.MOST_FREQUENT), State()
    for number in range(DISTINCT + 50):
        fold(state, definition, order(999, number, total=number), keep_days=KEEP)
    assert len(state["it"]["days"]["999"]) == DISTINCT


def policy(**sections: Any) -> ComputedPolicy:
    text = json.dumps({"version": 1, "traits": [], "labels": [], "audiences": []} | sections)
    document = parse(text, file="computed.yaml")
    check(document, json.loads((ROOT / "schemas/policies/computed.schema.json").read_text()))
    return ComputedPolicy.from_document(document, PURPOSES)


def label(name: str, **when: Any) -> dict[str, Any]:
    return {"label": name, "purpose": "analytics", "when": when}


@pytest.mark.parametrize(
    ("condition", "values", "met"),
    [
        ({"trait": "n", "at_least": 3}, {"n": 3}, True),
        ({"trait": "n", "at_least": 3}, {"n": 2}, False),
        ({"trait": "n", "at_least": 3}, {"n": "9"}, False),
        ({"trait": "n", "at_least": 3}, {"n": True}, False),
        ({"trait": "n", "at_least": 3}, {}, False),
        ({"trait": "n", "at_most": 3}, {}, False),
        ({"trait": "n", "is": 1}, {"n": 1.0}, True),
        ({"trait": "n", "is": 1}, {"n": True}, False),
        ({"trait": "n", "one_of": ["DE", "FR"]}, {"n": "FR"}, True),
        ({"trait": "n", "known": True}, {"n": None}, True),
        ({"trait": "n", "known": False}, {}, True),
    ],
)
def test_a_condition_on_what_is_not_known_is_not_met(
    condition: dict[str, Any], values: dict[str, object], met: bool
) -> None:
    made = policy(labels=[label("it", all=[condition])])
    assert (made.labels_of(values, "analytics") == {"it"}) is met


def test_all_any_and_none_hold_together_and_labels_build_on_those_before() -> None:
    made = policy(
        labels=[
            label("buyer", all=[{"trait": "n", "at_least": 1}]),
            label("it", all=[{"label": "buyer"}], any=[{"trait": "a", "is": 1}, {"trait": "b", "is": 1}],
                  none=[{"trait": "left", "is": True}]),
        ]
    )  # fmt: skip
    assert made.labels_of({"n": 1, "b": 1}, "analytics") == {"buyer", "it"}
    assert made.labels_of({"n": 1, "b": 1, "left": True}, "analytics") == {"buyer"}
    assert made.labels_of({"b": 1}, "analytics") == frozenset()
    assert made.labels_of({"n": 1, "b": 1}, "marketing") == frozenset()


COUNTED = {"trait": "n", "purpose": "analytics", "event": "e", "measure": "count"}


@pytest.mark.parametrize(
    ("sections", "pointer"),
    [
        ({"traits": [COUNTED | {"purpose": "fun"}]}, "/traits/0/purpose"),
        ({"traits": [COUNTED, COUNTED]}, "/traits/1/trait"),
        ({"labels": [label("a", all=[{"label": "b"}])]}, "/labels/0/when/all/0"),
        (
            {
                "traits": [COUNTED],
                "audiences": [
                    {"audience": "a", "title": "A", "purpose": "marketing", "when": {"all": [{"trait": "n", "is": 1}]}}
                ],
            },
            "/audiences/0/when/all/0",
        ),
    ],
)
def test_a_policy_that_would_use_one_purpose_s_values_for_another_is_refused(
    sections: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(DocumentInvalid) as error:
        policy(**sections)
    assert pointer in [fault["pointer"] for fault in error.value.faults]


@pytest.mark.parametrize("entry", [COUNTED | {"measure": "sum"}, COUNTED | {"property": "x"}, COUNTED | {"more": 1}])
def test_a_measure_without_its_property_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(DocumentInvalid):
        policy(traits=[entry])


def test_an_audience_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        policy().audience("nobody")
