"""The ledger: every grant, refusal and end of consent, append-only, and its folds.

Records are bitemporal: `acted_at` is when the person acted, `recorded_at` when Registry learnt of it.
A fold takes any records in any order and answers for one moment, as known at another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from registry.model.clock import Micros
from registry.model.ids import FragmentId, RecordId


class ConsentStatus(StrEnum):
    """What a record says. The last two speak of the person as a whole, not of one purpose."""

    GRANTED = "granted"
    UNATTESTED = "unattested"
    """They agreed, but nothing showed that they are as old as the purpose demands: no consent (GDPR Art. 8)."""
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    OBJECTED = "objected"
    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"


WHOLE_PERSON = "*"
"""The purpose of records that restrict processing, or lift that (GDPR Art. 18)."""

REFUSALS = frozenset({ConsentStatus.DENIED, ConsentStatus.WITHDRAWN, ConsentStatus.OBJECTED})

GRAVITY = {
    ConsentStatus.GRANTED: 0,
    ConsentStatus.UNATTESTED: 1,
    ConsentStatus.EXPIRED: 2,
    ConsentStatus.WITHDRAWN: 3,
    ConsentStatus.DENIED: 4,
    ConsentStatus.OBJECTED: 5,
}
"""Which of two acts of one moment counts: the graver."""

_RESTRICTION = {ConsentStatus.UNRESTRICTED: 0, ConsentStatus.RESTRICTED: 1}

WEIGHTS: dict[str, int] = {status.value: weight for status, weight in (GRAVITY | _RESTRICTION).items()}
"""The same of every status, by its word; restrictions are of no purpose, so that they meet each other only."""


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One act of one person for one purpose.

    Attributes:
        expires_at: when a grant ends by itself; None where it does not.
        purpose_version: of the wording that was agreed to.
        channel: how it was given, e.g. `web_form`, `message`, `phone`.
        actor: who entered it; may name a member of staff, so the `repr` hides it.
    """

    record_id: RecordId
    fragment_id: FragmentId
    purpose: str
    status: ConsentStatus
    acted_at: Micros
    recorded_at: Micros
    expires_at: Micros | None
    purpose_version: int
    notice_version: str | None
    language: str | None
    jurisdiction: str | None
    channel: str
    actor: str = field(repr=False)
    source_name: str

    def has_expired(self, now: Micros) -> bool:
        """Whether a consent given by this record has ended by now."""
        return self.status is ConsentStatus.EXPIRED or (self.expires_at is not None and self.expires_at <= now)


def current(records: Iterable[ConsentRecord], as_of: Micros, known_at: Micros | None = None) -> ConsentRecord | None:
    """The record that counts at a moment: the most recent act; of acts at one time, the refusal.

    Args:
        records: of one person and purpose, in any order; restrictions among them are passed over.
        as_of: acts after this moment do not count yet.
        known_at: nor do records that had not been made by then; None counts all.
    """
    return _latest(records, GRAVITY, as_of, known_at)


def restriction_holds(records: Iterable[ConsentRecord], as_of: Micros, known_at: Micros | None = None) -> bool:
    """Whether processing is restricted at a moment (GDPR Art. 18), by one side's records."""
    latest = _latest(records, _RESTRICTION, as_of, known_at)
    return latest is not None and latest.status is ConsentStatus.RESTRICTED


def _latest(
    records: Iterable[ConsentRecord],
    gravity: dict[ConsentStatus, int],
    as_of: Micros,
    known_at: Micros | None,
) -> ConsentRecord | None:
    best: ConsentRecord | None = None
    for record in records:
        if record.status not in gravity or record.acted_at > as_of:
            continue
        if known_at is not None and record.recorded_at > known_at:
            continue
        if best is None or _rank(record, gravity) > _rank(best, gravity):
            best = record
    return best


def _rank(record: ConsentRecord, gravity: dict[ConsentStatus, int]) -> tuple[int, int, int, bytes]:
    return record.acted_at, gravity[record.status], record.recorded_at, record.record_id
