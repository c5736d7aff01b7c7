"""What was made of a text while one package is written: many events say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

REMEMBERED, REMEMBERED_CHARS = 1_024, 256
"""Texts, and the longest, of which it is remembered what was made of them."""

_Text = TypeVar("_Text", bound=str | bytes)
_Made = TypeVar("_Made")


class Remembered(dict[_Text, _Made]):
    """What a function makes of each text that is looked up; not kept of more than a few, whatever events say.

    One belongs to one package: what a person's texts are is remembered for nobody else.

    Args:
        longest: of which text it is kept.
    """

    def __init__(self, make: Callable[[_Text], _Made], longest: int = REMEMBERED_CHARS) -> None:
        super().__init__()
        self._make, self._longest = make, longest

    def __missing__(self, text: _Text) -> _Made:
        """Make it, and keep it."""
        made = self._make(text)
        self.keep(text, made)
        return made

    def keep(self, text: _Text, made: _Made) -> None:
        """Let this be what was made of a text, if it is not too long to be kept."""
        if len(text) <= self._longest:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = made
