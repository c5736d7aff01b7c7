"""What a stranger's machine needs: the lock, the commands, and a wheel that is whole."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.project import ROOT, settings


def test_policies_and_schemas_ship_in_the_wheel() -> None:
    wheel = settings()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["registry"]
    assert wheel["force-include"] == {
        "policies": "registry/defaults/policies",
        "schemas": "registry/defaults/schemas",
    }
    assert (ROOT / "registry" / "py.typed").is_file(), "without it apps do not get the client's types (PEP 561)"
    assert (ROOT / "policies" / "purposes.yaml").is_file()
    assert (ROOT / "schemas" / "plans" / "ecommerce.yaml").is_file()


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--index-url" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 50
    assert [entry.splitlines()[0] for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_lock_holds_every_dependency_within_its_bounds() -> None:
    project = settings()
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    pin = r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?: ; ([^\\\n]+))?"
    pins = re.findall(pin, (ROOT / "requirements.lock").read_text(), re.M)
    locked = {canonicalize_name(name): version for name, version, marker in pins if _holds(marker)}
    for text in wanted:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), text


def _holds(marker: str) -> bool:
    return not marker or Marker(marker.strip()).evaluate()


def test_make_says_what_it_can_do() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "test", "check", "fix", "bench", "docs", "lock"):
        assert f"make {target} " in said


@pytest.mark.parametrize("line", ["set -euo pipefail", "make check", "make test"])
def test_ci_runs_what_people_run(line: str) -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert line in script.read_text(encoding="utf-8").splitlines()
