"""`webhooks`, `destinations`, `retention`: every command answers, as JSON and for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import bootstrap
from registry.settings import Settings
from tests.cli.test_commands import answer, run

HOOK = ("--url", "https://mailing.example/hooks/secret-path")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("outgoing") / "data"
    bootstrap.initialise(Settings(data_dir=path))
    return path


def test_a_webhook_from_its_making_to_its_removal(folder: Path) -> None:
    made = answer(folder, "webhooks", "create", "mailing", *HOOK, "--topic", "consent.changed")
    assert made["secret"].startswith("whsec_")
    identity = made["webhook_id"]
    assert answer(folder, "webhooks", "test", identity) == {"queued": True}
    [shown] = answer(folder, "webhooks", "list")["webhooks"]
    assert (shown["waiting"], shown["origin"]) == (1, "https://mailing.example")
    assert answer(folder, "webhooks", "pause", identity) == {"state": "paused"}
    assert "paused" in run(folder, "webhooks", "list").stdout
    assert answer(folder, "webhooks", "resume", identity) == {"state": "active"}
    assert answer(folder, "webhooks", "dead", identity) == {"messages": []}
    assert answer(folder, "webhooks", "replay", identity) == {"replayed": 0}
    assert answer(folder, "webhooks", "remove", identity) == {"removed": True}
    gone = run(folder, "webhooks", "pause", identity)
    assert (gone.returncode, "no such webhook" in gone.stderr) == (4, True)


def test_a_destination_from_its_making_to_its_removal(folder: Path) -> None:
    given = ("--kind", "webhook", "--purpose", "marketing", *HOOK, "--trait", "email")
    identity = answer(folder, "destinations", "create", "mailing", *given)["destination_id"]
    [shown] = answer(folder, "destinations", "list")["destinations"]
    assert (shown["traits"], shown["backlog"], shown["state"]) == (["email"], 0, "active")
    assert answer(folder, "destinations", "show", identity)["latest_refused"] == []
    assert answer(folder, "destinations", "pause", identity) == {"state": "paused"}
    assert "paused" in run(folder, "destinations", "list").stdout
    assert answer(folder, "destinations", "resume", identity) == {"state": "active"}
    assert answer(folder, "destinations", "replay", identity) == {"replayed": 0}
    assert answer(folder, "destinations", "erasures", identity) == {"erasures": []}
    assert answer(folder, "destinations", "remove", identity) == {"removed": True}


def test_retention_says_what_would_go_what_went_and_what_is_locked(folder: Path) -> None:
    person = ("--email", "shopper@example.com")
    answer(folder, "consent", "record", "--purpose", "marketing", "--status", "withdrawn", *person)
    assert answer(folder, "retention", "sweep", "--dry-run")["dry_run"] is True
    done = answer(folder, "retention", "sweep")
    assert done["finished_at"] is not None
    report = answer(folder, "retention", "report")
    assert [sweep["sweep_id"] for sweep in report["sweeps"]] == [done["sweep_id"]]
    assert report["locked"] == []
    assert "Locked now" in run(folder, "retention", "report").stdout
    assert run(folder, "consent", "unrestrict", *person).returncode == 4
