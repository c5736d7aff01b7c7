"""A plan as a table (CSV, RFC 4180): one row for each property, for people who work in spreadsheets.

A row without a property states its event. Members of objects are written `address.city`, items of lists
`products[].sku`. What a table has no column for stands in `schema`, as JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from registry.model.errors import InvalidInput
from registry.plans.schemas import Schema, expand

COLUMNS = (
    "type", "event", "property", "description", "data_type", "required", "allowed", "format", "pattern", "purposes",
    "categories", "identifier", "sensitivity", "retention", "personal", "schema",
)  # fmt: skip
MAX_ROWS = 100_000

_LISTS = {"purposes": "x-purposes", "categories": "x-categories"}
_TEXTS = {
    "description": "description", "format": "format", "pattern": "pattern", "identifier": "x-identifier",
    "sensitivity": "x-sensitivity", "retention": "x-retention",
}  # fmt: skip
_OF_EVENT = ("description", "purposes", "categories")
_SECTIONS = ("identify", "group", "common", "context")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet: it is written with an apostrophe in front."""


def from_plan(plan: Mapping[str, Any]) -> str:
    """The table of a plan."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    definitions = plan.get("definitions", {})
    for name in _SECTIONS:
        if name in plan:
            stated = plan[name]
            section = stated.get("traits", {}) if name in ("identify", "group") else stated
            writer.writerows(map(_safe, _event_rows(name, "", stated, section, definitions)))
    for event in plan["events"]:
        rows = _event_rows(event["type"], event.get("name", ""), event, event, definitions)
        writer.writerows(map(_safe, rows))
    return text.getvalue()


def _event_rows(
    kind: str, name: str, stated: Schema, section: Schema, definitions: Mapping[str, Schema]
) -> Iterator[dict[str, str]]:
    row = {"type": kind, "event": name, "description": stated.get("description", "")}
    row |= {member: ", ".join(stated.get(member, ())) for member in ("purposes", "categories")}
    rest = {member: stated[member] for member in ("id", "owner", "examples") if member in stated}
    rest |= {member: section[member] for member in ("additionalProperties", "minProperties") if member in section}
    yield row | {"schema": _json(rest)}
    fields = {key: expand(field, definitions, closed=False) for key, field in section.get("properties", {}).items()}
    yield from ({"type": kind, "event": name} | row for row in _field_rows("", fields, section.get("required", ())))


def _field_rows(before: str, fields: Mapping[str, Schema], required: Any) -> Iterator[dict[str, str]]:
    for name, schema in fields.items():
        yield from _one_field(before + _name(name), schema, required=name in required)


def _one_field(path: str, schema: Schema, *, required: bool) -> Iterator[dict[str, str]]:
    rest = dict(schema)
    kind = rest.pop("type", None)
    row = {"property": path, "required": "yes" if required else ""}
    row["data_type"] = " | ".join([kind] if isinstance(kind, str) else kind or ())
    row |= {column: str(rest.pop(keyword)) for column, keyword in _TEXTS.items() if isinstance(rest.get(keyword), str)}
    row |= {column: ", ".join(rest.pop(keyword)) for column, keyword in _LISTS.items() if keyword in rest}
    if "x-personal" in rest:
        row["personal"] = "yes" if rest.pop("x-personal") else "no"
    if "enum" in rest:
        row["allowed"] = _json(rest.pop("enum"))
    members, items, needed = rest.pop("properties", None), rest.pop("items", None), rest.pop("required", ())
    if not isinstance(items, Mapping):
        rest |= {"items": items} if items is not None else {}
    yield row | {"schema": _json(rest)}
    if isinstance(members, Mapping):
        yield from _field_rows(f"{path}.", members, needed)
    if isinstance(items, Mapping):
        yield from _one_field(f"{path}[]", items, required=False)


def to_plan(text: str) -> dict[str, Any]:
    """The members of the plan that a table states.

    Raises:
        InvalidInput: a row cannot be read; it is named by its number.
    """
    plan: dict[str, Any] = {"events": []}
    events: dict[tuple[str, str], dict[str, Any]] = {}
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    if not {"type", "event", "property"} <= set(reader.fieldnames or ()):
        raise InvalidInput(f"the table's first row names its columns: {', '.join(COLUMNS)}")
    for number, cells in enumerate(reader, start=2):
        if number > MAX_ROWS:
            raise InvalidInput(f"the table has more than {MAX_ROWS} rows")
        row = {key: _plain(value or "") for key, value in cells.items() if isinstance(key, str)}
        try:
            _read_row(plan, events, row)
        except (ValueError, KeyError, TypeError):
            raise InvalidInput(f"row {number} of the table cannot be read") from None
    return plan


def _read_row(plan: dict[str, Any], events: dict[tuple[str, str], dict[str, Any]], row: dict[str, str]) -> None:
    kind, name = row["type"].strip().lower(), row["event"]
    key = (kind, name)
    if key not in events:
        events[key] = {} if kind in _SECTIONS else {"type": kind, **({"name": name} if name else {})}
        if kind in _SECTIONS:
            plan[kind] = events[key]
        else:
            plan["events"].append(events[key])
    event = events[key]
    section = event.setdefault("traits", {}) if kind in ("identify", "group") else event
    if row["property"]:
        _place(section, row["property"], _schema(row), required=_yes(row.get("required", "")))
        return
    for member in _OF_EVENT:
        if row.get(member):
            event[member] = row[member] if member == "description" else _listed(row[member])
    rest = orjson.loads(row.get("schema") or "{}")
    for member, value in rest.items():
        (section if member in ("additionalProperties", "minProperties") else event)[member] = value


def _schema(row: dict[str, str]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    kinds = [kind.strip() for kind in row.get("data_type", "").split("|") if kind.strip()]
    if kinds:
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    schema |= {keyword: row[column] for column, keyword in _TEXTS.items() if row.get(column)}
    schema |= {keyword: _listed(row[column]) for column, keyword in _LISTS.items() if row.get(column)}
    if row.get("personal"):
        schema["x-personal"] = _yes(row["personal"])
    if row.get("allowed"):
        schema["enum"] = orjson.loads(row["allowed"])
    rest = orjson.loads(row.get("schema") or "{}")
    if not isinstance(rest, dict):
        raise ValueError("no object")
    return schema | rest


def _place(section: dict[str, Any], path: str, schema: dict[str, Any], *, required: bool) -> None:
    """Put a field's schema where its path leads; what holds it stands in an earlier row."""
    *above, last = [step.replace("\0", ".") for step in path.replace("\\.", "\0").split(".")]
    holder = section
    for step in above:
        holder = _step(holder["properties"], step)
    lists = last.endswith("[]")
    if lists:
        _step(holder["properties"], last.removesuffix("[]"))["items"] = schema
        return
    holder.setdefault("properties", {})[last] = schema
    if required:
        holder.setdefault("required", []).append(last)


def _step(fields: dict[str, Any], step: str) -> dict[str, Any]:
    name = step.rstrip("[]")
    found: dict[str, Any] = fields[name]
    for _ in range((len(step) - len(name)) // 2):
        found = found.setdefault("items", {})
    return found


def _name(name: str) -> str:
    return name.replace(".", "\\.")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _yes(text: str) -> bool:
    return text.strip().lower() in ("yes", "true", "1", "y")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode() if value else ""


def _safe(row: dict[str, str]) -> dict[str, str]:
    return {key: f"'{cell}" if cell.startswith(_FORMULA) else cell for key, cell in row.items()}


def _plain(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell
