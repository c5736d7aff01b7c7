"""The verdict on one event: whether it may come in, in which parts, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.model.message import Violation


@dataclass(slots=True, repr=False)
class Part:
    """What of an event may serve one set of purposes.

    Not frozen, like `Verdict`: several are made for each event, and frozen ones cost three times as much.
    Nobody changes them; `content` may be the message's own objects.

    `content` has members among `properties`, `traits` and `context`.
    """

    purposes: frozenset[str]
    content: dict[str, Any]


@dataclass(slots=True, repr=False)
class Verdict:
    """What a plan says of one event.

    Attributes:
        plan_event: the id of the event in the plan; None for an unplanned one.
        plan_version: `name@version`.
        omitted: how many properties were left out.
        identifiers: (kind, raw text) found where the plan says that an identifier stands.
        unplanned: names, below `traits` or `properties`, that the plan does not know and that were
            let in: they may hold anything, and must be stored as what is personal.
        transformed: pointers, in the plan, of the transformations that changed the event before it was judged.
    """

    accepted: bool
    violations: tuple[Violation, ...]
    plan_event: str | None
    plan_version: str
    omitted: int
    parts: tuple[Part, ...]
    identifiers: tuple[tuple[str, str], ...]
    unplanned: frozenset[str] = frozenset()
    transformed: tuple[str, ...] = ()

    @property
    def transformed_by(self) -> list[str]:
        """The transformations that changed the event, each as `name@version#pointer`."""
        return [f"{self.plan_version}#{pointer}" for pointer in self.transformed]

    def __repr__(self) -> str:
        return f"Verdict(accepted={self.accepted}, {len(self.violations)} violations, content hidden)"
