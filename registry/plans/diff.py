"""What changed between two versions of a plan, and whom each change breaks.

A change is *breaking* when an event that kept the old version may break the new one, or when what was
collected under the old one may no longer be used, or may now be used, in a way that nobody agreed to
(purposes: GDPR Art. 5(1)(b)). All else is *compatible*. What cannot be shown to be compatible is breaking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.plans.diff_schemas import SchemaChange, compare
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.schemas import Schema, escape, expand
from registry.plans.versions import Version

_STRICTNESS = {Mode.ALLOW: 0, Mode.OMIT: 1, Mode.BLOCK: 2}
_SECTIONS = (("common", "/common"), ("context", "/context"))


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        code: stable, e.g. `event_removed`, `type_narrowed`.
        event: the event's name with its call, or `common`, `context`, `plan`.
        pointer: where it stands in the new plan; for what was removed, in the old one.
    """

    code: str
    breaking: bool
    event: str
    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Every change, and the least version that says so (semver.org, sections 6 to 8)."""

    changes: tuple[Change, ...]
    least_version: str
    version_suffices: bool

    @property
    def breaking(self) -> bool:
        """Whether any change is breaking."""
        return any(change.breaking for change in self.changes)


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """The changes from one plan to another. Both have been compiled before, so that they are sound."""
    changes = tuple(dict.fromkeys([*_plan(old, new), *_shared(old, new), *_events(old, new)]))
    before, after = Version.parse(old["version"]), Version.parse(new["version"])
    if any(change.breaking for change in changes):
        least = before.next_major() if before.major else before.next_minor()
    elif any(change.code not in ("described", "version_changed") for change in changes):
        least = before.next_minor() if before.major else before.next_patch()
    else:
        least = before.next_patch() if changes else before
    return Difference(changes, str(least), after >= least)


def _plan(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old.get("dialect", "2020-12") != new.get("dialect", "2020-12"):
        yield Change("dialect_changed", True, "plan", "/dialect", "the rules are read by another draft of JSON Schema")
    yield from _purposes("plan", "/purposes", old["purposes"], new["purposes"])
    before, after = Enforcement.from_plan(old), Enforcement.from_plan(new)
    for name in ("unplanned_events", "unplanned_properties", "violations", "consent_denied"):
        was, now = getattr(before, name), getattr(after, name)
        if was is not now:
            stricter = _STRICTNESS[now] > _STRICTNESS[was]
            code = "enforcement_stricter" if stricter else "enforcement_looser"
            yield Change(code, stricter, "plan", f"/enforcement/{name}", f"{name}: {was} became {now}")
    if old.get("transformations", []) != new.get("transformations", []):
        message = "events are changed in another way before they are held against the plan"
        yield Change("transformations_changed", True, "plan", "/transformations", message)
    for name in ("description", "owner"):
        if old.get(name) != new.get(name):
            yield Change("described", False, "plan", f"/{name}", f"{name} changed")


def _shared(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name, pointer in _SECTIONS:
        yield from _section(name, pointer, (old, old.get(name, {})), (new, new.get(name, {})), closed=name == "common")
    for name in ("identify", "group"):
        was, now = old.get(name), new.get(name)
        pointer = f"/{name}"
        if was is None or now is None:
            yield from _came_or_went(name, pointer, was, now)
            continue
        yield from _purposes(name, f"{pointer}/purposes", was.get("purposes"), now.get("purposes"))
        traits = ((old, was.get("traits", {})), (new, now.get("traits", {})))
        yield from _section(name, f"{pointer}/traits", *traits, closed=True)


def _events(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before = {_key(event): (n, event) for n, event in enumerate(old.get("events", ()))}
    after = {_key(event): (n, event) for n, event in enumerate(new.get("events", ()))}
    for key in dict.fromkeys([*before, *after]):
        name = " ".join(filter(None, key))
        place = after.get(key) or before[key]
        pointer = f"/events/{place[0]}"
        if key not in before or key not in after:
            yield from _came_or_went(name, pointer, before.get(key), after.get(key))
            continue
        was, now = before[key][1], after[key][1]
        yield from _purposes(name, f"{pointer}/purposes", was.get("purposes"), now.get("purposes"))
        if _identity(was) != _identity(now):
            message = "reports and the store know the event by its id"
            yield Change("id_changed", True, name, f"{pointer}/id", message)
        for member in ("description", "owner", "examples", "categories"):
            if was.get(member) != now.get(member):
                yield Change("described", False, name, f"{pointer}/{member}", f"{member} changed")
        yield from _section(name, pointer, (old, was), (new, now), closed=True)


def _section(
    event: str,
    pointer: str,
    old: tuple[Mapping[str, Any], Schema],
    new: tuple[Mapping[str, Any], Schema],
    *,
    closed: bool,
) -> Iterator[Change]:
    """The changes of one object of a message: `(plan, its section)` before and after."""
    for change in compare(_written_out(*old, closed=closed), _written_out(*new, closed=closed)):
        yield _of_field(event, pointer, change)


def _written_out(plan: Mapping[str, Any], stated: Schema, *, closed: bool) -> dict[str, Any]:
    definitions = plan.get("definitions", {})
    fields = stated.get("properties", {})
    kept = {k: stated[k] for k in ("required", "minProperties", "additionalProperties") if k in stated}
    return {
        "type": "object",
        "additionalProperties": not closed,
        **kept,
        "properties": {name: expand(schema, definitions, closed=closed) for name, schema in fields.items()},
    }


def _of_field(event: str, pointer: str, change: SchemaChange) -> Change:
    place = pointer + "".join(f"/{escape(step)}" for step in change.steps)
    return Change(change.code, change.breaking, event, place, change.message)


def _came_or_went(name: str, pointer: str, was: object, now: object) -> Iterator[Change]:
    if was is None and now is not None:
        yield Change("event_added", False, name, pointer, "is planned now")
    elif now is None and was is not None:
        yield Change("event_removed", True, name, pointer, "is no longer planned")


def _purposes(event: str, pointer: str, was: Any, now: Any) -> Iterator[Change]:
    before, after = frozenset(was or ()), frozenset(now or ())
    if before == after:
        return
    gone, new = ", ".join(sorted(before - after)), ", ".join(sorted(after - before))
    if gone:
        yield Change("purpose_removed", True, event, pointer, f"may no longer be used for {gone}")
    if new:
        yield Change("purpose_added", True, event, pointer, f"may now be used for {new}: was that agreed to?")


def _key(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["type"], event.get("name", "")


def _identity(event: Mapping[str, Any]) -> str | None:
    return event.get("id")
