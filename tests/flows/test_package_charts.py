"""The bars of a package's page: every value and every event is in one of them, and none is longer than the longest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.flows.dsr.package import charts

MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(2015, 2026), st.integers(1, 12))
COUNTS = st.dictionaries(MONTHS, st.integers(1, 50), max_size=60)
CATEGORIES = st.dictionaries(st.sampled_from([f"user.kind_{n}" for n in range(12)]), COUNTS, max_size=12)


@given(CATEGORIES, COUNTS)
def test_every_value_and_event_stands_in_the_bar_of_its_time(
    categories: dict[str, dict[str, int]], events: dict[str, int]
) -> None:
    spans = charts.over_time(categories, events)
    assert [span.name for span in spans] == sorted({span.name for span in spans})
    assert len(spans) <= charts.MOST_MONTHS or len(spans[0].name) == 4
    for span in spans:
        came = [(month, count) for months in categories.values() for month, count in months.items()]
        assert sum(part.count for part in span.parts) == sum(n for month, n in came if month.startswith(span.name))
        assert span.events == sum(count for month, count in events.items() if month.startswith(span.name))
        assert sum(part.share for part in span.parts) <= 100.1
    assert {part.colour for span in spans for part in span.parts} <= set(range(charts.MOST_SERIES + 1))


def test_the_seventh_kind_and_those_after_it_share_a_colour_and_the_longest_bar_is_whole() -> None:
    categories = {f"user.kind_{n}": {"2026-10": 20 - n, "2026-11": 1} for n in range(9)}
    first, second = charts.over_time(categories, {"2026-11": 4})
    assert [part.words for part in first.parts] == [*(f"kind {n}" for n in range(6)), charts.OTHERS]
    assert first.parts[-1].count == 14 + 13 + 12
    assert round(sum(part.share for part in first.parts)) == 100
    assert (first.events, second.events) == (0, 4)
    assert [(name, part.count) for name, part in charts.by_category(categories)][:2] == [
        ("user.kind_0", 21), ("user.kind_1", 20),
    ]  # fmt: skip


def test_of_nothing_there_is_no_bar() -> None:
    assert charts.over_time({}, {}) == []
    assert charts.by_category({}) == []
