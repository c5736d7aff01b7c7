"""Charts as SVG, drawn on the server by pygal: each is beside a table that says the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from starlette.responses import Response

from registry.dsr.timing import stands_still
from registry.model.clock import DAY, Micros, to_datetime
from registry.model.stored import StoredRequest
from registry.pages.site import CHART_POLICY, HEADERS

WINDOWS = (("overdue", 0), ("3 days", 3), ("a week", 7), ("two weeks", 14), ("later", 10_000))
"""How soon a deadline comes: a name, and the last day that it covers."""

FEW = 5
"""Up to so many are counted on the scale one by one."""

_DARK = (
    "inline:@media (prefers-color-scheme: dark) { .axis text, .legends .legend text { fill: #c3cad6 !important } "
    ".axis .guides, .axis .line { stroke: #3a4454 !important } }"
)
_COLOURS = ("#2f7d5b", "#c2553a")
_LINES = ("#2f5fb0", "#c2553a", "#2f7d5b", "#8a5a00", "#7a4fa3", "#5c6470")


def deadlines(waiting: Sequence[StoredRequest], now: Micros, pausing: Collection[str]) -> dict[str, int]:
    """How many open requests are to be answered how soon; those whose clock stands still are not counted.

    Args:
        pausing: the laws under which a paused request's does.
    """
    counts = dict.fromkeys((name for name, _ in WINDOWS), 0)
    for request in waiting:
        if stands_still(request.state, request.jurisdiction, pausing):
            continue
        left = -1 if request.respond_by < now else (request.respond_by - now) // DAY
        name = WINDOWS[0][0] if left < 0 else next(name for name, last in WINDOWS[1:] if left <= last)
        counts[name] += 1
    return counts


def draw_deadlines(counts: Mapping[str, int]) -> Response:
    """The open requests by how soon they are due."""
    import pygal

    chart = _chart(pygal.Bar, colours=("#2f5fb0",))
    chart.show_legend = False
    chart.x_labels = list(counts)
    chart.add("requests", [{"value": n, "color": "#c2553a"} if name == "overdue" else n for name, n in counts.items()])
    return _svg(chart)


def draw_days(by_day: Mapping[int, tuple[int, int]]) -> Response:
    """Accepted and rejected messages by day."""
    import pygal

    chart = _chart(pygal.StackedBar, colours=_COLOURS)
    chart.x_labels = [to_datetime(number * DAY).strftime("%d %b") for number in by_day]
    chart.x_labels_major_every = 3
    chart.show_minor_x_labels = False
    chart.add("accepted", [good for good, _ in by_day.values()])
    chart.add("rejected", [bad for _, bad in by_day.values()])
    return _svg(chart)


def draw_shares(shares: Mapping[str, Mapping[str, float]]) -> Response:
    """Percentages by day (`2026-11-24`), a line for each name."""
    import pygal

    chart = _chart(pygal.Line, colours=_LINES)
    days = sorted({day for own in shares.values() for day in own})
    chart.x_labels = [date.fromisoformat(day).strftime("%d %b") for day in days]
    chart.x_labels_major_count = 3
    chart.show_minor_x_labels = False
    chart.range = (0, max([5.0, *(share for own in shares.values() for share in own.values())]))
    chart.value_formatter = "{:.1f} %".format
    chart.dots_size = 3 if len(days) < 10 else 1.5
    for name, own in shares.items():
        chart.add(name, [own.get(day) for day in days], allow_interruptions=True)
    return _svg(chart)


def draw_answers(groups: Mapping[str, Mapping[str, Any]]) -> Response:
    """Of each group of requests: answered in time and late, open and overdue."""
    import pygal

    chart = _bars(pygal.HorizontalStackedBar, groups, ("#2f7d5b", "#8a5a00", "#2f5fb0", "#c2553a"))
    rows = list(groups.values())[::-1]
    most = max((one["in_time"] + one["late"] + one["open"] for one in rows), default=0)
    if 0 < most <= FEW:
        chart.y_labels = list(range(most + 1))  # by itself the scale would have halves, and round them
    chart.add("in time", [one["in_time"] for one in rows])
    chart.add("late", [one["late"] for one in rows])
    chart.add("open", [one["open"] - one["overdue"] for one in rows])
    chart.add("overdue", [one["overdue"] for one in rows])
    return _svg(chart)


def draw_times(groups: Mapping[str, Mapping[str, Any]]) -> Response:
    """Of each group of requests that were answered: the median, and within how many days 95 % were."""
    import pygal

    answered = {name: one for name, one in groups.items() if one["days_p50"] is not None}
    chart = _bars(pygal.HorizontalBar, answered, ("#2f5fb0", "#8a5a00"))
    chart.value_formatter = "{:g}".format
    rows = list(answered.values())[::-1]
    chart.add("median", [one["days_p50"] for one in rows])
    chart.add("95 % within", [one["days_p95"] for one in rows])
    return _svg(chart)


def _bars(kind: Any, groups: Mapping[str, Any], colours: tuple[str, ...]) -> Any:
    """A chart of lying bars, as high as its groups need."""
    chart = _chart(kind, colours=colours)
    chart.height = 90 + 34 * max(len(groups), 1)
    chart.x_labels = [name.replace("_", " ") for name in groups][::-1]
    return chart


def _chart(kind: Any, *, colours: tuple[str, ...]) -> Any:
    """A chart without script or font from elsewhere, whose words can be read on either background."""
    from pygal.style import Style

    style = Style(
        background="transparent", plot_background="transparent", foreground="#4c566a", foreground_strong="#2b3344",
        foreground_subtle="#c8cfdb", colors=colours, font_family="system-ui, sans-serif", label_font_size=14,
        major_label_font_size=14, legend_font_size=14, opacity="1", transition="0s",
    )  # fmt: skip
    return kind(
        style=style, css=("file://style.css", "file://graph.css", _DARK), js=(), width=480, height=210, margin=6,
        spacing=14, disable_xml_declaration=True, legend_at_bottom=True, show_x_guides=False, min_scale=1, max_scale=5,
        value_formatter=lambda value: f"{value:,.0f}", rounded_bars=2, explicit_size=True,
        truncate_label=-1,
    )  # fmt: skip


def _svg(chart: Any) -> Response:
    headers = HEADERS | {"Content-Security-Policy": CHART_POLICY}
    return Response(chart.render(), 200, headers, media_type="image/svg+xml")
