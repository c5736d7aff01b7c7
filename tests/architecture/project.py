"""Where things stand in the checkout."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CODE = ROOT / "registry"

FOLDERS = ("registry", "tests", "benchmarks", "docs", "policies", "schemas", ".ci")
TEXT = {".py", ".md", ".yaml", ".json", ".toml", ".html", ".mako", ".css", ".js", ""}


def settings() -> dict[str, Any]:
    """What `pyproject.toml` says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def modules() -> list[Path]:
    """Every Python file of the product."""
    return sorted(CODE.rglob("*.py"))


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the project, with its text; the lock file aside."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in TEXT]
    files += [file for file in ROOT.iterdir() if file.suffix in {".md", ".toml"} or file.name == "Makefile"]
    for file in sorted(files):
        if file.is_file() and "__pycache__" not in file.parts and "out" not in file.parts:
            yield file.relative_to(ROOT), file.read_text(encoding="utf-8")


def table_rows(page: str) -> dict[str, list[str]]:
    """The rows of a page's Markdown tables by their first cell, without its backticks."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return {row[0].strip("` "): row for row in rows}
