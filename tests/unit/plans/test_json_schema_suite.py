"""The public JSON-Schema-Test-Suite's required cases, as plans.

The suite comes with the source distribution of `jsonschema`, which is fetched by pip, once, in the
version that is installed; no case of it is copied here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections import Counter
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from known_differences import REFUSED
from plan_values import schema_file

from registry.documents import Document, check
from registry.model.errors import DocumentInvalid
from registry.model.message import CallType, Message
from registry.plans.compile import CompiledPlan, compile_plan
from registry.plans.lint import STRICT

FOLDERS = {"draft-07": "draft7", "2020-12": "draft2020-12"}
FORMAT_FILE = "format.json"


@cache
def distribution() -> Path:
    """The source distribution of the installed `jsonschema`."""
    folder = Path(__file__).parents[3] / ".pytest_cache" / "json-schema-suite"
    found = folder / f"jsonschema-{version('jsonschema')}.tar.gz"
    if not found.exists():
        wanted = f"jsonschema=={version('jsonschema')}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", wanted]
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as fresh:  # another test process may be at it, too
            subprocess.run([*command, "--dest", fresh], check=True, timeout=300)
            (Path(fresh) / found.name).replace(found)
    return found


@cache
def groups(dialect: str) -> list[tuple[str, dict[str, Any]]]:
    """(file, group of cases) of every required group."""
    found = []
    with tarfile.open(distribution()) as archive:
        for member in archive.getmembers():
            parts = member.name.split("/")
            if parts[1:4] == ["json", "tests", FOLDERS[dialect]] and len(parts) == 5:
                held = archive.extractfile(member)
                assert held is not None
                found += [(parts[-1], group) for group in json.load(held)]
    return found


def as_plan(dialect: str, schema: Any) -> CompiledPlan:
    """A plan of one event whose property `x` is declared by the schema, its definitions moved to the plan's top."""
    definitions: dict[str, Any] = {}
    if isinstance(schema, dict):
        schema = {key: value for key, value in schema.items() if key != "$schema"}
        for name in ("definitions", "$defs"):
            if isinstance(schema.get(name), dict):
                definitions |= schema.pop(name)
    event = {"type": "track", "name": "E", "properties": {"x": schema}}
    plan = {"plan": "suite", "version": "1.0.0", "dialect": dialect, "purposes": ["service"], "events": [event]}
    document = Document(plan | {"definitions": definitions}, "plan", "", {})
    check(document, schema_file("tracking-plan.schema.json"))
    return compile_plan(document)


@pytest.mark.timeout(360)  # what is fetched for it may take long to come
@pytest.mark.parametrize("dialect", FOLDERS)
def test_the_required_cases_are_judged_as_the_suite_says(dialect: str) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for file, group in groups(dialect):
        try:
            plan = as_plan(dialect, group["schema"])
        except DocumentInvalid as refused:
            reasons = [str(fault["reason"]) for fault in refused.faults]
            unknown = [reason for reason in reasons if not any(known in reason for known in REFUSED)]
            wrong += [(file, group["description"], reason) for reason in unknown]
            counts["refused"] += len(group["tests"])
            continue
        for case in group["tests"]:
            body = {"type": "track", "event": "E", "properties": {"x": case["data"]}}
            verdict = plan.check(Message(CallType.TRACK, "E", "m", body, 0, 0), STRICT)
            codes = {violation.code for violation in verdict.violations}
            if verdict.accepted == case["valid"]:
                counts["same"] += 1
            elif case["valid"] and codes == {"unplanned_property"}:
                counts["closed"] += 1
            elif case["valid"] and codes == {"format_mismatch"} and file == FORMAT_FILE:
                counts["format"] += 1
            else:
                wrong.append((file, group["description"], case["description"]))
    assert wrong == []
    assert counts["same"] > 700
    assert counts["same"] > 4 * counts["refused"]
    assert counts["closed"] < 20
