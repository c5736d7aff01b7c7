"""The narrator: tells each step of the demo, and keeps what was checked."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape


class StepFailedError(Exception):
    """A step did not come out as it should."""


class Check(NamedTuple):
    """What should hold, in which step, and whether it did."""

    step: str
    what: str
    held: bool


class Story:
    """Tells the steps, and keeps what was checked.

    Attributes:
        out: where it is told; nowhere when `silent`.
        folder: where everything of the demo lies.
        checks: what was checked so far, in order.
    """

    def __init__(self, folder: Path, *, silent: bool = False) -> None:
        self.out = Console(file=io.StringIO()) if silent else Console(highlight=False)
        self.folder = folder
        self.checks: list[Check] = []
        self._titles: list[str] = []

    def step(self, title: str) -> None:
        """Begin a step."""
        self._titles.append(title)
        self.out.print(f"\n[bold cyan]{len(self._titles)}. {escape(title)}[/]")

    def say(self, text: str) -> None:
        """Tell something."""
        self.out.print(f"   {text}")

    def check(self, what: str, holds: object) -> None:
        """State what should hold; the demo ends here when it does not.

        Raises:
            StepFailedError: it does not hold.
        """
        self.checks.append(Check(self._titles[-1], what, bool(holds)))
        self.out.print(f"   [{'green' if holds else 'red'}]{'ok' if holds else 'FAILED'}[/] {escape(what)}")
        if not holds:
            raise StepFailedError(what)
