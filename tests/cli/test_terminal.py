"""What people sent is shown in a terminal, and orders nothing there."""

from __future__ import annotations

import io

from rich.console import Console

from registry.cli.session import in_words, table
from registry.cli.terminal import Harmless

TITLE, CLEAR, CLIPBOARD = "\x1b]0;taken over\x07", "\x1b[2J", "\x9d52;c;c2VjcmV0\x9c"


def printed(*things: object) -> str:
    """What a terminal would get, without any style of ours."""
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True, color_system=None)
    console.push_render_hook(Harmless())
    for thing in things:
        console.print(thing, markup=False, highlight=False)
    return stream.getvalue()


def test_a_value_gives_no_orders_to_the_terminal() -> None:
    shown = table("trait", "value")
    shown.add_row("first_name", f"{TITLE}{CLEAR}Robin{CLIPBOARD}")
    sent = printed(shown, f"{TITLE}Robin\rRoberta")
    assert "Robin" in sent
    assert not {"\x1b", "\x07", "\x9d", "\x9c", "\r"} & set(sent)
    assert "␛]0;taken over" in sent


def test_a_value_stays_in_its_line_and_in_its_direction() -> None:
    told = in_words([{"value": "Robin\nstate: completed"}, {"value": "\u202eelifed\u202c"}])
    assert told.splitlines()[1:] == ["  value: Robin␊state: completed", "  value: �elifed�"]


def test_words_of_other_scripts_and_lines_of_ours_stay() -> None:
    assert printed("שלום Ünal\nnext") == "שלום Ünal\nnext\n"
