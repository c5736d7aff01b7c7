"""What personal data a sample of traffic held in fields that the plan does not declare so (DESIGN section 16).

The values of a field, and where they say nothing its name, are held against the matchers. A finding
says field, category, confidence and count, never a value, and no name that the plan does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.plans.compile import CompiledPlan
from registry.plans.explain import masked
from registry.plans.personal_names import personal_category
from registry.plans.personal_values import Confidence
from registry.plans.rule import Rule
from registry.plans.sample import Sample, Shape

LEAST_SHARE = 0.01
"""Of a field's texts: rarer matches of low or medium confidence are taken for chance."""


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data where the plan declares none of this category.

    Attributes:
        event: the event's id in the plan; None for one that it does not know.
        path: JSON pointer into the message, with `*` for names that the plan does not know.
        declared: the categories that the plan does declare there.
        known_by: the matcher, or `name` where only the field's name says so.
        count: how many of `looked_at` values matched.
    """

    event: str | None
    path: str
    category: str
    known_by: str
    confidence: Confidence
    declared: tuple[str, ...]
    count: int
    looked_at: int

    def as_json(self) -> dict[str, Any]:
        """The finding as reports show it."""
        return {
            "event": self.event, "path": self.path, "category": self.category, "known_by": self.known_by,
            "confidence": self.confidence.value, "declared": list(self.declared), "count": self.count,
            "looked_at": self.looked_at,
        }  # fmt: skip


def undeclared(plan: CompiledPlan, sample: Sample) -> list[Found]:
    """Every finding, surest first. Findings in fields that the plan does not know are one per category."""
    declared = {(d.event, d.pointer): d.categories for d in plan.declarations}
    found: dict[tuple[str | None, str, str, str], Found] = {}
    shapes = [
        (plan.rules.get((call, name)) or plan.rules.get((call, "")), 0, shape)
        for (call, name), shape in sample.events.items()
    ]
    if plan.rules:
        shapes.append((next(iter(plan.rules.values())), 1, sample.context))
    for rule, section, shape in shapes:
        for finding in _of_section(rule, section, shape, declared):
            key = (finding.event, finding.path, finding.category, finding.known_by)
            before = found.get(key)
            if before is not None:
                finding = _both(before, finding)  # noqa: PLW2901 - the same finding, with both counts
            found[key] = finding
    order = list(Confidence)
    return sorted(found.values(), key=lambda f: (order.index(f.confidence), -f.count, f.event or "", f.path))


def _both(one: Found, other: Found) -> Found:
    return Found(
        one.event, one.path, one.category, one.known_by, one.confidence, one.declared, one.count + other.count,
        one.looked_at + other.looked_at,
    )  # fmt: skip


def _of_section(
    rule: Rule | None, section: int, shape: Shape, declared: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[Found]:
    for path, place in shape.places():
        if not path:
            continue
        if rule is None:
            yield from _matches(None, "/*", place, (), path[-1], of_person=False)
            continue
        own = rule.sections[section]
        steps = [0 if step == "*" else step for step in (own.name, *path)]
        shown = "".join(f"/{'*' if step == '0' else step}" for step in masked(steps, rule.schema))
        event = "context" if section else rule.event
        pointer = own.origins[path[0]][0] if path[0] in own.origins else ""
        said, dismissed = _said(own.schema, path)
        categories = tuple(sorted(said or declared.get((event or "", pointer), ())))
        name = "" if dismissed else path[-1]
        yield from _matches(event, shown, place, () if dismissed else categories, name, of_person=own.name == "traits")


def _said(schema: Mapping[str, Any], path: tuple[str, ...]) -> tuple[set[str], bool]:
    """The categories that stand on a field or on what holds it, and whether it is declared not to be personal."""
    said: set[str] = set()
    dismissed = False
    current: Any = schema
    for step in path:
        below = current.get("items") if step == "*" else current.get("properties", {}).get(step)
        if not isinstance(below, Mapping):
            break
        current = below
        said.update(current.get("x-categories", ()))
        dismissed = current.get("x-personal", not dismissed) is False
    return said, dismissed


def _matches(
    event: str | None, path: str, place: Shape, declared: tuple[str, ...], name: str, *, of_person: bool
) -> Iterator[Found]:
    looked_at = min(place.texts, 2_000)
    matched = False
    for match, count in place.found.items():
        if match.confidence is not Confidence.HIGH and count < LEAST_SHARE * looked_at:
            continue
        matched = True
        if not _covered(match.category, declared):
            yield Found(event, path, match.category, match.kind, match.confidence, declared, count, looked_at)
    guess = personal_category(name, of_person=of_person) if name and name != "*" and not declared else None
    if guess is not None and not matched and place.seen > place.objects:
        yield Found(event, path, guess, "name", Confidence.LOW, declared, place.seen, place.seen)


def _covered(category: str, declared: tuple[str, ...]) -> bool:
    """Whether the plan says that personal data of this kind, or of the kind above it, stands here."""
    family = ".".join(category.split(".")[:2])
    return any(said == "user" or category.startswith(said) or said.startswith(family) for said in declared)
