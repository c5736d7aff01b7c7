"""The picture of an identity graph: no link passes behind a box, where it would seem to begin or end."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import pytest

from registry.identity.picture import HEIGHT, WIDTH, Edge, Node, draw

NODES = [
    Node("u", "user_id", "ada", True), Node("e", "email", "ada@example.com", True),
    Node("a1", "anonymous_id", "browser-1", True), Node("a2", "anonymous_id", "browser-2", True),
    Node("u2", "user_id", "bob", False),
]  # fmt: skip
KINDS = ("user_id", "email", "anonymous_id")
SVG = "{http://www.w3.org/2000/svg}"

Point = tuple[float, float]


def points(path: str) -> list[Point]:
    """Points along a path of `M`, `C` and `L`."""
    numbers = [(float(x), float(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", path)]
    letters = re.findall("[MCL]", path)
    found, here, rest = [numbers[0]], numbers[0], numbers[1:]
    for letter in letters[1:]:
        if letter == "L":
            (end,), rest = rest[:1], rest[1:]
            found += [_between(here, end, n / 40) for n in range(41)]
        else:
            (one, two, end), rest = rest[:3], rest[3:]
            for n in range(41):
                a, b, c = (_between(p, q, n / 40) for p, q in pairwise((here, one, two, end)))
                found.append(_between(_between(a, b, n / 40), _between(b, c, n / 40), n / 40))
        here = end
    return found


def _between(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


@pytest.mark.parametrize(
    ("one", "other"), [("u", "a1"), ("u", "a2"), ("u2", "a1"), ("u2", "a2"), ("u", "e"), ("e", "a2")]
)
def test_a_link_passes_behind_no_box(one: str, other: str) -> None:
    svg = fromstring(draw(NODES, [Edge(one, other, "message 1")], KINDS))
    [path] = [line.get("d") or "" for line in svg.iter(f"{SVG}path")]
    boxes = [(float(box.get("x") or 0), float(box.get("y") or 0)) for box in svg.iter(f"{SVG}rect")]
    assert len(boxes) == len(NODES)
    inside = [
        (point, box) for point in points(path) for box in boxes
        if box[0] < point[0] < box[0] + WIDTH and box[1] < point[1] < box[1] + HEIGHT
    ]  # fmt: skip
    assert inside == []
