"""One rule of a compiled plan: an event held against it, and taken apart by purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from registry.model.message import Message, Violation
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.explain import violation_of
from registry.plans.sections import Schema, Section
from registry.plans.verdict import Part, Verdict

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one event must be.

    Attributes:
        identifiers: (kind, section, path of names) where the plan says that an identifier stands.
    """

    event: str
    plan: str
    pointer: str
    validator: jsonschema_rs.Validator
    schema: Schema
    sections: tuple[Section, ...]
    identifiers: tuple[tuple[str, tuple[str, ...]], ...]

    def check(self, message: Message, enforcement: Enforcement) -> Verdict:
        """The verdict on a message of this event."""
        body = message.body
        if self.validator.is_valid(body):
            return self._accept(body, (), 0, frozenset())
        violations, unplanned, broken = self._faults(body)
        blocked = (broken and enforcement.violations is Mode.BLOCK) or (
            unplanned and enforcement.unplanned_properties is Mode.BLOCK
        )
        if blocked:
            return Verdict(False, violations, self.event, self.plan, 0, (), self._identifiers(body))
        cut: list[Path] = []
        if enforcement.unplanned_properties is Mode.OMIT:
            cut += unplanned
        if broken and enforcement.violations is Mode.OMIT:
            removable = [self._removable(path) for path in broken]
            if any(path is None for path in removable):
                return Verdict(False, violations, self.event, self.plan, 0, (), self._identifiers(body))
            cut += [path for path in removable if path is not None]
        let_in: frozenset[str] = frozenset()
        if enforcement.unplanned_properties is Mode.ALLOW:
            let_in = frozenset(str(path[-1]) for path in unplanned)
        return self._accept(_without(body, cut), violations, len(set(cut)), let_in)

    def _faults(self, body: Mapping[str, Any]) -> tuple[tuple[Violation, ...], list[Path], list[Path]]:
        """Every violation, the paths of what is unplanned, and those of what breaks a rule."""
        violations: list[Violation] = []
        unplanned: list[Path] = []
        broken: list[Path] = []
        for error in self.validator.iter_errors(body):
            path: Path = tuple(error.instance_path)
            violations.append(violation_of(error.kind.name, error.kind.as_dict(), path, error.schema_path, self.schema, self.pointer))
            if error.kind.name in ("additionalProperties", "unevaluatedProperties"):
                unplanned += [(*path, name) for name in error.kind.as_dict()["unexpected"]]
            else:
                broken.append(path if error.kind.name != "required" else (*path, ""))
        return tuple(dict.fromkeys(violations)), unplanned, broken

    def _removable(self, path: Path) -> Path | None:
        """The field of a section that a fault lies in; None where leaving it out mends nothing."""
        if len(path) < 2:
            return None
        section = next((s for s in self.sections if s.name == path[0]), None)
        if section is None or path[1] == "" or path[1] in section.schema.get("required", ()):
            return None
        return path[:2]

    def _accept(
        self, body: Mapping[str, Any], violations: tuple[Violation, ...], omitted: int, unplanned: frozenset[str]
    ) -> Verdict:
        merged: dict[frozenset[str], dict[str, Any]] = {}
        for section in self.sections:
            value = body.get(section.name)
            if not value:
                continue
            groups, left_out = section.split(value)
            omitted += left_out
            for purposes, content in groups.items():
                merged.setdefault(purposes, {})[section.name] = content
        parts = tuple(Part(purposes, content) for purposes, content in merged.items())
        return Verdict(True, violations, self.event, self.plan, omitted, parts, self._identifiers(body), unplanned)

    def _identifiers(self, body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        found = []
        for kind, path in self.identifiers:
            value: Any = body
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, str) and value:
                found.append((kind, value))
        return tuple(found)


def _without(body: Mapping[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    """A copy of a body without what stands at these paths."""
    if not paths:
        return dict(body)
    copy = {name: deepcopy(body[name]) for name in {path[0] for path in paths} if isinstance(name, str)}
    for path in paths:
        value: Any = copy
        for step in path[:-1]:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                value = None
        if isinstance(value, dict):
            value.pop(path[-1], None)
    return {**body, **copy}
