"""Datasets: the reviewed description of a database outside, every table and every field (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.documents.document import Document
from registry.documents.loading import escape
from registry.model.errors import DocumentInvalid

NOT_PERSONAL = "not personal data (GDPR Art. 4(1)), as the reviewed dataset states"
ADDRESS_PARTS = 3


class Erasure(StrEnum):
    """What an erasure does to a field."""

    DELETE = "delete"
    """Its row goes."""
    NULL = "null"
    HASH = "hash"
    """A random value in its place, the same for the same value within one erasure; nothing leads back."""
    MASK = "mask"
    """A constant in its place."""
    KEEP = "keep"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One field of one table of one dataset."""

    dataset: str
    table: str
    field: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is and what requests do to it.

    Attributes:
        category: fideslang key; None where the field is about nobody.
        identity: kind of identifier that it holds.
        references: the field whose values lead to rows here.
        ground: legal ground of keeping or withholding it.
        guess: nobody has confirmed it yet.
    """

    address: Address
    category: str | None
    purposes: tuple[str, ...]
    identity: str | None
    references: Address | None
    exported: bool
    erasure: Erasure
    mask: str | None
    ground: str | None
    guess: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `deletes`: an erasure removes the person's rows."""

    name: str
    deletes: bool
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One database: its tables with people in them, and those without, each with a reason."""

    name: str
    url_env: str
    tables: Mapping[str, Table]
    without_people: Mapping[str, str]

    @property
    def fields(self) -> list[Field]:
        """Every field of every table."""
        return [field for table in self.tables.values() for field in table.fields.values()]

    @classmethod
    def from_document(cls, document: Document) -> Dataset:
        """The dataset of a document that conforms to `schemas/dataset.schema.json`.

        Raises:
            DocumentInvalid: with every fault that the schema cannot see.
        """
        value: dict[str, Any] = document.value
        faults: list[dict[str, object]] = []
        tables = {}
        for name, table in value["tables"].items():
            deletes = table["rows"] == "delete"
            fields = {}
            for column, said in table["fields"].items():
                pointer = f"/tables/{escape(name)}/fields/{escape(column)}"
                field = _field(Address(value["dataset"], name, column), said, deletes=deletes)
                faults += [document.fault(pointer, reason) for reason in _faults(field, said, deletes=deletes)]
                fields[column] = field
            tables[name] = Table(name, deletes, fields)
        both = sorted(set(tables) & set(value.get("without_people", {})))
        faults += [document.fault(f"/without_people/{escape(name)}", "has fields as well") for name in both]
        if faults:
            raise DocumentInvalid(faults)
        return cls(value["dataset"], value["url_env"], tables, dict(value.get("without_people", {})))


def _field(address: Address, said: Mapping[str, Any], *, deletes: bool) -> Field:
    personal = said["category"] is not None
    default = Erasure.DELETE if deletes else Erasure.KEEP
    withheld = said.get("access") == "withhold" or (not personal and said.get("access") != "export")
    return Field(
        address=address,
        category=said["category"],
        purposes=tuple(said.get("purposes", ())),
        identity=said.get("identity"),
        references=parse_address(said["references"], address.dataset) if "references" in said else None,
        exported=not withheld,
        erasure=Erasure(said.get("erasure", default)),
        mask=said.get("mask"),
        ground=said.get("ground") or (None if personal else NOT_PERSONAL),
        guess=bool(said.get("guess")),
    )


def _faults(field: Field, said: Mapping[str, Any], *, deletes: bool) -> Iterable[str]:
    if deletes and "erasure" in said:
        yield "says what an erasure does to it, while its whole row is deleted"
    if field.category is not None and not deletes and "erasure" not in said:
        yield "is personal in a table whose rows are kept: say what an erasure does to it"
    if (field.erasure is Erasure.KEEP or not field.exported) and field.ground is None:
        yield "is kept or withheld without a ground"
    if (field.erasure is Erasure.MASK) != (field.mask is not None):
        yield "needs both: erasure mask, and the text that takes its place"


def parse_address(text: str, dataset: str) -> Address:
    """`table.field` of this dataset, or `dataset.table.field`."""
    parts = text.split(".")
    return Address(*parts) if len(parts) == ADDRESS_PARTS else Address(dataset, *parts)


def check_together(datasets: Sequence[Dataset]) -> None:
    """Hold datasets against each other: names once, references lead to fields that exist, deletes have an order.

    Raises:
        DocumentInvalid: with every fault; the file named is the dataset.
    """
    known = {field.address for dataset in datasets for field in dataset.fields}
    faults = []
    for place, dataset in enumerate(datasets):
        if dataset.name in {other.name for other in datasets[:place]}:
            faults.append(_fault(dataset.name, "/dataset", "another file describes a dataset of this name"))
        for field in dataset.fields:
            if field.references is not None and field.references not in known:
                pointer = f"/tables/{escape(field.address.table)}/fields/{escape(field.address.field)}/references"
                faults.append(_fault(dataset.name, pointer, "leads to a field that no dataset describes"))
        circle = delete_order(dataset)[1]
        if circle:
            words = "references go round in a circle, so that no order of deletion exists: " + ", ".join(circle)
            faults.append(_fault(dataset.name, "/tables", f"{words}; keep the rows of one of them"))
    if faults:
        raise DocumentInvalid(faults)


def _fault(file: str, pointer: str, reason: str) -> dict[str, object]:
    return {"file": file, "line": 1, "column": 1, "pointer": pointer, "reason": reason}


def delete_order(dataset: Dataset) -> tuple[list[str], list[str]]:
    """Tables in the order in which an erasure goes through them, and those that stand in a circle.

    A row goes before the row that it refers to. A table that refers to itself is deleted in one
    statement, which needs no order; a table whose rows are kept holds up nobody.
    """
    waits: dict[str, set[str]] = {name: set() for name in dataset.tables}
    for field in dataset.fields:
        to = field.references
        if to is None or to.dataset != dataset.name or to.table == field.address.table or to.table not in waits:
            continue
        if dataset.tables[field.address.table].deletes and dataset.tables[to.table].deletes:
            waits[to.table].add(field.address.table)
    order: list[str] = []
    while ready := sorted(name for name, before in waits.items() if before <= set(order) and name not in order):
        order += ready
    return order, sorted(set(waits) - set(order))
