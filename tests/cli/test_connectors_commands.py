"""`registry connectors`, and a request that reaches a database outside: as whoever connects one uses them."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from registry import bootstrap
from registry.dsr.requests import Kind
from registry.flows.dsr import lifecycle
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.settings import Settings
from tests.cli.test_commands import answer, run
from tests.factories import identify
from tests.live import live

TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, first_name TEXT)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), total INTEGER)",
    "CREATE TABLE products (id INTEGER PRIMARY KEY, label TEXT)",
    "INSERT INTO customers VALUES (1, 'ada@example.com', 'Ada'), (2, 'bob@example.com', 'Bob')",
    "INSERT INTO orders VALUES (10, 1, 5), (11, 1, 6), (12, 2, 7)",
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop's own database, named by the environment."""
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        for statement in TABLES:
            connection.execute(statement)
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{file}")
    return file


def decided(guessed: Path) -> None:
    """What a reviewer makes of the guesses."""
    described = yaml.safe_load(guessed.read_text())
    for table in described["tables"].values():
        table["rows"] = "delete"
        for field in table["fields"].values():
            del field["guess"]
            field.pop("erasure", None)
    guessed.write_text(yaml.safe_dump(described))


def test_a_database_is_guessed_decided_on_and_checked(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "connectors"
    folder.mkdir()
    file = folder / "shop.yaml"
    told = answer(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL", "--to", str(file))
    assert (told["tables"], told["fields"], told["without_people"]) == (2, 6, 1)
    described = yaml.safe_load(file.read_text())
    assert described["tables"]["orders"]["fields"]["customer_id"]["references"] == "customers.id"
    assert described["tables"]["customers"]["fields"]["email"]["identity"] == "email"
    assert str(shop) not in file.read_text()
    open_ones = run(tmp_path, "connectors", "check", str(folder))
    assert open_ones.returncode == 1 and "customers" in open_ones.stdout
    decided(file)
    assert answer(tmp_path, "connectors", "check", str(folder))["undecided"] == []
    with sqlite3.connect(shop) as connection:
        connection.execute("ALTER TABLE customers ADD COLUMN nickname TEXT")
    later = run(tmp_path, "connectors", "check", str(folder), "--json")
    assert later.returncode == 1
    assert json.loads(later.stdout)["undecided"] == [
        {"system": "shop", "table": "customers", "field": "nickname", "reason": "nobody has decided on it"}
    ]


def test_a_dry_run_shows_what_would_be_done_and_touches_nothing(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "connectors"
    fides = tmp_path / "shop.yml"
    collections = [
        {
            "name": name,
            "masking_strategy_override": {"strategy": "delete"},
            "fields": [{"name": column, "data_categories": ["user"]} | more for column, more in columns.items()],
        }
        for name, columns in {
            "customers": {"id": {}, "email": {"fides_meta": {"identity": "email"}}, "first_name": {}},
            "orders": {
                "id": {},
                "customer_id": {"fides_meta": {"references": [{"field": "customers.id", "direction": "from"}]}},
                "total": {},
            },
        }.items()
    ]
    fides.write_text(yaml.safe_dump({"dataset": [{"fides_key": "shop", "collections": collections}]}))
    told = answer(tmp_path, "connectors", "import-fides", str(fides), "--to", str(folder))
    assert told == {"files": [str(folder / "shop.yaml")], "undecided": []}
    again = run(tmp_path, "connectors", "import-fides", str(fides), "--to", str(folder))
    assert again.returncode == 6 and "exists already" in again.stderr
    asked = ("connectors", "plan", "erasure", "--email", "Ada@Example.com", "--folder", str(folder), "--json")
    blocked = run(tmp_path, *asked)
    assert blocked.returncode == 1
    assert {one["table"] for one in json.loads(blocked.stdout)["undecided"]} == {"products"}
    described = yaml.safe_load((folder / "shop.yaml").read_text())
    described["without_people"] = {"products": "a catalogue of goods"}
    (folder / "shop.yaml").write_text(yaml.safe_dump(described))
    [system] = json.loads(run(tmp_path, *asked).stdout)["systems"]
    assert system["tables"][0]["fields"][1] == {"field": "email", "disposition": "erased", "categories": ["user"]}
    assert {one["table"]: one["rows"] for one in system["tables"]} == {"customers": 1, "orders": 2}
    with sqlite3.connect(shop) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_a_missing_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_URL", raising=False)
    shown = run(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL")
    assert shown.returncode == 2 and "SHOP_URL" in shown.stderr


def test_an_access_and_an_erasure_reach_the_database_outside(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "connectors"
    folder.mkdir()
    answer(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL", "--to", str(folder / "shop.yaml"))
    decided(folder / "shop.yaml")
    monkeypatch.setenv("REGISTRY_CONNECTORS", str(folder))
    data = tmp_path / "data"
    with live(data) as server:
        sent = {"batch": [identify("u-1", email="ada@example.com")], "writeKey": server.keys.write_key}
        assert httpx.post(f"{server.url}/v1/batch", json=sent).json()["accepted"] == 1
    opened = answer(data, "dsr", "open", "access", "--email", "ada@example.com")["request_id"]
    for move in ("verify", "approve", "run"):
        answer(data, "dsr", move, opened)
    package = tmp_path / "package.zip"
    answer(data, "dsr", "export", opened, "--to", str(package))
    with zipfile.ZipFile(package) as archive:
        rows = [json.loads(line) for line in archive.read("outside/shop.jsonl").splitlines()]
        assert "shop: orders" in archive.read("index.html").decode()
        listed = {file["name"] for file in json.loads(archive.read("manifest.json"))["files"]}
    assert "outside/shop.jsonl" in listed
    assert sorted((row["table"], row["row"].get("email")) for row in rows) == [
        ("customers", "ada@example.com"), ("orders", None), ("orders", None),
    ]  # fmt: skip
    registry = bootstrap.connect(Settings(data_dir=data))
    workspace = registry.workspaces.only()
    person = Identifier("email", "ada@example.com")
    opened_by_another = lifecycle.open_request(
        registry.deployment, workspace, kind=Kind.ERASURE, person=person, actor="person:an officer"
    )
    erased, jwks = text_id(opened_by_another.request_id), workspace.jwks()
    registry.close()
    for move in ("verify", "approve", "run"):
        answer(data, "dsr", move, erased)
    with sqlite3.connect(shop) as connection:
        assert connection.execute("SELECT email FROM customers").fetchall() == [("bob@example.com",)]
        assert connection.execute("SELECT id FROM orders").fetchall() == [(12,)]
    certificate = tmp_path / "certificate.jwt"
    answer(data, "dsr", "export", erased, "--to", str(certificate))
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(jwks))
    shown = run(data, "verify", str(certificate), "--keys", str(keys), "--json")
    assert shown.returncode == 0
    assert "customers" in shown.stdout
