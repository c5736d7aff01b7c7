"""Fides dataset files: what they say is taken over, what they leave open blocks until somebody decides."""

from __future__ import annotations

import pytest

from registry.connectors.datasets import Dataset, Erasure
from registry.connectors.fides import Imported, imported
from registry.documents.document import parse
from registry.model.errors import DocumentInvalid
from tests.outside import ADA, document, erased, left, rows, run, systems

FIDES = """
dataset:
  - fides_key: shop-db
    name: Shop
    organization_fides_key: default_organization
    collections:
      - name: customers
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, data_type: integer},
             masking_strategy_override: {strategy: hash}}
          - {name: email, data_categories: [user.contact.email],
             fides_meta: {identity: email, data_type: string, length: 60},
             masking_strategy_override: {strategy: random_string_rewrite}}
          - {name: name, data_categories: [user.name], fides_meta: {data_type: string},
             masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: erased}}}
          - {name: internal, data_categories: [system.operations]}
      - name: orders
        fields:
          - {name: customer_id, data_categories: [user.unique_id], masking_strategy_override: {strategy: null_rewrite},
             fides_meta: {references: [{dataset: shop-db, field: customers.id, direction: from}]}}
          - {name: note, data_categories: [user.content], masking_strategy_override: {strategy: null_rewrite}}
      - name: baskets
        masking_strategy_override: {strategy: delete}
        fields:
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
"""


def one(text: str) -> Imported:
    [found] = imported(parse(text, file="fides.yml"))
    return found


def described(found: Imported) -> str:
    import yaml

    return yaml.safe_dump(found.described, sort_keys=False)


def test_a_whole_file_becomes_a_description_without_guesses() -> None:
    found = one(FIDES)
    made = Dataset.from_document(document(described(found)))
    assert found.notes == ["shop-db is called shop_db here"]
    assert not [field for field in made.fields if field.guess]
    fields = made.tables["customers"].fields
    assert [fields[name].erasure for name in ("id", "email", "name")] == [Erasure.HASH, Erasure.MASK, Erasure.MASK]
    assert (fields["email"].identity, fields["name"].mask) == ("email", "erased")
    assert made.tables["baskets"].deletes
    assert [link.to.kind for link in made.tables["orders"].links] == ["shop_db.customers.id"]


def test_what_was_imported_erases_every_field_on_a_real_database(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (id integer, email varchar(60), name varchar(40), internal varchar(10))",
        "CREATE TABLE orders (customer_id integer, note varchar(60))",
        "CREATE TABLE baskets (email varchar(60))",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada', 'x'), (2, 'bob@example.test', 'Bob', 'y')",
        "INSERT INTO orders VALUES (1, 'for Ada'), (2, 'for Bob')",
        "INSERT INTO baskets VALUES ('ada@example.test')",
    )
    with systems({described(one(FIDES)): outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
        assert left(made, ADA) == {}
    [hers] = rows(outside_url, "SELECT id, email, name, internal FROM customers WHERE name <> 'Bob'")
    assert hers[0] != 1
    assert hers[1].endswith("@erased.invalid")
    assert hers[2:] == ("erased", "x")
    assert sorted(map(str, rows(outside_url, "SELECT customer_id, note FROM orders"))) == [
        "(2, 'for Bob')",
        "(None, None)",
    ]
    assert rows(outside_url, "SELECT count(*) FROM baskets") == [(0,)]


@pytest.mark.parametrize(
    ("before", "after", "field", "note"),
    [
        ("data_categories: [user.name], ", "", "name", "no data category"),
        (
            ",\n             masking_strategy_override: {strategy: random_string_rewrite}",
            "",
            "email",
            "a policy of Fides",
        ),
        ("[user.name]", "[user.name, user.contact]", "name", "several data categories"),
        ("identity: email, data", "identity: custom, data", "email", "identity custom is no kind"),
        ("strategy: hash", "strategy: aes_encrypt", "id", "aes_encrypt is not known"),
        (
            "fides_meta: {data_type: string}",
            "fields: [{name: a, data_categories: [user.name]}]",
            "name",
            "inside of it",
        ),
        ("length: 60}", "length: 60, read_only: true}", "email", "read_only means nothing here"),
    ],
)
def test_what_is_left_open_is_said_and_stays_undecided(before: str, after: str, field: str, note: str) -> None:
    assert before in FIDES
    found = one(FIDES.replace(before, after))
    said = found.described["tables"]["customers"]["fields"][field]
    assert said["guess"] is True
    assert any(note in one and f"customers.{field}" in one for one in found.notes)
    assert Dataset.from_document(document(described(found)))


def test_a_reference_leads_in_the_direction_that_it_says() -> None:
    to = one(FIDES.replace("direction: from", "direction: to")).described["tables"]
    assert to["customers"]["fields"]["id"]["references"] == "orders.customer_id"
    assert "references" not in to["orders"]["fields"]["customer_id"]
    both = one(FIDES.replace(", direction: from", "")).described["tables"]
    assert both["customers"]["fields"]["id"]["references"] == "orders.customer_id"
    assert both["orders"]["fields"]["customer_id"]["references"] == "customers.id"


def test_a_collection_that_fides_passes_over_waits_for_a_decision() -> None:
    found = one(
        FIDES.replace("      - name: orders\n", "      - name: orders\n        fides_meta: {skip_processing: true}\n")
    )
    assert all(field["guess"] for field in found.described["tables"]["orders"]["fields"].values())


@pytest.mark.parametrize("text", ["dataset: []", "dataset: [{fides_key: x}]", "[1]", "dataset: 5", "name: x"])
def test_what_is_no_fides_file_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        imported(parse(text, file="fides.yml"))
    assert caught.value.faults[0]["pointer"] == "/dataset"
