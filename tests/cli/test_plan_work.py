"""Plans worked on from the command line, without a registry and with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry import bootstrap
from registry.settings import Settings
from tests.cli.test_commands import answer, run

CALLS = [
    {"type": "track", "event": "Booking Requested", "userId": f"guest-{n}", "properties": {"nights": n}}
    for n in range(12)
]  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with traffic, and a plan inferred from it."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "calls.ndjson").write_text("\n".join(json.dumps(call) for call in CALLS))
    words = (
        "plans",
        "infer",
        "hotel",
        "--events",
        str(folder / "calls.ndjson"),
        "--output",
        str(folder / "hotel.yaml"),
    )
    assert run(folder / "none", *words).returncode == 0
    return folder


def changed(work: Path, **members: Any) -> Path:
    """The plan with a stay of at most three nights."""
    plan = yaml.safe_load((work / "hotel.yaml").read_text())
    plan["events"][0]["properties"]["nights"]["maximum"] = 3
    path = work / "next.yaml"
    path.write_text(yaml.safe_dump(plan | members))
    return path


def test_a_plan_that_may_have_been_reviewed_is_not_written_over(work: Path, tmp_path: Path) -> None:
    reviewed = tmp_path / "hotel.yaml"
    reviewed.write_text("reviewed")
    given = ("--events", str(work / "calls.ndjson"), "--output", str(reviewed))
    done = run(work / "none", "plans", "infer", "hotel", *given)
    assert (done.returncode, reviewed.read_text()) == (6, "reviewed")
    assert "--output" in done.stderr


def test_a_change_is_classed_and_its_version_judged(work: Path) -> None:
    done = run(work / "none", "plans", "diff", str(work / "hotel.yaml"), str(changed(work)), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["breaking"], found["least_version"]) == (1, True, "0.2.0")
    next_version = changed(work, version="0.2.0")
    assert run(work / "none", "plans", "diff", str(work / "hotel.yaml"), str(next_version)).returncode == 0


def test_traffic_of_a_file_is_checked(work: Path) -> None:
    words = ("plans", "check", str(changed(work)), "--events", str(work / "calls.ndjson"), "--json")
    done = run(work / "none", *words)
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcomes"]["newly_rejected"] == 8
    assert "guest-" not in done.stdout


def test_plans_go_out_and_come_back(work: Path) -> None:
    plan, there, back = work / "hotel.yaml", str(work / "there"), str(work / "back.yaml")
    for form in ("segment", "rudderstack", "csv"):
        answer(work / "none", "plans", "export", str(plan), "--to", form, "--output", there)
        answer(work / "none", "plans", "import", there, "--from", form, "--name", "hotel", "--output", back)
        assert yaml.safe_load(Path(back).read_text())["events"] == yaml.safe_load(plan.read_text())["events"]
    assert "class Hotel" in answer(work / "none", "plans", "codegen", str(plan), "--language", "python")["text"]


def test_a_source_is_bound_to_what_was_published(work: Path, tmp_path: Path) -> None:
    bootstrap.initialise(Settings(data_dir=tmp_path / "data"))
    answer(tmp_path / "data", "plans", "push", str(work / "hotel.yaml"))
    assert answer(tmp_path / "data", "sources", "bind", "shop", "hotel@*")["version"] == "0.1.0"
    assert run(tmp_path / "data", "sources", "bind", "shop", "hotel@^9.0.0").returncode == 4
    assert answer(tmp_path / "data", "violations", "--by", "day,source") == {"violations": [], "counts": []}
    assert run(tmp_path / "data", "violations", "--by", "person").returncode == 4
    report = answer(tmp_path / "data", "plans", "check", str(work / "hotel.yaml"))
    assert set(report["outcomes"].values()) == {0}
    assert answer(tmp_path / "data", "plans", "replay", "--dry-run")["looked_at"] == 0
