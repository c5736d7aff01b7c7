"""What a terminal is sent: words as they stand, and no orders to the terminal in somebody's values.

Whoever may send events, as every browser may, chooses what stands in a name. An escape sequence in it could hide lines,
write into the officer's clipboard or name the window; so what a terminal takes for an order is shown as a picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RichCast
from rich.segment import Segment

WIDE = 250
"""Characters in a line of what is no terminal."""

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_OTHERS = [*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_IN_A_LINE = _PICTURES | dict.fromkeys(_OTHERS, 0xFFFD)
_IN_LINES = {code: shown for code, shown in _IN_A_LINE.items() if chr(code) not in "\n\t"}


def in_a_line(text: str) -> str:
    """A value as one line: control characters, also ends of lines, and overrides of the direction are pictures."""
    return text.translate(_IN_A_LINE)


def in_lines(text: str) -> str:
    """The same for a text whose lines are meant."""
    return text.translate(_IN_LINES)


class Harmless(RenderHook):
    """Shows control characters within what is printed as pictures; ends of lines and the styles of ours stay."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap each of what is printed."""
        return [_Harmless(one) for one in renderables]


class _Harmless:
    def __init__(self, shown: ConsoleRenderable | RichCast | str) -> None:
        self.shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self.shown, options):
            yield Segment(text, style, control) if control else Segment(in_lines(text), style)


def console(*, stderr: bool = False) -> Console:
    """A console whose words are harmless; what is no terminal, a file or another program, takes wide tables."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDE
    made.push_render_hook(Harmless())
    return made
