"""The charts of a package's page: drawn by pygal as SVG inside it, each beside a table that says the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

MOST_MONTHS = 36
"""More than these are drawn by year."""
MOST_SERIES = 6
"""Categories with a colour of their own; the others are one."""
OTHERS = "everything else"

_NOT_DRAWN = re.compile(r"<script.*?</script>|<!--.*?-->|<desc.*?</desc>|<title.*?</title>", re.DOTALL)
"""What pygal puts into a chart for a script that points things out: without it, it would be read aloud."""
_COLOURS = ("#2f6fb5", "#b5562f", "#2f7d5b", "#8a5a00", "#7a4fa3", "#a33b5c", "#5c6470")
_INSIDE = (
    "inline:.pygal-chart .axis text, .pygal-chart .legends .legend text { fill: currentColor !important } "
    ".pygal-chart .axis .line { stroke: currentColor !important; stroke-opacity: .25 } "
    ".pygal-chart .tooltip { display: none }"
)


def readable(category: str) -> str:
    """A data category in words: fideslang's key without its first step."""
    return category.removeprefix("user.").replace(".", ": ").replace("_", " ")


def by_category(counts: Sequence[tuple[str, int]]) -> Markup:
    """How many values there are of each category, the most first."""
    pygal = _pygal()
    shown = list(counts)[: 3 * MOST_SERIES]
    chart = _chart(pygal.HorizontalBar, height=60 + 26 * len(shown))
    chart.show_legend = False
    chart.x_labels = [readable(name) for name, _ in reversed(shown)]
    chart.add("values", [count for _, count in reversed(shown)])
    return _inline(chart, "Values held, by kind of data: the table below says the same")


def over_time(categories: Mapping[str, Mapping[str, int]]) -> Markup:
    """How many values of each category came when."""
    pygal = _pygal()
    months = sorted({month for own in categories.values() for month in own})
    width = 4 if len(months) > MOST_MONTHS else 7
    spans = sorted({month[:width] for month in months})
    ranked = sorted(categories, key=lambda name: -sum(categories[name].values()))
    chart = _chart(pygal.StackedBar, height=320)
    chart.x_labels = spans
    chart.x_labels_major_count = min(len(spans), 8)
    chart.show_minor_x_labels = len(spans) <= 8
    series = [(readable(name), [name]) for name in ranked[:MOST_SERIES]]
    series += [(OTHERS, ranked[MOST_SERIES:])] if ranked[MOST_SERIES:] else []
    for title, names in series:
        told = dict.fromkeys(spans, 0)
        for name in names:
            for month, count in categories[name].items():
                told[month[:width]] += count
        chart.add(title, [told[span] for span in spans])
    return _inline(chart, "Values held, by when they came and by kind of data: the tables below say the same")


def _pygal() -> Any:
    """The library, loaded when first drawn with, and without the finder that it hangs into every later import.

    That one serves plugins with maps, has no `find_spec`, and turns an import that fails into a warning.
    """
    import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _chart(kind: Any, *, height: int) -> Any:
    """A chart without script or font from elsewhere; its words have the colour of the page's."""
    from pygal.style import Style

    style = Style(
        background="transparent", plot_background="transparent", foreground="#4c566a", foreground_strong="#2b3344",
        foreground_subtle="#8a93a3", colors=_COLOURS, font_family="system-ui, sans-serif", label_font_size=13,
        major_label_font_size=13, legend_font_size=13, opacity="1", transition="0s",
    )  # fmt: skip
    return kind(
        style=style, css=("file://style.css", "file://graph.css", _INSIDE), js=(), width=900, height=height, margin=8,
        spacing=12, disable_xml_declaration=True, legend_at_bottom=True, legend_at_bottom_columns=3, min_scale=1,
        max_scale=5, value_formatter=lambda value: f"{value:,.0f}", truncate_label=-1, truncate_legend=-1,
        rounded_bars=2, explicit_size=False, print_values=False, no_data_text="",
    )  # fmt: skip


def _inline(chart: Any, says: str) -> Markup:
    """A chart to stand in a page: one picture with one name to whoever listens to it."""
    drawn: str = _NOT_DRAWN.sub("", chart.render(is_unicode=True))
    return Markup(drawn.replace("<svg ", f'<svg role="img" aria-label="{says}" focusable="false" ', 1))  # noqa: S704 - pygal escapes what it is given
