"""Datasets: the reviewed description of a database outside, every table and every field (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.documents.document import Document
from registry.documents.loading import escape
from registry.model.errors import DocumentInvalid

NOT_PERSONAL = "not personal data (GDPR Art. 4(1)), as the reviewed dataset states"
GUESSED = "a guess"
"""How a reason or ground begins that scaffold wrote and nobody has put into words of their own: it blocks."""


class Match(StrEnum):
    """How the identifiers in a field are compared with those of a person."""

    NORMAL = "normal"
    """In the normal form that the identity policy gives their kind, whichever way they are written."""
    ANY_CASE = "any_case"
    """Capital letters tell nothing apart."""
    EXACT = "exact"
    """They are written as Registry normalises them."""


class Erasure(StrEnum):
    """What an erasure does to a field."""

    DELETE = "delete"
    """Its row goes."""
    NULL = "null"
    HASH = "hash"
    """A random value in its place, the same for the same value within one erasure; nothing leads back."""
    MASK = "mask"
    """The reviewed text in its place, or, without one, random characters in the form of what stood there."""
    KEEP = "keep"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Fields of one table whose values, together, lead to rows elsewhere."""

    dataset: str
    table: str
    fields: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of identifier that its values are: `shop.customers.id`, `shop.orders.(shop,number)`."""
        named = ",".join(self.fields)
        return f"{self.dataset}.{self.table}.{named if len(self.fields) == 1 else f'({named})'}"


@dataclass(frozen=True, slots=True)
class Link:
    """Rows of a table whose `fields` hold what stands at the key `to` belong to whoever that row is about."""

    fields: tuple[str, ...]
    to: Key


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is and what requests do to it.

    Attributes:
        category: fideslang key; None where the field is about nobody.
        identity: kind of identifier that it holds.
        match: how its identifiers are compared.
        trait: the trait of the profile that it holds, and that a rectification writes.
        mask: the text that takes a masked value's place; None for one in the value's own form.
        ground: legal ground of keeping or withholding it.
        guess: nobody has confirmed it yet.
    """

    dataset: str
    table: str
    name: str
    category: str | None
    purposes: tuple[str, ...]
    identity: str | None
    match: Match
    trait: str | None
    exported: bool
    erasure: Erasure
    mask: str | None
    ground: str | None
    guess: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        deletes: an erasure removes the person's rows.
        links: which rows elsewhere lead here.
        mentions: which rows elsewhere are pointed at from here, in rows that may be somebody else's: nothing leads
            here by them, and an erasure of the person who is pointed at empties them.
        spared: mentions that an erasure leaves as they are, each with its ground: a legal hold stands on the person.
    """

    name: str
    deletes: bool
    fields: Mapping[str, Field]
    links: tuple[Link, ...]
    mentions: tuple[Link, ...] = ()
    spared: tuple[tuple[Link, str], ...] = ()

    def is_reached(self, leading: Collection[Key]) -> bool:
        """Whether rows can be found at all: by an identifier, or by a key that leads on."""
        return any(field.identity for field in self.fields.values()) or any(link.to in leading for link in self.links)

    @property
    def given_out(self) -> list[str]:
        """The fields that an access gives out."""
        return [name for name, field in self.fields.items() if field.exported]

    @property
    def kept(self) -> set[str]:
        """The fields that an erasure leaves as they are."""
        return {name for name, field in self.fields.items() if field.erasure is Erasure.KEEP}

    @property
    def kept_of_person(self) -> set[str]:
        """The personal fields that an erasure leaves, each on its ground: not those that are about nobody."""
        return {name for name in self.kept if self.fields[name].category is not None}

    @property
    def changed(self) -> list[Field]:
        """The fields that an erasure changes in rows that stay."""
        return [] if self.deletes else [field for field in self.fields.values() if field.erasure is not Erasure.KEEP]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One database: its tables with people in them, and those without, each with a reason.

    Attributes:
        schema: the database's schema, where it is not the connection's own.
        guessed: the tables without people that nobody has confirmed to be.
    """

    name: str
    url_env: str
    schema: str | None
    tables: Mapping[str, Table]
    without_people: Mapping[str, str]
    file: str
    guessed: frozenset[str] = frozenset()

    @property
    def fields(self) -> list[Field]:
        """Every field of every table."""
        return [field for table in self.tables.values() for field in table.fields.values()]

    @property
    def only_mentioned(self) -> set[Key]:
        """The keys that rows here point at, while none here is found by them."""
        tables = self.tables.values()
        return {one.to for table in tables for one in table.mentions} - {one.to for t in tables for one in t.links}

    @classmethod
    def from_document(cls, document: Document) -> Dataset:
        """The dataset of a document that conforms to `schemas/dataset.schema.json`.

        Raises:
            DocumentInvalid: with every fault that the schema cannot see.
        """
        value: dict[str, Any] = document.value
        faults: list[dict[str, object]] = []
        tables = {}
        for name, said in value["tables"].items():
            pointer = f"/tables/{escape(name)}"
            deletes, fields = said["rows"] == "delete", {}
            links = _links(value["dataset"], said, "references")
            mentions = _links(value["dataset"], said, "mentions")
            for column, about in said["fields"].items():
                fields[column] = _field(value["dataset"], name, column, about, deletes=deletes)
                reasons = _faults(fields[column], about, deletes=deletes)
                faults += [document.fault(f"{pointer}/fields/{escape(column)}", reason) for reason in reasons]
            for member, several in (("references", links), ("mentions", mentions)):
                for reason in (reason for link in several for reason in _link_faults(link, fields)):
                    faults.append(document.fault(f"{pointer}/{member}", reason))
            if set(links) & set(mentions):
                faults.append(document.fault(f"{pointer}/mentions", "leads to the same field as a reference"))
            tables[name] = Table(name, deletes, fields, links, mentions)
        both = sorted(set(tables) & set(value.get("without_people", {})))
        faults += [document.fault(f"/without_people/{escape(name)}", "has fields as well") for name in both]
        if faults:
            raise DocumentInvalid(faults)
        without, guessed = {}, set()
        for name, said in value.get("without_people", {}).items():
            without[name] = said if isinstance(said, str) else said["reason"]
            if (not isinstance(said, str) and "guess" in said) or _is_guess(without[name]):
                guessed.add(name)
        return cls(
            value["dataset"], value["url_env"], value.get("schema"), tables, without, document.file, frozenset(guessed)
        )


def _field(dataset: str, table: str, name: str, said: Mapping[str, Any], *, deletes: bool) -> Field:
    personal = said["category"] is not None
    default = Erasure.DELETE if deletes else Erasure.KEEP
    withheld = said.get("access") == "withhold" or (not personal and said.get("access") != "export")
    return Field(
        dataset=dataset,
        table=table,
        name=name,
        category=said["category"],
        purposes=tuple(said.get("purposes", ())),
        identity=said.get("identity"),
        match=Match(said.get("match", Match.NORMAL)),
        trait=said.get("trait"),
        exported=not withheld,
        erasure=Erasure(said.get("erasure", default)),
        mask=said.get("mask"),
        ground=said.get("ground") or (None if personal else NOT_PERSONAL),
        guess=bool(said.get("guess")) or _is_guess(said.get("ground", "")),
    )


def _is_guess(text: str) -> bool:
    return text.lower().startswith(GUESSED)


def _links(dataset: str, said: Mapping[str, Any], member: str) -> tuple[Link, ...]:
    """The references or mentions of a table: those of single fields, and those over several."""
    found = []
    for name, about in said["fields"].items():
        named = about.get(member, [])
        for text in [named] if isinstance(named, str) else named:
            place, _, field = text.rpartition(".")
            found.append(Link((name,), Key(*_place(place, dataset), (field,))))
    several = (
        Link(tuple(one["fields"]), Key(*_place(one["to"], dataset), tuple(one["at"]))) for one in said.get(member, ())
    )
    return (*found, *several)


def _link_faults(link: Link, fields: Collection[str]) -> Iterable[str]:
    if unknown := sorted(set(link.fields) - set(fields)):
        yield f"{', '.join(unknown)} is no field here"
    if len(link.fields) != len(link.to.fields):
        yield "leads from and to different numbers of fields"


def _place(text: str, dataset: str) -> tuple[str, str]:
    """`table` of this dataset, or `dataset.table`."""
    there, _, table = text.rpartition(".")
    return there or dataset, table


def _faults(field: Field, said: Mapping[str, Any], *, deletes: bool) -> Iterable[str]:
    if deletes and "erasure" in said:
        yield "says what an erasure does to it, while its whole row is deleted"
    if field.category is not None and not deletes and "erasure" not in said:
        yield "is personal in a table whose rows are kept: say what an erasure does to it"
    if (field.erasure is Erasure.KEEP or not field.exported) and field.ground is None:
        yield "is kept or withheld without a ground"
    if field.mask is not None and field.erasure is not Erasure.MASK:
        yield "has a text that masks it, and an erasure that does not mask it"


def check_together(datasets: Sequence[Dataset], elsewhere: Iterable[Key] = ()) -> None:
    """Hold datasets against each other: names once, references lead to fields that exist.

    Args:
        elsewhere: what else may be referred to: fields of services.

    Raises:
        DocumentInvalid: with every fault.
    """
    known = {(f.dataset, f.table, f.name) for one in datasets for f in one.fields}
    known |= {(key.dataset, key.table, name) for key in elsewhere for name in key.fields}
    faults: list[dict[str, object]] = []
    for place, dataset in enumerate(datasets):
        if dataset.name in {other.name for other in datasets[:place]}:
            faults.append(_fault(dataset.file, "/dataset", "another file describes a dataset of this name"))
        for table in dataset.tables.values():
            for link in (*table.links, *table.mentions):
                if any((link.to.dataset, link.to.table, name) not in known for name in link.to.fields):
                    pointer = f"/tables/{escape(table.name)}/fields/{escape(link.fields[0])}/references"
                    faults.append(_fault(dataset.file, pointer, "leads to a field that no file describes"))
    if faults:
        raise DocumentInvalid(faults)


def leading_keys(datasets: Iterable[Dataset], asked_by: Iterable[Key] = ()) -> frozenset[Key]:
    """Every key whose values lead to rows of some table, or are mentioned there, and that a person's rows have.

    Args:
        asked_by: keys that lead on to what is no table: services are asked by them.
    """
    tables = {(dataset.name, table.name): table for dataset in datasets for table in dataset.tables.values()}
    keys = {link.to for table in tables.values() for link in (*table.links, *table.mentions)} | set(asked_by)
    leading = {key for key in keys if (key.dataset, key.table) not in tables}  # a service's, found by its own calls
    reached = {place for place, table in tables.items() if table.is_reached(leading)}
    while more := {key for key in keys - leading if (key.dataset, key.table) in reached}:
        leading |= more
        reached = {place for place, table in tables.items() if table.is_reached(leading)}
    return frozenset(leading)


def _fault(file: str, pointer: str, reason: str) -> dict[str, object]:
    return {"file": file, "line": 1, "column": 1, "pointer": pointer, "reason": reason}
