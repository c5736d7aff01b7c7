"""What an erasure may not destroy, and for how long anything is kept (GDPR Art. 17(3), 5(1)(e))."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from registry.documents import Document
from registry.model.compartment import Compartment, purposes_of


@dataclass(frozen=True, slots=True)
class Exemption:
    """A purpose whose data outlives an erasure, on a legal ground, for that purpose alone."""

    purpose: str
    ground: str
    days: int


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention policy: exemptions from erasure, and how long rejected messages are kept."""

    exemptions: Mapping[str, Exemption]
    quarantine_days: int

    @classmethod
    def from_document(cls, document: Document) -> Retention:
        """The policy of a document that conforms to `schemas/policies/retention.schema.json`."""
        value = cast(Mapping[str, Any], document.value)
        listed = (Exemption(e["purpose"], e["ground"], e["days"]) for e in value["exempt_from_erasure"])
        return cls({exemption.purpose: exemption for exemption in listed}, value["quarantine_days"])

    def retained(self, compartments: Iterable[Compartment]) -> dict[Compartment, Exemption]:
        """Which of a person's compartments outlive an erasure, and on which ground."""
        kept: dict[Compartment, Exemption] = {}
        for compartment in compartments:
            grounds = sorted(purposes_of(compartment) & self.exemptions.keys())
            if grounds:
                kept[compartment] = self.exemptions[grounds[0]]
        return kept
