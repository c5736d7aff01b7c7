"""A parsed file with its positions, and its check against a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from registry.documents.loading import LoadError, Position, escape, load
from registry.model.errors import DocumentInvalid

MAX_SHOWN = 60
"""Characters of a wrong value that a reason may show: enough to find it by."""


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file, and where each part of it stands."""

    value: Any
    file: str
    text: str = field(repr=False)
    positions: Mapping[str, Position] = field(repr=False)

    def position(self, pointer: str) -> Position:
        """Line and column, from 1, of a JSON pointer; of the nearest part above it that stands in the file."""
        while pointer not in self.positions and pointer:
            pointer = pointer.rpartition("/")[0]
        return self.positions.get(pointer, (1, 1))

    def fault(self, pointer: str, reason: str) -> dict[str, object]:
        """A fault of this file, as `DocumentInvalid` takes it."""
        line, column = self.position(pointer)
        return {"file": self.file, "line": line, "column": column, "pointer": pointer, "reason": reason}


def parse(text: str, *, file: str) -> Document:
    """The document of a YAML or JSON text.

    Raises:
        DocumentInvalid: the text cannot be read; the fault says where and why.
    """
    try:
        value, positions = load(text)
    except LoadError as fault:
        line, column = fault.position
        raise DocumentInvalid(
            [{"file": file, "line": line, "column": column, "pointer": fault.pointer, "reason": fault.reason}]
        ) from None
    return Document(value, file, text, positions)


def check(document: Document, schema: Mapping[str, object]) -> None:
    """Hold a document against a JSON Schema (2020-12).

    Raises:
        DocumentInvalid: with every fault, in the order of the file.
    """
    validator = Draft202012Validator(dict(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)
    faults = [
        document.fault(_pointer(error), _reason(error)) for error in _leaves(validator.iter_errors(document.value))
    ]
    if faults:
        raise DocumentInvalid(sorted(faults, key=lambda fault: (fault["line"], fault["column"], fault["reason"])))


def _leaves(errors: Any) -> list[ValidationError]:
    """The errors themselves; of an `anyOf`, the branch that came closest to fitting."""
    leaves: list[ValidationError] = []
    for error in errors:
        if not error.context:
            leaves.append(error)
            continue
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0] if inner.schema_path else 0, []).append(inner)
        closest = min(branches.values(), key=len)
        leaves.extend(_leaves(closest) if len(closest) < len(error.context) else [error])
    return leaves


def _pointer(error: ValidationError) -> str:
    pointer = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        extra = next((key for key in error.instance if key not in known), None)
        return f"{pointer}/{escape(extra)}" if extra is not None else pointer
    return pointer


def _reason(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    instance: Any = error.instance
    known: Any = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    if error.validator == "required":
        missing = [name for name in wanted if name not in instance]
        return f"lacks {', '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"is not known here; known are {', '.join(sorted(known))}"
    if error.validator == "enum":
        return f"is none of {', '.join(str(choice) for choice in wanted)}"
    if error.validator == "type":
        return f"is not of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    if error.validator == "pattern":
        return f"does not match {wanted}"
    shown = str(error.message)
    return shown if len(shown) <= MAX_SHOWN * 2 else f"breaks the rule {error.validator}: {str(wanted)[:MAX_SHOWN]}"
