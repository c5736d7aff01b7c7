"""The waterfall of a suggestion: it adds up, says the same in words, and holds no value."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from registry.identity.likeness import Agreement
from registry.identity.waterfall import in_words, waterfall

SVG = "{http://www.w3.org/2000/svg}"
BECAUSE = [
    Agreement("first_name", "same", 6.3),
    Agreement("birthday", "different", -5.3),
    Agreement("city", "close", 0),
]


def test_each_bar_begins_where_the_one_above_ended() -> None:
    root = ET.fromstring(waterfall(-16.6, BECAUSE))
    bars = [(float(one.get("x", "")), float(one.get("width", "")), one.get("class")) for one in root.iter(f"{SVG}rect")]
    assert [kind for *_, kind in bars] == ["total", "for", "against", "for", "total"]
    (start, _, _), (gain, gained, _), (loss, lost, _), _, (whole, _, _) = bars
    assert gain == pytest.approx(start, abs=0.2)
    assert gain + gained == pytest.approx(loss + lost, abs=0.2)
    assert whole == pytest.approx(loss, abs=0.2)
    figures = [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "figure"]
    assert figures == ["-16.6", "+6.3", "-5.3", "+0.0", "-15.6"]


def test_it_says_the_same_in_words() -> None:
    words = in_words(-16.6, BECAUSE)
    assert "first name same: +6.3" in words
    assert words.endswith("together -15.6.")
    assert ET.fromstring(waterfall(-16.6, BECAUSE)).findtext(f"{SVG}desc") == words


def test_of_nothing_there_is_a_picture_too() -> None:
    assert ET.fromstring(waterfall(0.0, [])).get("role") == "img"
