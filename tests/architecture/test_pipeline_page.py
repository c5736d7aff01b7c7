"""The page on crashes has a row for every step that the flows number, and no other."""

from __future__ import annotations

import re

import pytest

from registry.flows.dsr import erasure
from registry.flows.ingest import pipeline
from tests.architecture.project import ROOT

PAGE = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
OF_THE_REQUEST = {"0 start", "9 complete"}
"""What `flows/dsr/lifecycle.py` does around an erasure."""


def _numbered(text: str) -> set[str]:
    """`5 suppress` for every line `5. suppress  …`."""
    return {f"{number} {name}" for number, name in re.findall(r"^ *(\d+)\. (\w+(?: \w+)*?)  ", text, re.MULTILINE)}


def _rows(section: str) -> set[str]:
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| (\d+ [\w ]+?) \|", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("section", "steps", "more"),
    [
        ("A message in", pipeline.__doc__, set()),
        ("A person out", erasure.__doc__, OF_THE_REQUEST),
    ],
)
def test_the_page_has_the_steps_of_the_code(section: str, steps: str, more: set[str]) -> None:
    assert len(_numbered(steps)) >= 6
    assert _rows(section) == _numbered(steps) | more
