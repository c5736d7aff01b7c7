"""A connector of one's own, offered by an installed package: the example package beside this file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import Outgoing
from registry.documents.document import parse
from registry.dsr.plan import LinkedSystem
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import DocumentInvalid, SettingInvalid
from tests.outside import ADA, RULES, document, erased, left, run

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {email: {category: user, identity: email}, card: {category: user, identity: card}}
"""
CARDS = [{"card": "c-000001", "name": "Ada", "points": 5}, {"card": "c-000002", "name": "Bob", "points": 6}]


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "shop_loyalty"))
    file = tmp_path / "cards.json"
    file.write_text(json.dumps(CARDS))
    return file


def connected(
    cards: Path, entry_point: str = "loyalty", environment: dict[str, str] | None = None
) -> list[LinkedSystem]:
    url = f"sqlite:///{cards.parent / 'shop.db'}"
    if not (cards.parent / "shop.db").exists():
        run(url, "CREATE TABLE customers (email text, card text)")
        run(url, "INSERT INTO customers VALUES ('ada@example.test', 'c-000001')")
    text = (
        f"connector: points\nentry_point: {entry_point}\nsettings: {{file: {cards}}}\nsecrets_from: {{token: TOKEN}}\n"
    )
    told = [document(SHOP), document(text, "connector")]
    return linked_systems(
        told, {"SHOP_URL": url, "TOKEN": "s3cret"} if environment is None else environment, Outgoing(), RULES
    )


def test_an_own_connector_takes_part_in_requests(cards: Path) -> None:
    made = connected(cards)
    known = reach_of(made, ADA)
    assert [row for one in made for table, row in one.export(known) if table == "cards"] == CARDS[:1]
    made[1].run("r", Kind.RECTIFICATION, known, {"first_name": "Augusta"})
    assert json.loads(cards.read_text())[0]["name"] == "Augusta"
    accounts = erased(made, known)
    assert {(a.system, a.table, a.rows) for a in accounts if a.system == "points"} == {("points", "cards", 1)}
    assert json.loads(cards.read_text()) == CARDS[1:]
    assert left(made, known) == {}
    for one in made:
        one.close()


def test_a_field_that_the_connector_does_not_know_blocks(cards: Path) -> None:
    cards.write_text(json.dumps([CARDS[0] | {"shoe_size": 38}]))
    [_, points] = connected(cards)
    assert points.plan(Kind.ERASURE, ADA).undecided == [("cards", "shoe_size")]


@pytest.mark.parametrize(
    ("entry_point", "reason"),
    [("unknown", "offered: broken, loyalty, old"), ("broken", "RuntimeError"), ("old", "does not take")],
)
def test_a_connector_that_cannot_be_used_is_told_at_the_start(cards: Path, entry_point: str, reason: str) -> None:
    with pytest.raises(SettingInvalid, match=reason) as caught:
        connected(cards, entry_point)
    assert "s3cret" not in caught.value.detail


def test_a_missing_secret_is_named(cards: Path) -> None:
    with pytest.raises(SettingInvalid, match="TOKEN"):
        connected(cards, environment={"SHOP_URL": "sqlite://"})


def test_a_file_that_describes_nothing_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        linked_systems([parse("name: x", file="x.yaml")], {}, Outgoing(), RULES)
    assert "begin with one of dataset, service, connector" in str(caught.value.faults)


def test_no_connector_is_named_as_what_registry_itself_holds() -> None:
    told = [document(SHOP.replace("dataset: shop", "dataset: registry").replace(", identity: card", ""))]
    with pytest.raises(SettingInvalid, match="named registry"):
        linked_systems(told, {"SHOP_URL": "sqlite://"}, Outgoing(), RULES)
