"""Rows of existing customers as messages: which column is which trait, and what a cell means.

A row becomes one identify call, which the tracking plan judges as it judges every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from registry.documents import Document
from registry.model.message import Violation

YES = frozenset({"1", "true", "yes", "y", "t"})
NO = frozenset({"0", "false", "no", "n", "f"})

EXPECTED = {
    "integer": "a whole number", "number": "a number", "boolean": "yes or no, true or false, 1 or 0",
    "date": "a date", "time": "a date and time", "text": "text",
}  # fmt: skip


class Cell(NamedTuple):
    """Where a value comes from: a column, or, where that is None, `value` for every row."""

    column: str | None
    value: object = None
    type: str | None = None
    format: str | None = None
    words: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """How rows become people.

    Attributes:
        name: the import's; in every message id.
        row_id: the column that names a row; None for its number.
        identifiers: column by kind of identifier.
        traits: by their path, `("address", "city")`.
        consent: by category.
    """

    name: str
    user_id: str
    row_id: str | None
    observed_at: Cell | None
    identifiers: Mapping[str, str]
    traits: Mapping[tuple[str, ...], Cell]
    consent: Mapping[str, Cell]
    delimiter: str
    encoding: str
    table: str | None
    query: str | None

    @classmethod
    def from_document(cls, document: Document) -> ImportMapping:
        """The mapping of a document that conforms to `schemas/import-mapping.schema.json`."""
        value = cast(Mapping[str, Any], document.value)
        csv = value.get("csv", {})
        return cls(
            name=value["import"],
            user_id=value["user_id"],
            row_id=value.get("row_id"),
            observed_at=_cell(value["observed_at"], "time") if "observed_at" in value else None,
            identifiers=value.get("identifiers", {}),
            traits={tuple(name.split(".")): _cell(told) for name, told in value["traits"].items()},
            consent={name: _cell(told, "boolean") for name, told in value.get("consent", {}).items()},
            delimiter=csv.get("delimiter", ","),
            encoding=csv.get("encoding", "utf-8"),
            table=value.get("table"),
            query=value.get("query"),
        )

    @property
    def columns(self) -> frozenset[str]:
        """Every column that the mapping names."""
        cells = [*self.traits.values(), *self.consent.values()] + ([self.observed_at] if self.observed_at else [])
        named = {cell.column for cell in cells if cell.column is not None}
        return frozenset(named | {self.user_id, *self.identifiers.values()} | ({self.row_id} if self.row_id else set()))

    def call(self, number: int, row: Mapping[str, object]) -> tuple[dict[str, Any], list[Violation]]:
        """The identify call that a row is, and every cell that cannot be read.

        Args:
            number: of the row, from 1: its id where no column names it.
        """
        faults: list[Violation] = []
        name = _text(_at(row, self.row_id)) if self.row_id is not None else str(number)
        if name is None:
            faults.append(_fault(self.row_id or "", "a value that names the row"))
        traits: dict[str, Any] = {}
        for path, cell in self.traits.items():
            value = _value(row, cell, faults)
            if value is not None:
                inner = traits
                for step in path[:-1]:
                    inner = inner.setdefault(step, {})
                inner[path[-1]] = value
        preferences = {category: _value(row, cell, faults) for category, cell in self.consent.items()}
        external = {kind: _text(_at(row, column)) for kind, column in self.identifiers.items()}
        context: dict[str, Any] = {}
        if said := {category: word for category, word in preferences.items() if word is not None}:
            context["consent"] = {"categoryPreferences": said}
        if known := {kind: value for kind, value in external.items() if value is not None}:
            context["externalIds"] = [
                {"id": value, "type": kind, "collection": "users", "encoding": "none"} for kind, value in known.items()
            ]
        call: dict[str, Any] = {
            "type": "identify",
            "messageId": f"{self.name}:{name}",
            "userId": _text(_at(row, self.user_id)),
        }
        call |= {"traits": traits, "context": context}
        if self.observed_at is not None and (at := _value(row, self.observed_at, faults)) is not None:
            call["timestamp"] = at
        return call, faults


def _cell(told: object, kind: str | None = None) -> Cell:
    if isinstance(told, str):
        return Cell(told, type=kind)
    given = cast(Mapping[str, Any], told)
    if "value" in given:
        return Cell(None, given["value"])
    words = given.get("words")
    return Cell(given["column"], None, given.get("type", None if words else kind), given.get("format"), words)


def _at(row: Mapping[str, object], column: str) -> object:
    """A column, or, of rows that are objects, a member of a member: `address.city`."""
    if column in row:
        return row[column]
    value: object = row
    for step in column.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> str | None:
    if value is None or isinstance(value, bytes | bool | Mapping | list):
        return None
    return str(value).strip() or None


def _fault(column: str, expected: str) -> Violation:
    return Violation("cell_unreadable", f"/{column}", "", expected)


def _value(row: Mapping[str, object], cell: Cell, faults: list[Violation]) -> object:
    """What a cell says; None where it is empty, or where it cannot be read, which is then a fault."""
    if cell.column is None:
        return cell.value
    raw = _at(row, cell.column)
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    try:
        if cell.words is not None:
            return cell.words[str(raw).strip()]
        return _converted(raw, cell)
    except (ValueError, KeyError, OverflowError, TypeError):
        expected = "one of the words of the mapping" if cell.words is not None else EXPECTED[cell.type or "text"]
        faults.append(_fault(cell.column, expected))
        return None


def _converted(raw: object, cell: Cell) -> object:
    match cell.type:
        case None:
            return _plain(raw)
        case "text":
            return _required(_text(raw))
        case "integer":
            return raw if type(raw) is int else int(_required(_text(raw)))
        case "number":
            return float(raw if isinstance(raw, int | float | Decimal) else _required(_text(raw)))
        case "boolean":
            return _yes_or_no(raw)
        case "date":
            return _moment(raw, cell.format).date().isoformat()
        case _:
            moment = _moment(raw, cell.format)
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).isoformat()


def _plain(raw: object) -> object:
    """A value as JSON has it: a text is trimmed, a date is written out."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, Decimal):
        return int(raw) if raw == raw.to_integral_value() else float(raw)
    if isinstance(raw, datetime):
        return (raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)).isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    if isinstance(raw, bool | int | float | Mapping | list):
        return raw
    raise ValueError


def _required(text: str | None) -> str:
    if text is None:
        raise ValueError
    return text


def _yes_or_no(raw: object) -> bool:
    word = str(raw).strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError


def _moment(raw: object, form: str | None) -> datetime:
    if isinstance(raw, datetime):
        return raw
    if isinstance(raw, date):
        return datetime(raw.year, raw.month, raw.day, tzinfo=UTC)
    text = _required(_text(raw))
    return datetime.strptime(text, form) if form is not None else datetime.fromisoformat(text)  # noqa: DTZ007
