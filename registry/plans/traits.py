"""What plans declare of a person's traits: which there are, and whether a value is of the declared form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from registry.model.message import CallType, Violation
from registry.plans.compile import CompiledPlan
from registry.plans.explain import explain
from registry.plans.rule import Rule

SECTION = "traits"
_IN_A_LINE = frozenset({"string", "integer", "number", "boolean"})


def declared(plans: Iterable[CompiledPlan]) -> dict[str, tuple[Rule, ...]]:
    """By trait, the rules of `identify` that declare it: of each plan its newest version that does.

    Args:
        plans: the newest versions first.
    """
    found: dict[str, dict[str, Rule]] = {}
    for plan in plans:
        rule = plan.rules.get((CallType.IDENTIFY, ""))
        for trait in rule.sections[0].origins if rule is not None else ():
            found.setdefault(trait, {}).setdefault(plan.name, plan.rules[CallType.IDENTIFY, ""])
    return {trait: tuple(rules.values()) for trait, rules in found.items()}


def violations(rules: Sequence[Rule], trait: str, value: object) -> list[Violation]:
    """How a value breaks the first of the rules that declare its trait; none where one of them takes it."""
    broken = [_violations(rule, trait, value) for rule in rules]
    return broken[0] if broken and all(broken) else []


def is_line(rules: Sequence[Rule], trait: str) -> bool:
    """Whether a value of the trait can be said in one line of text: it need not be an object or a list."""
    return any(_types(rule, trait) & _IN_A_LINE for rule in rules)


def _violations(rule: Rule, trait: str, value: object) -> list[Violation]:
    """What the validator says of this trait; that others are missing is no fault of it."""
    found = []
    for error in rule.validator.iter_errors({SECTION: {trait: value}}):
        path = tuple(error.instance_path)
        if path[:2] == (SECTION, trait):
            found.append(
                explain(error, path, rule.schema, rule.pointer, rule.sections, rule.definitions, rule.explained)
            )
    return found


def _types(rule: Rule, trait: str) -> frozenset[str]:
    schema = rule.sections[0].schema["properties"][trait]
    stated = schema.get("type", () if isinstance(schema, Mapping) and "properties" in schema else _IN_A_LINE)
    return frozenset({stated} if isinstance(stated, str) else stated)
