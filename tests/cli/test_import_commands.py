"""`registry imports`: from a file and from a database, as whoever moves existing customers uses it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from registry import bootstrap
from registry.settings import Settings
from tests.cli.test_commands import answer, run
from tests.forked import logged

MAPPING = """
version: 1
import: crm
row_id: nr
user_id: nr
table: customer
traits:
  email: mail
  birthday: {column: born, type: date, format: "%d.%m.%Y"}
"""
TABLE = "nr,mail,born\n1,ada@example.com,02.01.1990\n2,nowhere,02.01.1990\n3,eve@example.com,32.01.1990\n"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "data"
    bootstrap.initialise(Settings(data_dir=path))
    answer(path, "sources", "create", "crm", "--method", "imported")
    return path


def test_a_table_is_tried_imported_and_listed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "people.csv").write_text(TABLE)
    given = (str(tmp_path / "people.csv"), "--mapping", str(tmp_path / "mapping.yaml"), "--source", "crm")
    tried = answer(folder, "imports", "run", *given, "--dry-run")
    assert {name: tried[name] for name in ("rows", "accepted", "rejected", "unreadable", "dry_run")} == {
        "rows": 3, "accepted": 1, "rejected": 1, "unreadable": 1, "dry_run": True,
    }  # fmt: skip
    assert "crm" not in [one["import"] for one in answer(folder, "imports", "list")["imports"]]
    report = tmp_path / "report.jsonl"
    shown = run(folder, "imports", "run", *given, "--report", str(report))
    assert "1 accepted" in shown.stdout
    assert "row 3 unreadable: cell_unreadable /born a date" in shown.stdout
    assert sorted(json.loads(line)["row"] for line in report.read_text().splitlines()) == [2, 3]
    [listed] = [one for one in answer(folder, "imports", "list")["imports"] if one["import"] == "crm"]
    assert (listed["import"], listed["rows"], listed["accepted"]) == ("crm", 3, 1)
    assert "1 accepted" in run(folder, "imports", "list").stdout
    traits = answer(folder, "profiles", "show", "--user-id", "1", "--purpose", "service")["traits"]
    assert {one["provenance"]["method"] for one in traits} == {"imported"}


def test_a_killed_import_has_told_what_it_found_and_the_next_run_adds_to_it(folder: Path, tmp_path: Path) -> None:
    wrong = {3: "3,nowhere,02.01.1990", 1_199: "1199,nowhere,02.01.1990"}
    lines = (wrong.get(n, f"{n},p{n}@example.com,02.01.1990") for n in range(1, 1_201))
    (tmp_path / "mapping.yaml").write_text(MAPPING.replace("import: crm", "import: killed"))
    (tmp_path / "people.csv").write_text("nr,mail,born\n" + "\n".join(lines) + "\n")
    report = tmp_path / "report.jsonl"
    given = (str(tmp_path / "people.csv"), "--mapping", str(tmp_path / "mapping.yaml"), "--source", "crm")
    words = ("imports", "run", *given, "--report", str(report))
    process = logged(words, os.environ | {"REGISTRY_DATA_DIR": str(folder)}, tmp_path / "import.log")
    until = time.monotonic() + 50
    while process.poll() is None and not (report.exists() and report.read_text()):
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    answer(folder, *words)
    assert {json.loads(line)["row"] for line in report.read_text().splitlines()} == {3, 1_199}


def test_a_database_is_named_by_a_variable_and_json_lines_by_their_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING.replace("import: crm", "import: from-the-database"))
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("CREATE TABLE customer (nr INTEGER, mail TEXT, born TEXT)")
        connection.execute("INSERT INTO customer VALUES (8, 'b@example.com', '02.01.1990'), (7, 'a@example.com', NULL)")
    connection.close()
    monkeypatch.setenv("CRM_URL", f"sqlite:///{tmp_path / 'crm.db'}")
    options = ("--mapping", str(tmp_path / "mapping.yaml"), "--source", "crm")
    assert answer(folder, "imports", "run", "env:CRM_URL", *options)["accepted"] == 2
    (tmp_path / "people.jsonl").write_text('{"nr": 9, "mail": "c@example.com"}\n')
    (tmp_path / "mapping.yaml").write_text(MAPPING.replace("import: crm", "import: lines"))
    assert answer(folder, "imports", "run", str(tmp_path / "people.jsonl"), *options)["accepted"] == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [("nowhere.csv", "nowhere.csv"), ("env:NOT_SET", "not set"), ("sqlite:///x.db", "env:NAME"),
     ("wrong.csv", "no column")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_what_to_do(folder: Path, tmp_path: Path, given: str, says: str) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "wrong.csv").write_text("nr;mail\n1;2\n")
    rows = given if ":" in given else str(tmp_path / given)
    done = run(folder, "imports", "run", rows, "--mapping", str(tmp_path / "mapping.yaml"), "--source", "crm")
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
