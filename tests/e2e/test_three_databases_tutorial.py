"""The tutorial with three databases, run as it stands: real SQLite, PostgreSQL and MariaDB, in one shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.architecture.project import ROOT
from tests.e2e.test_tutorial import PORT, _free_port
from tests.e2e.typed import path_with_registry

PAGE = ROOT / "docs" / "tutorial" / "three-databases.md"


@pytest.mark.timeout(600)
def test_an_access_and_an_erasure_go_through_three_databases_as_it_says(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="registry-three-") as folder,  # where PostgreSQL's own user may go, too
        path_with_registry(tmp_path) as path,
    ):
        _goes_as_it_says(Path(folder), path)


def _goes_as_it_says(folder: Path, path: str) -> None:
    install, *blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert install.startswith("make install programs")
    script = "set -euo pipefail; set -m; trap 'kill %1 %2 2>/dev/null || true' EXIT\n" + "\n".join(blocks)
    given = {"PATH": path, "PYTHONPATH": str(ROOT), "AT": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", script.replace(PORT, _free_port())],
        cwd=folder, env=os.environ | given, capture_output=True, text=True, timeout=590, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "nobody has decided on it" in said
    assert "Every field of every table is decided on." in said
    assert re.search(r"^ *\d+ package/outside/deliveries.jsonl$", said, re.MULTILINE)
    package = folder / "package"
    listed = {file["name"] for file in json.loads((package / "manifest.json").read_text())["files"]}
    assert {f"outside/{system}.jsonl" for system in ("shop", "deliveries", "desk")} <= listed
    assert "deliveries: parcels" in (package / "index.html").read_text()
    given = [json.loads(line) for line in (package / "outside" / "shop.jsonl").read_text().splitlines()]
    assert {row["row"].get("email") for row in given} == {None, "Shopper-7@Example.Com"}
    assert "The signature is good." in said
    assert "18 of 18 fields of three databases accounted for: 100%" in said
    assert b"shopper-7@" not in (folder / "shop.db").read_bytes().lower()
