"""By when a breach is told, as each law counts: to the authority, and to the people (GDPR Art. 33, 34).

A law that names no number of hours or days wants it as soon as can be, and its ground says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from registry.documents import Document
from registry.dsr.deadlines import Jurisdiction, Jurisdictions, Period, end_after
from registry.model.clock import HOUR, Micros, rfc3339


@dataclass(frozen=True, slots=True)
class Notice:
    """What a law wants told to somebody.

    Attributes:
        hours: from becoming aware of the breach, if it counts hours.
        period: the days, if it counts these.
        ground: where it stands, and on what it depends.
    """

    hours: int | None
    period: Period | None
    ground: str

    def due(self, noticed_at: Micros, law: Jurisdiction) -> Micros | None:
        """The last moment; None where the law names no number."""
        if self.hours is not None:
            return noticed_at + self.hours * HOUR
        return end_after(law, noticed_at, self.period) if self.period is not None else None


@dataclass(frozen=True, slots=True)
class Notices:
    """What each law of the policy wants told of a breach: to the authority, and to the people."""

    by_law: Mapping[str, tuple[Notice, Notice]]

    @classmethod
    def from_document(cls, document: Document) -> Notices:
        """The notices of a document that conforms to `schemas/policies/incidents.schema.json`."""
        laws = cast(Mapping[str, Any], document.value)["laws"]
        return cls({name: (_notice(told["authority"]), _notice(told["people"])) for name, told in laws.items()})

    def due(self, noticed_at: Micros, laws: Jurisdictions) -> list[dict[str, Any]]:
        """Per law, by when whom: `by` is null where the law names no number.

        Args:
            noticed_at: when the controller became aware of the breach.
            laws: by whose business days and clocks the days are counted.
        """

        def told(notice: Notice, law: str) -> dict[str, Any]:
            by = notice.due(noticed_at, laws.of_request(law))
            return {"by": rfc3339(by) if by is not None else None, "ground": notice.ground}

        return [
            {"law": law, "authority": told(authority, law), "people": told(people, law)}
            for law, (authority, people) in self.by_law.items()
        ]


def _notice(told: Mapping[str, Any]) -> Notice:
    counted = {name: told[name] for name in ("days", "business_days") if name in told}
    return Notice(told.get("hours"), Period(**counted) if counted else None, told["ground"])
