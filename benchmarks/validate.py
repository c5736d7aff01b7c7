"""A tracking plan's whole verdict on an event, beside the raw validator's yes or no."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.row import Row, in_turn, rate
from benchmarks.traffic import order
from registry import bootstrap, reviewed
from registry.model.message import CallType, Message
from registry.plans.compile import compile_plan
from registry.plans.enforcement import Mode

COUNT = 10_000
ROUNDS = 5
EVENT = "Order Completed"


def measure() -> Iterator[tuple[str, Row]]:
    """One event that keeps the plan, one that breaks it, and that one again where the breach is left out."""
    plan = compile_plan(reviewed.shipped("schemas", bootstrap.DEFAULT_PLAN))
    block = plan.enforcement
    omit = block.override(violations=Mode.OMIT)
    validator = plan.rules[(CallType.TRACK, EVENT)].validator
    valid = order(random.Random(1), 1)
    broken = valid | {"properties": valid["properties"] | {"total": -1, "currency": "euro"}}

    def ours(body: dict[str, Any], mode: Any) -> Callable[[], float]:
        message = Message(CallType.TRACK, EVENT, "m", body, 0, 0)
        return lambda: rate(lambda: [plan.check(message, mode) for _ in range(COUNT)], COUNT)

    def reference(body: dict[str, Any]) -> Callable[[], float]:
        if validator.is_valid(body):
            return lambda: rate(lambda: [validator.is_valid(body) for _ in range(COUNT)], COUNT)
        return lambda: rate(lambda: [list(validator.iter_errors(body)) for _ in range(COUNT)], COUNT)

    cases = [("validate", valid, block), ("validate-invalid", broken, block), ("validate-omit", broken, omit)]
    words = ["an event that keeps the plan", "one that breaks it twice", "the same, breaches left out"]
    for (name, body, mode), word in zip(cases, words, strict=True):
        a, b = in_turn(ROUNDS, ours(body, mode), reference(body))
        raw = "is_valid" if body is valid else "list(iter_errors)"
        what = f"verdict on {word}, with its parts by purpose, against jsonschema-rs {raw}"
        yield name, Row(a, b, "events/s", COUNT, what)
