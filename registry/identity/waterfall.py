"""A suggestion as a waterfall, as SVG 1.1: from what is known before looking, feature by feature, to the whole.

Bits add up: each row begins where the one above ended. No value is in it. No script, font or image from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from registry.identity.likeness import Agreement

LABELS, PLOT, FIGURES, ROW, HEAD = 210, 360, 70, 24, 40

STYLE = """
  svg { color: #1b1f24; background: #ffffff; font: 12px system-ui, sans-serif }
  text { fill: currentColor } .head { font-weight: 600 } .figure { text-anchor: end }
  .for { fill: #2f7d5b } .against { fill: #c2553a } .total { fill: #2f5fb0 }
  .axis { stroke: currentColor; opacity: .35 }
  @media (prefers-color-scheme: dark) {
    svg { color: #e8eaed; background: #16191d } .for { fill: #5fc495 } .against { fill: #f0876c }
    .total { fill: #7db3f0 }
  }
"""


def waterfall(start: float, agreements: Sequence[Agreement]) -> str:
    """The picture; `start` and the weights are bits."""
    rows = [("before looking", 0.0, start)]
    reached = start
    for one in agreements:
        rows.append((f"{one.feature.replace('_', ' ')}: {one.level}", reached, reached + one.weight))
        reached += one.weight
    rows.append(("together", 0.0, reached))
    low = min(0.0, *(min(begin, end) for _, begin, end in rows))
    high = max(0.0, *(max(begin, end) for _, begin, end in rows))
    scale = PLOT / ((high - low) or 1.0)
    width, height = LABELS + PLOT + FIGURES, HEAD + ROW * len(rows) + 12
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "width": str(width),
            "height": str(height), "role": "img", "aria-labelledby": "title desc",
        },
    )  # fmt: skip
    SubElement(svg, "title", id="title").text = "Why these two may be one person"
    SubElement(svg, "desc", id="desc").text = in_words(start, agreements)
    SubElement(svg, "style").text = STYLE
    SubElement(svg, "text", {"x": "12", "y": "24", "class": "head"}).text = "Bits for and against one person"
    zero = f"{LABELS - low * scale:.1f}"
    SubElement(svg, "line", {"x1": zero, "x2": zero, "y1": str(HEAD - 6), "y2": str(height - 8), "class": "axis"})
    for position, (label, begin, end) in enumerate(rows):
        _bar(svg, HEAD + ROW * position, label, (begin - low) * scale, (end - low) * scale, end - begin)
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def in_words(start: float, agreements: Sequence[Agreement]) -> str:
    """What the picture shows, as text."""
    steps = [f"{one.feature.replace('_', ' ')} {one.level}: {one.weight:+.1f}" for one in agreements]
    total = start + sum(one.weight for one in agreements)
    return f"Before looking {start:+.1f} bits; {'; '.join(steps)}; together {total:+.1f}."


def _bar(svg: Element, top: int, label: str, begin: float, end: float, weight: float) -> None:
    SubElement(svg, "text", x="12", y=str(top + 14)).text = label
    kind = "total" if label in ("before looking", "together") else "for" if weight >= 0 else "against"
    left, wide = LABELS + min(begin, end), max(abs(end - begin), 1.0)
    place = {"x": f"{left:.1f}", "y": str(top + 3), "width": f"{wide:.1f}", "height": str(ROW - 8)}
    SubElement(svg, "rect", place | {"class": kind})
    figure = SubElement(svg, "text", {"x": str(LABELS + PLOT + FIGURES - 8), "y": str(top + 14), "class": "figure"})
    figure.text = f"{weight:+.1f}"
