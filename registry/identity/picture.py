"""A picture of one person's identity graph, as SVG 1.1: read on light and dark pages, and aloud.

One column for each kind of identifier, strongest first; a line for each link. What was refused leads,
dashed, to who is not this person. No script, no font and no image from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

COLUMN, ROW, WIDTH, HEIGHT, MARGIN, HEAD = 250, 74, 190, 46, 30, 64
LANES = 5
"""Side by side between two rows, for links that pass by: more of them than that share one."""

LABEL = 24
"""Characters of a value that are drawn; the rest is in the node's title."""

STYLE = """
  svg { color: #1b1f24; background: #ffffff; font: 13px system-ui, sans-serif }
  text { fill: currentColor } .head { font-weight: 600 } .kind { font-size: 11px; opacity: .75 }
  .node rect { fill: #eaf2fb; stroke: #2f6db5 } .other rect { fill: none; stroke: #8a5a00; stroke-dasharray: 5 4 }
  .link { stroke: #2f6db5; stroke-width: 1.8; fill: none } .refused { stroke: #8a5a00; stroke-dasharray: 5 4 }
  .vouched { stroke-width: 3.2 }
  @media (prefers-color-scheme: dark) {
    svg { color: #e8eaed; background: #16191d } .node rect { fill: #1d3048; stroke: #7db3f0 }
    .link { stroke: #7db3f0 } .other rect, .refused { stroke: #e0b050 }
  }
"""


class Node(NamedTuple):
    """An identifier; `value` is None where it is not shown, `here` whether it is this person's."""

    key: str
    kind: str
    value: str | None
    here: bool


class Edge(NamedTuple):
    """A link between two nodes: what it rests on, or, if refused, why it joins nothing."""

    one: str
    other: str
    words: str
    refused: bool = False
    vouched: bool = False


def draw(nodes: Sequence[Node], edges: Sequence[Edge], kinds: Sequence[str]) -> str:
    """The picture.

    Args:
        kinds: the policy's kinds, strongest first: the columns from left to right.
    """
    nodes = [node._replace(value=_printable(node.value)) for node in nodes]
    columns = [kind for kind in kinds if any(node.kind == kind for node in nodes)]
    columns += sorted({node.kind for node in nodes} - set(columns))
    places = _places(nodes, columns)
    rows = max((sum(node.kind == kind for node in nodes) for kind in columns), default=1)
    width, height = MARGIN * 2 + COLUMN * len(columns), HEAD + ROW * rows + MARGIN
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "title desc",
        },
    )
    SubElement(svg, "title", id="title").text = "Why these identifiers are one person"
    SubElement(svg, "desc", id="desc").text = in_words(nodes, edges)
    SubElement(svg, "style").text = STYLE
    for position, kind in enumerate(columns):
        heading = SubElement(svg, "text", {"x": str(MARGIN + COLUMN * position), "y": str(HEAD - 30), "class": "head"})
        heading.text = kind.replace("_", " ")
    for number, edge in enumerate(edges):
        _line(svg, edge, places, number)
    for node in nodes:
        _box(svg, node, places[node.key])
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def in_words(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """What the picture shows, as text: one sentence for each link."""
    names = {node.key: _name(node) for node in nodes}
    own = sum(node.here for node in nodes)
    lines = [f"{own} identifiers of one person."]
    for edge in edges:
        verb = "is kept apart from" if edge.refused else "is linked with"
        lines.append(f"{names[edge.one]} {verb} {names[edge.other]}: {edge.words}.")
    return " ".join(lines)


def _printable(value: str | None) -> str | None:
    """XML has no place for most control characters, whatever somebody called themselves."""
    return value and "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)


def _name(node: Node) -> str:
    kind = node.kind.replace("_", " ")
    return f"{kind} {node.value}" if node.value is not None else f"{kind} (not shown)"


def _places(nodes: Sequence[Node], columns: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each node's box begins."""
    places: dict[str, tuple[int, int]] = {}
    for position, kind in enumerate(columns):
        own = [node for node in nodes if node.kind == kind]
        for row, node in enumerate(sorted(own, key=lambda node: not node.here)):
            places[node.key] = (MARGIN + COLUMN * position, HEAD + ROW * row)
    return places


def _line(svg: Element, edge: Edge, places: Mapping[str, tuple[int, int]], number: int) -> None:
    (x1, y1), (x2, y2) = sorted((places[edge.one], places[edge.other]))
    lane = number % LANES - LANES // 2
    between = min(y1, y2) + (HEIGHT + ROW) // 2 + lane * (ROW - HEIGHT) // (LANES + 1)
    y1, y2 = y1 + HEIGHT // 2, y2 + HEIGHT // 2
    if x1 == x2:  # two of one kind: around the right side
        out = x1 + WIDTH + 40
        path = f"M {x1 + WIDTH} {y1} C {out} {y1}, {out} {y2}, {x2 + WIDTH} {y2}"
    elif x2 - x1 > COLUMN:  # past other columns, between their rows: behind a box it would seem to begin there
        first, last, bend = x1 + COLUMN, x2 - COLUMN + WIDTH, (COLUMN - WIDTH) // 2
        path = f"M {x1 + WIDTH} {y1} C {first - bend} {y1}, {first - bend} {between}, {first} {between} "
        path += f"L {last} {between} C {last + bend} {between}, {last + bend} {y2}, {x2} {y2}"
    else:
        bend = (x2 - x1 - WIDTH) // 2
        path = f"M {x1 + WIDTH} {y1} C {x1 + WIDTH + bend} {y1}, {x2 - bend} {y2}, {x2} {y2}"
    words = ["link"] + ["refused"] * edge.refused + ["vouched"] * edge.vouched
    line = SubElement(svg, "path", {"d": path, "class": " ".join(words)})
    SubElement(line, "title").text = edge.words


def _box(svg: Element, node: Node, place: tuple[int, int]) -> None:
    x, y = place
    group = SubElement(svg, "g", {"class": "node" if node.here else "node other"})
    SubElement(group, "title").text = _name(node)
    SubElement(group, "rect", x=str(x), y=str(y), width=str(WIDTH), height=str(HEIGHT), rx="8")
    value = node.value if node.value is not None else "not shown"
    shown = value if len(value) <= LABEL else value[: LABEL - 1] + "…"
    SubElement(group, "text", x=str(x + 12), y=str(y + 20)).text = shown
    below = "this person" if node.here else "not this person"
    SubElement(group, "text", {"x": str(x + 12), "y": str(y + 37), "class": "kind"}).text = below
