"""The parts of a plan's rule that concern use: which purposes each field serves, and which identify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.plans.schemas import Schema, expand, pointer_of

Purposes = frozenset[str]

_DECLARING = ("x-categories", "x-identifier", "x-retention", "x-sensitivity", "x-personal", "x-subject")

OTHER = "other"
"""The `x-subject` of a field that holds data of somebody else than whom the message is about."""


@dataclass(frozen=True, slots=True)
class FieldDeclaration:
    """What the plan declares of one field, for the census (DESIGN section 16).

    Attributes:
        event: id of the event in the plan; `identify`, `group` or `context` for those.
        pointer: where in the plan file the field is declared.
        purposes: those of the topmost field that it stands in.
        categories: fideslang keys, its own or else those of what holds it.
        identifier: the kind of identifier that stands here, if one does.
        retention: ISO 8601 duration; None leaves it to the purposes' retention.
    """

    event: str
    pointer: str
    purposes: Purposes
    categories: tuple[str, ...]
    identifier: str | None
    retention: str | None
    personal: bool
    sensitivity: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The names that an object declares, and the same of the objects inside it."""

    names: frozenset[str]
    inside: Mapping[str, Known]


@dataclass(frozen=True, slots=True)
class Section:
    """One object of a message (`properties`, `traits` or `context`) as the plan declares it.

    Attributes:
        schema: with references written out.
        origins: per declared field, its pointer in the plan and its schema as it stands there.
        purposes: per declared field.
        default: the purposes of fields that state none, and of undeclared ones that are let in.
        closed: whether undeclared fields are unplanned; in `context` they are merely left out.
        apart: the declared fields whose purposes are not `default`.
        known: for a section that is not closed, per declared object the names declared inside it.
    """

    name: str
    pointer: str
    schema: Schema
    origins: Mapping[str, tuple[str, Schema]]
    purposes: Mapping[str, Purposes]
    default: Purposes
    closed: bool
    apart: frozenset[str]
    known: Mapping[str, Known] = field(default_factory=dict)

    def split(self, value: dict[str, Any], *, keep_undeclared: bool) -> tuple[dict[Purposes, dict[str, Any]], int]:
        """The fields by the purposes that they serve, and how many undeclared ones were left out.

        In a closed section, undeclared fields have been dealt with before: those still here were let in.
        The object itself comes back where all of it serves the same.
        """
        if self.closed:
            return self._split_closed(value), 0
        groups: dict[Purposes, dict[str, Any]] = {}
        omitted = 0
        for name, content in value.items():
            purposes = self.purposes.get(name)
            if purposes is None:
                if not keep_undeclared:
                    omitted += 1
                    continue
                purposes = self.default
            elif name in self.known and not keep_undeclared:
                content, dropped = _only(content, self.known[name])  # noqa: PLW2901 - the field, without its rest
                omitted += dropped
            group = groups.get(purposes)
            if group is None:
                groups[purposes] = {name: content}
            else:
                group[name] = content
        return groups, omitted

    def _split_closed(self, value: dict[str, Any]) -> dict[Purposes, dict[str, Any]]:
        apart = self.apart
        if apart.isdisjoint(value):
            return {self.default: value}
        rest = {name: content for name, content in value.items() if name not in apart}
        groups = {self.default: rest} if rest else {}
        for name, content in value.items():
            if name in apart:
                groups.setdefault(self.purposes[name], {})[name] = content
        return groups

    def undeclared(self, value: dict[str, Any]) -> frozenset[str]:
        """The names in an object of this section that the plan does not know."""
        return frozenset() if value.keys() <= self.purposes.keys() else frozenset(value.keys() - self.purposes.keys())

    def declarations(
        self, event: str, categories: Iterable[str], definitions: Mapping[str, Schema]
    ) -> Iterator[FieldDeclaration]:
        """What the plan declares of each field, and of each field inside it that is annotated itself."""
        for name, schema in self.schema.get("properties", {}).items():
            place, raw = self.origins[name]
            for steps, inner, held in _annotated(schema, tuple(schema.get("x-categories", categories))):
                yield FieldDeclaration(
                    event=event,
                    pointer=pointer_of(place, raw, steps, definitions),
                    purposes=self.purposes[name],
                    categories=held,
                    identifier=inner.get("x-identifier"),
                    retention=inner.get("x-retention", schema.get("x-retention")),
                    personal=bool(inner.get("x-personal", schema.get("x-personal", True))),
                    sensitivity=inner.get("x-sensitivity", schema.get("x-sensitivity")),
                )

    def identifiers(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(kind, path of names in the message, `*` for each item of a list) where identifiers stand."""
        return self._annotations("x-identifier")

    def retentions(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(ISO 8601 duration, path as in `identifiers`) of the fields with a retention of their own."""
        return self._annotations("x-retention")

    def others(self) -> Iterator[tuple[str, ...]]:
        """The paths, as in `identifiers`, of the fields that hold data of somebody else than the person."""
        return (path for whose, path in self._annotations("x-subject") if whose == OTHER)

    def _annotations(self, annotation: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, schema in self.schema.get("properties", {}).items():
            for steps, inner, _ in _annotated(schema, ()):
                if annotation in inner:
                    names = tuple("*" if step == "items" else step for step in steps if step != "properties")
                    yield str(inner[annotation]), (self.name, name, *names)


def section(
    name: str,
    pointer: str,
    origins: Mapping[str, tuple[str, Schema]],
    rest: Mapping[str, Any],
    default: Purposes,
    *,
    closed: bool,
    definitions: Mapping[str, Schema],
) -> Section:
    """The section of one object of a message.

    Args:
        origins: per field, its pointer in the plan and its schema as it stands there.
        rest: the object's other keywords: `required`, `minProperties`, `additionalProperties`.
        default: what fields without purposes of their own serve.
    """
    fields = {key: expand(raw, definitions, closed=closed) for key, (_, raw) in origins.items()}
    schema: dict[str, Any] = {"additionalProperties": not closed, **rest, "properties": fields}
    purposes = {
        key: frozenset(inner["x-purposes"]) if inner.get("x-purposes") else default for key, inner in fields.items()
    }
    apart = frozenset(key for key, served in purposes.items() if served != default)
    known: dict[str, Known] = {}
    if not closed:  # in a closed section the validator finds what is undeclared inside objects
        trees = {key: _known(inner) for key, inner in fields.items()}
        known = {key: tree for key, tree in trees.items() if tree is not None}
    return Section(name, pointer, schema, origins, purposes, default, closed, apart, known)


def _known(schema: Schema) -> Known | None:
    """The names that an object declares, and those inside them; None where any may be there."""
    names = schema.get("properties")
    if not isinstance(names, Mapping) or schema.get("additionalProperties", False) is not False:
        return None
    trees = {name: _known(inner) for name, inner in names.items()}
    return Known(frozenset(names), {name: tree for name, tree in trees.items() if tree is not None})


def _only(value: Any, known: Known) -> tuple[Any, int]:
    """A value without the names that are not known, and how many those were."""
    if not isinstance(value, dict) or (not known.inside and value.keys() <= known.names):
        return value, 0
    kept: dict[str, Any] = {}
    dropped = 0
    for name, inner in value.items():
        if name not in known.names:
            dropped += 1
            continue
        tree = known.inside.get(name)
        kept[name], further = (inner, 0) if tree is None else _only(inner, tree)
        dropped += further
    return kept, dropped


def _annotated(schema: Schema, held: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema, tuple[str, ...]]]:
    """A field, and each one inside it that has annotations of its own: steps, schema and categories."""
    yield (), schema, held
    fields = schema.get("properties", {})
    inside: list[tuple[tuple[str, ...], Any]] = [(("properties", name), inner) for name, inner in fields.items()]
    if "items" in schema:
        inside.append((("items",), schema["items"]))
    for steps, inner in inside:
        if not isinstance(inner, Mapping):
            continue
        own = tuple(inner.get("x-categories", held))
        for further, found, categories in _annotated(inner, own):
            if further or any(name in found for name in _DECLARING):
                yield (*steps, *further), found, categories
