"""The reviewed description of an HTTP service: its calls, and every field of its records (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.connectors.datasets import NOT_PERSONAL, Key
from registry.connectors.services.templates import placeholders, several, without
from registry.documents.document import Document
from registry.documents.loading import escape
from registry.dsr.requests import Kind
from registry.model.errors import DocumentInvalid

TABLE = "records"
"""What the records of a service are called in plans and certificates: it has one sort of them."""
ROW = "row"
TRAIT = "trait."
SAYS_NOTHING = "user.unique_id"
"""Category of values that may stand in an address: ids that name nobody outside of the service."""
ERASE = "erase"
FINDING = ("find", "remaining")
ACTIONS = ("find", ERASE, "rectify", "record", "remaining")


@dataclass(frozen=True, slots=True)
class Pages:
    """How an answer goes on.

    Attributes:
        by: `cursor`, `link`, `page` or `offset`.
        next: JSON pointer to the cursor or link; None for the header `Link` (RFC 8288).
        send: the parameter that the cursor, page number or offset is sent as.
    """

    by: str
    next: str | None
    send: str
    first: int
    most: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the service.

    Attributes:
        by: the kind of identifier that it is made for, or `row`: once for each record found.
        rows: JSON pointer to the records of the answer.
        count: JSON pointer to their number, where it holds no records.
        kinds: the kinds of requests that it is made for; empty for all that its action serves.
        nobody: an answer that nothing is there says that it knows nobody; otherwise the path is taken to be wrong.
        aliases: it finds people by identifiers or keys that their records do not repeat; otherwise a record that has
            another one of the kind is somebody else's.
    """

    by: str
    method: str
    path: str
    query: Mapping[str, Any]
    body: Any
    rows: str
    count: str | None
    pages: Pages | None
    kinds: frozenset[Kind]
    nobody: bool
    aliases: bool

    @property
    def traits(self) -> frozenset[str]:
        """The traits that it writes."""
        places = (name for part in (self.path, self.query, self.body) for name in placeholders(part))
        return frozenset(name.removeprefix(TRAIT) for name in places if name.startswith(TRAIT))

    def writes(self, trait: str) -> bool:
        """Whether a correction of this trait makes it: one that names no trait is made for each."""
        return not self.traits or trait in self.traits

    def of_traits(self, there: Collection[str]) -> Call:
        """The call where no other traits than these have a value: what others would be written to is left out."""
        lacking = {f"{TRAIT}{name}" for name in self.traits.difference(there)}
        return replace(self, query=without(self.query, lacking), body=without(self.body, lacking))


@dataclass(frozen=True, slots=True)
class Held:
    """One field of the records: a name with dots for what stands inside of an object.

    Attributes:
        references: the key of rows or records elsewhere that it repeats, where the service is asked by it.
    """

    name: str
    category: str | None
    identity: str | None
    references: str | None
    exported: bool
    kept: bool
    trait: str | None
    ground: str | None
    guess: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    name: str
    url: str
    auth: Mapping[str, Any]
    timeout_s: float
    retries: int
    per_second: float | None
    fields: Mapping[str, Held]
    calls: Mapping[str, tuple[Call, ...]]
    file: str

    @property
    def keys(self) -> list[Key]:
        """What other descriptions may refer to."""
        return [Key(self.name, TABLE, (name,)) for name in self.fields]

    def repeating(self, kind: str) -> list[str]:
        """The fields in which records repeat identifiers of a kind, or values of a key."""
        return [one.name for one in self.fields.values() if kind in (one.identity, one.references)]

    def untold(self) -> list[str]:
        """By what it is asked for records that do not say whose they are: did it pass that over, nobody could tell."""
        asked = (call for action in FINDING for call in self.calls[action] if call.count is None and not call.aliases)
        return sorted({call.by for call in asked if not self.repeating(call.by)})

    def covers(self, name: str) -> bool:
        """Whether a field is declared: itself, or an object that it stands in."""
        parts = name.split(".")
        return any(".".join(parts[:end]) in self.fields for end in range(1, len(parts) + 1))

    def knows(self, name: str, value: Any) -> bool:
        """Whether a field of a record is declared, or is an object, with declared fields in it, that is not there."""
        is_empty = all(one == {} for one in several(value))
        return self.covers(name) or (is_empty and any(one.startswith(f"{name}.") for one in self.fields))

    @classmethod
    def from_document(cls, document: Document) -> Service:
        """The service of a document that conforms to `schemas/service.schema.json`.

        Raises:
            DocumentInvalid: with every fault that the schema cannot see.
        """
        value: dict[str, Any] = document.value
        fields = {name: _held(name, said) for name, said in value["fields"].items()}
        calls = {action: tuple(_call(action, said) for said in value.get(action, ())) for action in ACTIONS}
        made = cls(
            name=value["service"],
            url=value["url"].rstrip("/"),
            auth=value.get("auth", {}),
            timeout_s=value.get("timeout_s", 15),
            retries=value.get("retries", 4),
            per_second=value.get("per_second"),
            fields=fields,
            calls=calls,
            file=document.file,
        )
        faults = [document.fault(*one) for one in _faults(made, value)]
        if faults:
            raise DocumentInvalid(faults)
        return made


def _held(name: str, said: Mapping[str, Any]) -> Held:
    personal = said["category"] is not None
    return Held(
        name=name,
        category=said["category"],
        identity=said.get("identity"),
        references=said.get("references"),
        exported=said.get("access", "export" if personal else "withhold") == "export",
        kept=said.get("erasure") == "keep",
        trait=said.get("trait"),
        ground=said.get("ground") or (None if personal else NOT_PERSONAL),
        guess=bool(said.get("guess")),
    )


def _call(action: str, said: Mapping[str, Any]) -> Call:
    return Call(
        by=said["by"],
        method=said["method"],
        path=said["path"],
        query=said.get("query", {}),
        body=said.get("body"),
        rows=said.get("rows", ""),
        count=said.get("count"),
        pages=_pages(said["pages"]) if "pages" in said else None,
        kinds=frozenset(map(Kind, said.get("kinds", ()))),
        nobody="nobody" in said or action == ERASE,  # what was to go is looked for afterwards
        aliases=said.get("aliases", False),
    )


def _pages(said: Mapping[str, Any]) -> Pages:
    by = said["by"]
    first = said.get("first", 0 if by == "offset" else 1)
    return Pages(by, said.get("next"), said.get("send", by), first, said.get("most", 1000))


def _faults(service: Service, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    asked = {call.by for action in FINDING for call in service.calls[action]}
    for name, held in service.fields.items():
        place = f"/fields/{escape(name)}"
        if (held.kept or not held.exported) and held.ground is None:
            yield place, "is kept or withheld without a ground"
        if not held.kept and not service.calls["erase"]:
            yield place, "is not kept, and no call erases it: add one under `erase`, or keep it with a ground"
        if held.references is not None and held.references not in asked:
            yield f"{place}/references", "no call that finds records is made by this key"
    for action in ACTIONS:
        for at, call in enumerate(service.calls[action]):
            place = f"/{action}/{at}"
            if call.by == ROW and action in FINDING:
                yield f"{place}/by", "finds records, and so cannot be made for each of them"
            yield from ((f"{place}{at}", reason) for at, reason in _about_places(service, action, call))
            if not value.get("identifiers_in_urls"):
                yield from ((f"{place}{at}", reason) for at, reason in _in_address(service, call))


def _about_places(service: Service, action: str, call: Call) -> Iterator[tuple[str, str]]:
    for part, text in (("/path", call.path), ("/query", call.query), ("/body", call.body)):
        for name in placeholders(text):
            sort, _, rest = name.partition(".")
            known = (
                (name == "identifier" and call.by != ROW)
                or (sort == ROW and call.by == ROW and rest in service.fields)
                or (f"{sort}." == TRAIT and rest and action == "rectify")
            )
            if not known:
                yield part, f"{{{name}}} stands for nothing here"


def _in_address(service: Service, call: Call) -> Iterator[tuple[str, str]]:
    for part, text in (("/path", call.path), ("/query", call.query)):
        for name in placeholders(text):
            sort, _, rest = name.partition(".")
            held = service.fields.get(rest) if sort == ROW else None
            if held is None or not (held.category is None or held.category.startswith(SAYS_NOTHING)):
                yield part, f"{{{name}}} would stand in an address, which logs keep: say why in `identifiers_in_urls`"
