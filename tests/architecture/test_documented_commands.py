"""Every command that the documentation shows exists, with the options it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

from registry.cli.app import GROUPS
from tests.architecture.project import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ENDS = {"|", ">", "&", "&&", "||", ";"}
SHELL = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def _commands() -> Iterator[tuple[str, str, list[str]]]:
    """(page, program, its words) of every line of a shell block."""
    for page in PAGES:
        for block in SHELL.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                for program, rest in re.findall(r"(?:^|[\s/(`$])(registry|make) ([a-z][^`]*)", line):
                    words = shlex.split(rest.replace(")", " ").replace('"', " "), comments=True)
                    end = next((n for n, word in enumerate(words) if word in ENDS), len(words))
                    yield str(page.relative_to(ROOT)), program, words[:end]


@cache
def _program() -> Any:
    """The whole command line, as `registry --help` puts it together."""
    app = typer.Typer()
    for module in GROUPS:
        import_module(f"registry.cli.{module}").add_to(app)
    return typer.main.get_command(app)


FOUND = list(_commands())


def test_there_are_commands_to_check() -> None:
    assert len(FOUND) > 40
    assert {program for _, program, _ in FOUND} == {"registry", "make"}


@pytest.mark.parametrize(("page", "words"), [(p, w) for p, program, w in FOUND if program == "registry"])
def test_a_shown_command_exists(page: str, words: list[str]) -> None:
    command = _program()
    rest = list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"{page}: registry {' '.join(words)}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    shown = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert shown <= known, f"{page}: registry {' '.join(words)}"


def test_a_command_that_a_hint_or_a_page_names_exists() -> None:
    groups = {name: command.commands for name, command in _program().commands.items() if hasattr(command, "commands")}
    sources = [path for path in (ROOT / "registry").rglob("*") if path.suffix in {".py", ".html"}]
    named = re.compile(r"\bregistry ([a-z-]+) ([a-z-]+)")
    found = {(path, *words) for path in sources for words in named.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 10
    assert [one for one in found if one[1] in groups and one[2] not in groups[one[1]]] == []


def test_every_shown_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", Path(ROOT, "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {words[0] for _, program, words in FOUND if program == "make"} <= targets


def test_every_page_is_reached_from_the_map() -> None:
    page = ROOT / "docs" / "index.md"
    linked = {(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text())}
    unlisted = {p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "decisions"} - linked - {page}
    assert unlisted == set()
