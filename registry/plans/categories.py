"""Which data categories each field of an event is declared with: what holds and duties go by."""

from __future__ import annotations

from collections.abc import Iterable

from registry.plans.compile import CompiledPlan

Categories = dict[str, dict[str, frozenset[str]]]


def field_categories(plan: CompiledPlan, event: str) -> Categories:
    """Per section of an event (`properties`, `traits`, `context`), the categories of each declared field.

    A field has those of everything declared inside it, too.
    """
    rule = next((rule for rule in plan.rules.values() if rule.event == event), None)
    found: Categories = {}
    for section in rule.sections if rule is not None else ():
        own = "context" if section.name == "context" else event
        for name, (pointer, _) in section.origins.items():
            told = {
                category
                for declaration in plan.declarations
                if declaration.event in (own, event) and _within(declaration.pointer, pointer)
                for category in declaration.categories
            }
            found.setdefault(section.name, {})[name] = frozenset(told)
    return found


def trait_categories(plans: Iterable[CompiledPlan]) -> dict[str, frozenset[str]]:
    """The categories of each trait, as any of these plans declares it."""
    found: dict[str, frozenset[str]] = {}
    for plan in plans:
        for rule in plan.rules.values():
            if rule.event is not None:
                for name, told in field_categories(plan, rule.event).get("traits", {}).items():
                    found[name] = found.get(name, frozenset()) | told
    return found


def _within(pointer: str, holder: str) -> bool:
    return pointer == holder or pointer.startswith(f"{holder}/")
