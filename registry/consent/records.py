"""The ledger: every grant, refusal and end of consent, append-only, and its folds.

Records are bitemporal: `acted_at` is when the person acted, `recorded_at` when Registry learnt of it.
A fold takes any records in any order and answers for one moment, as known at another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from registry.model.clock import SECOND, Micros
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

AGREED = frozenset({ConsentStatus.GRANTED, ConsentStatus.UNATTESTED})
"""Records of a yes, whether it sufficed or not."""

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

CLOCK_TOLERANCE: Micros = 300 * SECOND
"""How far ahead of ours another's clock may be: what lies further ahead is no act of now."""

_NEVER: Micros = 2**63 - 1
_EVER: Micros = -(2**63)


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


class Said(Protocol):
    """What of a record, as it is stored or as the rules know it, its place among others hangs on."""

    @property
    def record_id(self) -> RecordId:
        """Its id."""

    @property
    def fragment_id(self) -> FragmentId:
        """Whom it is of."""

    @property
    def purpose(self) -> str:
        """What it is about."""

    @property
    def status(self) -> str:
        """One of `ConsentStatus`."""

    @property
    def acted_at(self) -> Micros:
        """When the person acted."""

    @property
    def recorded_at(self) -> Micros:
        """When it became known."""

    @property
    def expires_at(self) -> Micros | None:
        """When it ends by itself."""


class SaidBy(Said, Protocol):
    """The same, with how it was said."""

    @property
    def channel(self) -> str:
        """E.g. `web_form`, `message`, `phone`."""


_S = TypeVar("_S", bound=Said)


def current(
    records: Iterable[ConsentRecord], as_of: Micros, known_at: Micros | None = None, *, after: Micros = _EVER
) -> ConsentRecord | None:
    """The record that counts at a moment: the most recent act; of acts at one time, the refusal.

    That the consent by one identifier ended is no answer to a refusal by another, either: while nothing else was said
    since, that stands, as in `last_word`.

    Args:
        records: of one person and purpose, in any order; restrictions among them are passed over.
        as_of: acts after this moment do not count yet.
        known_at: nor do records that had not been made by then; None counts all.
        after: nor what was last said up to then.
    """
    counting = [record for record in records if record.status in GRAVITY and _counts(record, as_of, known_at)]
    if len(counting) > 1 and any(record.status is ConsentStatus.EXPIRED for record in counting):
        own: dict[FragmentId, list[ConsentRecord]] = {}
        for record in counting:
            own.setdefault(record.fragment_id, []).append(record)
        words = map(last_word, own.values())
        counting = [word if at == word.acted_at else replace(word, acted_at=at) for word, at in words]
    since = [record for record in counting if record.acted_at > after]
    last = max(since, key=rank, default=None)
    if last is not None and last.status is ConsentStatus.EXPIRED:
        before = max((one for one in since if one.status is not ConsentStatus.EXPIRED), key=rank, default=last)
        return replace(before, acted_at=last.acted_at) if before.status in REFUSALS else last
    return last


def last_word(records: Sequence[_S]) -> tuple[_S, Micros]:
    """Of the records of one fragment and purpose, the one that counts, and from when on.

    That a consent ended is no answer to a refusal: it stands, as if said again then. Only the person's own yes lifts it
    (GDPR Art. 21(1)).
    """
    last = max(records, key=rank)
    if last.status == ConsentStatus.EXPIRED:
        before = max((one for one in records if one.status != ConsentStatus.EXPIRED), key=rank, default=last)
        if before.status in REFUSALS:
            return before, last.acted_at
    return last, last.acted_at


def rank(record: Said) -> tuple[Micros, int, Micros, Micros, bytes]:
    """What puts one record before another: the later act; of one moment the graver, then the one that ends sooner."""
    ends = record.expires_at if record.expires_at is not None else _NEVER
    return record.acted_at, WEIGHTS[record.status], -ends, record.recorded_at, record.record_id


def restriction_holds(records: Iterable[ConsentRecord], as_of: Micros, known_at: Micros | None = None) -> bool:
    """Whether processing is restricted at a moment (GDPR Art. 18), by one side's records."""
    of_person = (record for record in records if record.status in _RESTRICTION and _counts(record, as_of, known_at))
    latest = max(of_person, key=rank, default=None)
    return latest is not None and latest.status is ConsentStatus.RESTRICTED


def _counts(record: ConsentRecord, as_of: Micros, known_at: Micros | None) -> bool:
    return record.acted_at <= as_of and (known_at is None or record.recorded_at <= known_at)
