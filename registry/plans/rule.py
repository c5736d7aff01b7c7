"""One rule of a compiled plan: an event held against it, and taken apart by purpose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from registry.model.message import Violation
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.explain import UNPLANNED, Explained, bounded, explain
from registry.plans.schemas import Schema
from registry.plans.sections import Section
from registry.plans.verdict import Part, Verdict

Path = tuple[str | int, ...]

MAX_ROUNDS = 4
"""How often what is left after leaving something out is held against the rule again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one event must be.

    Attributes:
        event: its id in the plan; None for the rule that unplanned events are taken in by.
        plan: `name@version`.
        pointer: of the event in the plan file.
        sections: the event's own (`properties` or `traits`), then `context`.
        identifiers: (kind, path of names, `*` for items) where the plan says that an identifier stands.
        required: per section, the fields that must be there.
        counted: whether a section must have a number of members.
        explained: what has been explained before, see `explain`.
    """

    event: str | None
    plan: str
    pointer: str
    validator: jsonschema_rs.Validator
    schema: Schema
    sections: tuple[Section, ...]
    definitions: Mapping[str, Schema]
    identifiers: tuple[tuple[str, tuple[str, ...]], ...]
    required: Mapping[str | int, frozenset[str]]
    counted: bool
    explained: Explained = field(default_factory=dict, compare=False, repr=False)

    def check(self, body: dict[str, Any], enforcement: Enforcement) -> Verdict:
        """The verdict on the decoded call of this event.

        What is valid passes after one call of the validator; only what is not is asked why.
        """
        keep = enforcement.unplanned_properties is Mode.ALLOW
        if self.validator.is_valid(body):
            return self._accept(body, (), 0, keep_undeclared=keep)
        violations: list[Violation] = []
        omitted = 0
        kept = body
        for _ in range(MAX_ROUNDS):
            found, unplanned, broken = self._faults(kept)
            violations += found
            cut = self._to_cut(unplanned, broken, enforcement)
            if cut is None:
                break
            if not cut:
                return self._accept(kept, bounded(violations), omitted, keep_undeclared=keep)
            omitted += len(cut)
            kept = _without(kept, cut)
            # Leaving out may break another rule (too few members now): what is kept must hold by itself.
            if self._settled(unplanned, cut, enforcement) or self.validator.is_valid(kept):
                return self._accept(kept, bounded(violations), omitted, keep_undeclared=keep)
        return Verdict(False, bounded(violations), self.event, self.plan, 0, (), self._identifiers(body))

    def _faults(self, body: dict[str, Any]) -> tuple[list[Violation], set[Path], set[Path]]:
        """Every violation, the paths of what is unplanned, and those of what breaks a rule."""
        violations: list[Violation] = []
        unplanned: set[Path] = set()
        broken: set[Path] = set()
        for error in self.validator.iter_errors(body):
            path: Path = tuple(error.instance_path)
            kind = error.kind
            violations.append(
                explain(error, path, self.schema, self.pointer, self.sections, self.definitions, self.explained)
            )
            if kind.name in UNPLANNED:
                unplanned.update((*path, name) for name in kind.as_dict()["unexpected"])
            else:
                broken.add(path)
        return violations, unplanned, broken

    def _to_cut(self, unplanned: set[Path], broken: set[Path], enforcement: Enforcement) -> set[Path] | None:
        """What is to be left out; None where the event is to be refused instead."""
        if broken and enforcement.violations is Mode.BLOCK:
            return None
        if unplanned and enforcement.unplanned_properties is Mode.BLOCK:
            return None
        cut = set(unplanned) if enforcement.unplanned_properties is Mode.OMIT else set()
        if enforcement.violations is Mode.OMIT:
            for path in broken:  # leaving out the field that a fault lies in does not mend it if it must be there
                if len(path) < 2 or path[1] in self.required.get(path[0], (path[1],)):
                    return None
                cut.add(path[:2])
        return cut

    def _settled(self, unplanned: set[Path], cut: set[Path], enforcement: Enforcement) -> bool:
        """Whether what is left holds without asking again: all faults were cut, and whole fields of objects whose
        number of members no rule speaks of. Sections have no rules across their fields but that and `required`.
        """
        if self.counted or (unplanned and enforcement.unplanned_properties is not Mode.OMIT):
            return False
        return not unplanned or all(len(path) == 2 for path in cut)

    def _accept(
        self, body: dict[str, Any], violations: tuple[Violation, ...], omitted: int, *, keep_undeclared: bool
    ) -> Verdict:
        merged: dict[frozenset[str], dict[str, Any]] = {}
        unplanned: frozenset[str] = frozenset()
        for section in self.sections:
            value = body.get(section.name)
            if not value or not isinstance(value, dict):
                continue
            if section.closed and (keep_undeclared or section.schema["additionalProperties"]):
                unplanned |= section.undeclared(value)
            groups, left_out = section.split(value, keep_undeclared=keep_undeclared)
            omitted += left_out
            for purposes, content in groups.items():
                part = merged.get(purposes)
                if part is None:
                    merged[purposes] = {section.name: content}
                else:
                    part[section.name] = content
        parts = tuple([Part(purposes, content) for purposes, content in merged.items()])
        return Verdict(True, violations, self.event, self.plan, omitted, parts, self._identifiers(body), unplanned)

    def _identifiers(self, body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        if not self.identifiers:
            return ()
        return tuple([(kind, value) for kind, path in self.identifiers for value in _texts(body, path, 0)])


def _texts(value: Any, path: tuple[str, ...], position: int) -> Iterator[str]:
    """The non-empty texts that a path of names leads to."""
    for place in range(position, len(path)):
        step = path[place]
        if step == "*" and isinstance(value, list):
            for item in value:
                yield from _texts(item, path, place + 1)
            return
        value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return
    if isinstance(value, str) and value:
        yield value


def _without(body: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """A body without what stands at these paths; the body itself is left as it was, and shares what was not touched."""
    copy = dict(body)
    fresh: dict[Path, Any] = {}
    for path in paths:
        value: Any = copy
        for depth, step in enumerate(path[:-1], start=1):
            inner = fresh.get(path[:depth])
            if inner is None:
                held = value.get(step) if isinstance(value, dict) else value[step]
                if not isinstance(held, dict | list):  # it went with what it stood in
                    value = None
                    break
                inner = value[step] = fresh[path[:depth]] = held.copy()
            value = inner
        if isinstance(value, dict):
            value.pop(path[-1], None)
    return copy
