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
    # One fault per place and reason: jsonschema reports a missing name once for each that is missing.
    found = {
        (pointer, _reason(error))
        for error in _leaves(validator.iter_errors(document.value))
        for pointer in _pointers(error)
    }
    if found:
        faults = [document.fault(pointer, reason) for pointer, reason in found]
        raise DocumentInvalid(
            sorted(faults, key=lambda fault: (fault["line"], fault["column"], fault["pointer"], fault["reason"]))
        )


def _leaves(errors: Any) -> list[ValidationError]:
    """The errors themselves; of alternatives, those of the one that came closest to fitting.

    An alternative for a value of another type did not come close: where all are such, the alternatives
    together are what was broken.
    """
    leaves: list[ValidationError] = []
    for error in errors:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context or ():
            branches.setdefault(inner.schema_path[0] if inner.schema_path else 0, []).append(inner)
        close = [branch for branch in branches.values() if not any(map(_is_of_another_type, branch))]
        leaves.extend(_leaves(min(close, key=len)) if close else [error])
    return leaves


def _is_of_another_type(error: ValidationError) -> bool:
    return error.validator in ("type", "const", "enum") and not error.relative_path


def _pointers(error: ValidationError) -> list[str]:
    """Where an error stands: an object's unknown keys each have a place of their own, and so has a wrong key."""
    pointer = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        return [f"{pointer}/{escape(key)}" for key in error.instance if key not in known] or [pointer]
    if list(error.absolute_schema_path)[-2:-1] == ["propertyNames"]:
        return [f"{pointer}/{escape(str(error.instance))}"]
    return [pointer]


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
