"""Authorised agents: who asks for somebody else, and by which mandate (11 CCR 7063, GDPR Art. 12(6) in practice)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Self

from registry.dsr.deadlines import Jurisdiction
from registry.dsr.verification import Mandated, MandateKind
from registry.model.clock import Micros


class Reason(StrEnum):
    """Why a request was refused, in words of ours; an officer's own words stand in the history."""

    NO_MANDATE = "no_mandate"
    """An agent asked, and showed no mandate: nothing is said about the person."""
    MANDATE_ENDED = "mandate_ended"
    MANDATE_REJECTED = "mandate_rejected"
    NOT_ASKED_FOR = "not_asked_for"
    """The person, asked, says that it is not their request."""
    OFFICER = "officer"


class Party(StrEnum):
    """Whom the answer goes to."""

    PERSON = "person"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts for the person; personal data of somebody else, so it hides itself and is kept sealed.

    Attributes:
        email: where the agent is written to.
        evidence: where the mandate is filed, in the officer's own words.
        sha256: of the file that shows it, hexadecimal.
    """

    name: str
    organisation: str | None = None
    email: str | None = None
    evidence: str | None = None
    sha256: str | None = None

    def __repr__(self) -> str:
        return "Agent(hidden)"

    def as_json(self) -> dict[str, Any]:
        """As it is sealed."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What was sealed."""
        return cls(**told)

    @property
    def called(self) -> str:
        """How the person is told who acts for them."""
        return f"{self.name}, {self.organisation}" if self.organisation else self.name


@dataclass(frozen=True, slots=True)
class Claim:
    """What an agent says when asking: who they are, by which mandate, until when, and whom the answer goes to.

    Attributes:
        through: the last day on which the mandate holds, where a day was said: the law's clocks say when that ends.
    """

    agent: Agent
    mandate: MandateKind | None
    until: Micros | None = None
    deliver_to: Party = field(default=Party.PERSON)
    through: date | None = None

    def under(self, law: Jurisdiction) -> Claim:
        """The claim under a law."""
        return self if self.through is None else replace(self, until=law.end_of(self.through))

    def refused_at(self, now: Micros) -> Reason | None:
        """Why it is refused at once, if it is."""
        if self.mandate is None:
            return Reason.NO_MANDATE
        if Mandated(self.mandate, accepted=False, until=self.until).has_ended(now):
            return Reason.MANDATE_ENDED
        return None
