"""The documentation says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from registry.api import problems
from registry.cli.exits import Exit
from registry.model import errors
from registry.model.errors import RegistryError
from registry.settings import Settings
from tests.architecture.project import ROOT, table_rows, texts

ERRORS = "docs/reference/errors.md"
SETTINGS = "docs/reference/settings.md"


def _kinds(kind: type[RegistryError] = RegistryError) -> Iterator[type[RegistryError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


KINDS = [kind for kind in _kinds() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_is_documented_with_its_status(kind: type[RegistryError]) -> None:
    row = table_rows(ERRORS)[kind.code]
    assert row[1] == str(problems.STATUS[kind])
    assert all(len(cell) > 10 for cell in row[2:4])


def test_no_error_is_documented_that_does_not_exist() -> None:
    codes = {code for code, row in table_rows(ERRORS).items() if len(row) == 4} - {"code"}
    of_the_router = {"no-such-path", "method-not-allowed", "http-error"}
    assert codes == {kind.code for kind in KINDS} | of_the_router


def test_every_code_belongs_to_one_error() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))


def test_every_exit_code_is_documented() -> None:
    rows = table_rows(ERRORS)
    assert {code for code in rows if code.isdigit()} == {str(int(code)) for code in Exit}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    default = "not set" if field.default is None else f"`{field.default}`"
    assert table_rows(SETTINGS)[f"REGISTRY_{name.upper()}"][1:] == [default, field.description]


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = {name for name in table_rows(SETTINGS) if name.startswith("REGISTRY_")}
    assert documented == {f"REGISTRY_{name.upper()}" for name in Settings.model_fields}


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page, text in texts():
        if page.suffix == ".md":
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if "://" not in target and not (ROOT / page.parent / target).exists():
                    broken.append(f"{page}: {target}")
    assert broken == []


def test_decisions_are_numbered_once_and_state_their_status() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]}. ")
        assert re.search(r"^Status: (proposed|accepted|superseded by \d{4})$", text, re.MULTILINE), page.name
