"""Every room has its place in the one direction of imports, and says what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.project import CODE, settings


def _layers(contract: str) -> set[str]:
    contracts = settings()["tool"]["importlinter"]["contracts"]
    [direction] = [found for found in contracts if found["name"] == contract]
    assert direction["type"] == "layers"
    assert direction["exhaustive"]
    named = {room.strip() for layer in direction["layers"] for room in re.split("[|:]", layer)}
    return named | set(direction.get("exhaustive_ignores", ()))


@pytest.mark.parametrize(("folder", "contract"), [(CODE, "One direction"), (CODE / "flows", "Flows point one way")])
def test_every_room_is_named_in_the_layers(folder: Path, contract: str) -> None:
    rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
    rooms |= {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert rooms == _layers(contract)


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        str(file.relative_to(CODE))
        for file in CODE.rglob("__init__.py")
        if len(ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "") < 30
    ]
    assert silent == []


def test_rooms_of_rules_are_held_pure() -> None:
    contracts = {contract["name"]: contract for contract in settings()["tool"]["importlinter"]["contracts"]}
    pure = contracts["Rules are pure"]
    rules = {"plans", "identity", "profiles", "consent", "dsr", "access", "audit", "documents", "model"}
    assert set(pure["source_modules"]) == {f"registry.{room}" for room in rules}
    assert {"os", "time", "random", "secrets", "logging", "sqlalchemy", "cryptography"} <= set(
        pure["forbidden_modules"]
    )
