"""What is done with an event that does not keep its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """The three answers to a breach."""

    BLOCK = "block"
    """Reject the event; it goes into quarantine."""
    OMIT = "omit"
    """Leave out what broke the plan, and take the rest in."""
    ALLOW = "allow"
    """Take it in as it is, and report it."""


@dataclass(frozen=True, slots=True)
class Enforcement:
    """The mode for each way of breaking a plan."""

    unplanned_events: Mode = Mode.BLOCK
    unplanned_properties: Mode = Mode.OMIT
    violations: Mode = Mode.BLOCK
    consent_denied: Mode = Mode.OMIT
    """Of an event none of whose purposes may be served, by consent or another ground; the plan's word alone."""

    @classmethod
    def from_plan(cls, plan: Mapping[str, object]) -> Enforcement:
        """What a plan (the value of its file) says for all sources; where it is silent, the defaults.

        Its `enforcement` has been held against `schemas/tracking-plan.schema.json`.
        """
        stated = plan.get("enforcement")
        return cls().override(**{str(k): str(v) for k, v in stated.items()}) if isinstance(stated, Mapping) else cls()

    def override(
        self,
        *,
        unplanned_events: str | None = None,
        unplanned_properties: str | None = None,
        violations: str | None = None,
        consent_denied: str | None = None,
    ) -> Enforcement:
        """This enforcement with the modes that a source, or a plan, sets for itself."""
        return Enforcement(
            Mode(unplanned_events) if unplanned_events else self.unplanned_events,
            Mode(unplanned_properties) if unplanned_properties else self.unplanned_properties,
            Mode(violations) if violations else self.violations,
            Mode(consent_denied) if consent_denied else self.consent_denied,
        )
