"""`registry connectors`, as whoever connects a database uses it. A request that reaches three is a tutorial."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.cli.test_commands import answer, run

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
    for table in described.get("without_people", {}).values():
        del table["guess"]
    guessed.write_text(yaml.safe_dump(described))


def test_a_description_on_standard_output_is_the_one_of_the_file(shop: Path, tmp_path: Path) -> None:
    with sqlite3.connect(shop) as connection:
        connection.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, email TEXT, "said [red]" TEXT)')
    file = tmp_path / "shop.yaml"
    asked = ("connectors", "scaffold", "shop", "--url-env", "SHOP_URL")
    answer(tmp_path, *asked, "--to", str(file))
    assert yaml.safe_load(run(tmp_path, *asked).stdout) == yaml.safe_load(file.read_text())
    file.write_text("decided: by somebody\n")
    again = run(tmp_path, *asked, "--to", str(file))
    assert (again.returncode, file.read_text()) == (6, "decided: by somebody\n"), "what was decided is not written over"


def test_a_database_is_guessed_decided_on_and_checked(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "connectors"
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


def test_that_nobody_stands_in_a_table_is_a_guess_that_blocks_until_somebody_confirms_it(
    shop: Path, tmp_path: Path
) -> None:
    with sqlite3.connect(shop) as connection:
        connection.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, mail TEXT, vorname TEXT)")
        connection.execute("CREATE TABLE calls (contact_id INTEGER, minutes INTEGER, verlauf TEXT)")
    folder = tmp_path / "connectors"
    folder.mkdir()
    file = folder / "shop.yaml"
    answer(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL", "--to", str(file))
    described = yaml.safe_load(file.read_text())
    assert described["tables"]["contacts"]["fields"]["mail"]["identity"] == "email"
    assert set(described["without_people"]) == {"calls", "products"}
    for table in described["tables"].values():
        table["rows"] = "delete"
        for field in table["fields"].values():
            del field["guess"]
            field.pop("erasure", None)
    file.write_text(yaml.safe_dump(described))
    blocked = run(tmp_path, "connectors", "check", str(folder), "--json")
    assert blocked.returncode == 1
    reason = "a guess that nobody stands there: nobody has confirmed it"
    assert json.loads(blocked.stdout)["undecided"] == [
        {"system": "shop", "table": name, "field": "every field", "reason": reason} for name in ("calls", "products")
    ]
    del described["without_people"]["products"]["guess"]
    described["without_people"]["calls"] = "a guess: no field's name looks personal"  # as it was written before
    file.write_text(yaml.safe_dump(described))
    asked = ("connectors", "plan", "erasure", "--email", "Ada@Example.com", "--folder", str(folder), "--json")
    assert json.loads(run(tmp_path, *asked).stdout)["undecided"] == [
        {"system": "shop", "table": "calls", "field": "every field"}
    ]
    described["without_people"]["calls"] = "minutes of a line that everybody shares"
    file.write_text(yaml.safe_dump(described))
    assert answer(tmp_path, "connectors", "check", str(folder))["undecided"] == []


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
    assert {"field": "email", "disposition": "erased", "categories": ["user"]} in system["tables"][0]["fields"]
    assert {one["table"]: one["rows"] for one in system["tables"]} == {"customers": 1, "orders": 2}
    with sqlite3.connect(shop) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_a_plan_in_the_terminal_says_what_blocks_it(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "connectors", tmp_path / "registry"
    folder.mkdir()
    answer(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL", "--to", str(folder / "shop.yaml"))
    answer(home, "init")
    monkeypatch.setenv("REGISTRY_CONNECTORS", str(folder))
    request = answer(home, "dsr", "open", "erasure", "--subject", "email=ada@example.com")["request_id"]
    open_fields = run(home, "dsr", "plan", request).stdout
    assert "nobody has decided on: email, first_name, id" in open_fields
    assert "cannot be approved" in open_fields
    decided(folder / "shop.yaml")
    shop.unlink()
    shop.mkdir()  # no database can be opened there
    gone = run(home, "dsr", "plan", request).stdout
    assert "not reached: " in gone and "cannot be approved" in gone
    shop.rmdir()
    with sqlite3.connect(shop) as connection:
        for statement in TABLES:
            connection.execute(statement)
    assert "cannot be approved" not in run(home, "dsr", "plan", request).stdout


def test_a_missing_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_URL", raising=False)
    shown = run(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL")
    assert shown.returncode == 2 and "SHOP_URL" in shown.stderr


def test_an_incident_in_a_connected_system_is_told_as_text_as_well(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "connectors" / "shop.yaml"
    answer(tmp_path, "connectors", "scaffold", "shop", "--url-env", "SHOP_URL", "--to", str(file))
    decided(file)
    monkeypatch.setenv("REGISTRY_CONNECTORS", str(file.parent))
    answer(tmp_path, "init")
    told = run(tmp_path, "census", "breach", "--system", "shop", "--table", "customers")
    assert told.returncode == 0, told.stderr
    assert {"first_name", "user.contact.email", "gdpr"} <= {*told.stdout.split()}
