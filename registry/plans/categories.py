"""Which data categories each field of an event is declared with: what holds and duties go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from registry.plans.compile import CompiledPlan
from registry.plans.sections import Section

Categories = Mapping[str, Mapping[str, frozenset[str]]]

_REMEMBERED = 512
"""Answers about an event, or a plan's traits, that are kept: every request asks the same of the same few plans."""


@lru_cache(_REMEMBERED)
def field_categories(plan: CompiledPlan, event: str) -> Categories:
    """Per section of an event (`properties`, `traits`, `context`), the categories of each declared field.

    A field has those of everything declared inside it, too.
    """
    rule = next((rule for rule in plan.rules.values() if rule.event == event), None)
    found: dict[str, dict[str, frozenset[str]]] = {}
    for section in rule.sections if rule is not None else ():
        own = "context" if section.name == "context" else event
        for name, (pointer, _) in section.origins.items():
            found.setdefault(section.name, {})[name] = _told(plan, {own, event}, pointer)
    return found


def _told(plan: CompiledPlan, events: Collection[str], pointer: str) -> frozenset[str]:
    """The categories of everything that is declared of these events at a place, or inside of it."""
    return frozenset(
        category
        for declaration in plan.declarations
        if declaration.event in events and _within(declaration.pointer, pointer)
        for category in declaration.categories
    )


def others(plan: CompiledPlan, event: str) -> tuple[tuple[str, ...], ...]:
    """The paths of an event's fields that hold data of somebody else; `*` stands for each item of a list."""
    rule = next((rule for rule in plan.rules.values() if rule.event == event), None)
    return tuple(path for section in (rule.sections if rule is not None else ()) for path in section.others())


def rejected(plans: Collection[CompiledPlan], call: str, name: str) -> tuple[Categories, frozenset[tuple[str, ...]]]:
    """What plans declare of a message that none took in: each field's categories, and the fields with data of others.

    Of a name that no plan knows, every event of that call may have been meant, and of another call any event: nothing
    is known to be the person's own, and whatever any of them declares to be of others is. A message that broke its plan
    may have any shape, so a field is named as a whole: (section, name).
    """
    keys = [(plan, key) for plan in plans for key in plan.rules]
    same_call = [(plan, key) for plan, key in keys if key[0] == call]
    own = [(plan, key) for plan, key in same_call if key[1] in (name, "")]
    found: dict[str, dict[str, frozenset[str]]] = {}
    for plan, key in own:
        for section, fields in field_categories(plan, plan.rules[key].event or "").items():
            into = found.setdefault(section, {})
            into.update({name: into.get(name, frozenset()) | told for name, told in fields.items()})
    return found, frozenset().union(*(_fields_of_others(plan)[key] for plan, key in own or same_call or keys))


@lru_cache(_REMEMBERED)
def _fields_of_others(plan: CompiledPlan) -> Mapping[tuple[str, str], frozenset[tuple[str, ...]]]:
    """The fields, (section, name), of each event in which a plan declares data of others."""
    return {
        key: frozenset(path[:2] for section in rule.sections for path in section.others())
        for key, rule in plan.rules.items()
    }


def other_traits(plans: Iterable[CompiledPlan]) -> frozenset[str]:
    """The traits that any of these plans declares to be of somebody else."""
    return frozenset(name for plan in plans for name in _others_of(plan))


@lru_cache(_REMEMBERED)
def _others_of(plan: CompiledPlan) -> frozenset[str]:
    traits = (section for _, _, section in _traits([plan]))
    return frozenset(path[1] for section in traits for path in section.others() if len(path) == 2)


def trait_categories(plans: Iterable[CompiledPlan]) -> dict[str, frozenset[str]]:
    """The categories of each trait, as any of these plans declares it."""
    found: dict[str, frozenset[str]] = {}
    for plan in plans:
        for name, categories in _traits_of(plan).items():
            found[name] = found.get(name, frozenset()) | categories
    return found


@lru_cache(_REMEMBERED)
def _traits_of(plan: CompiledPlan) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for _, event, section in _traits([plan]):
        for name, (pointer, _) in section.origins.items():
            found[name] = found.get(name, frozenset()) | _told(plan, {event}, pointer)
    return found


def _traits(plans: Iterable[CompiledPlan]) -> Iterator[tuple[CompiledPlan, str, Section]]:
    """The sections that declare traits, each with its plan and the event that it is of."""
    for plan in plans:
        for rule in plan.rules.values():
            if rule.event is not None:
                yield from ((plan, rule.event, section) for section in rule.sections if section.name == "traits")


def _within(pointer: str, holder: str) -> bool:
    return pointer == holder or pointer.startswith(f"{holder}/")
