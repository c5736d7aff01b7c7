"""Record by record: which one decided, and why each of the others did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from registry.consent.records import WHOLE_PERSON, ConsentRecord, current
from registry.model.clock import Micros
from registry.model.decision import Decision, Reason
from registry.model.ids import RecordId


class Part(StrEnum):
    """What one record has to do with a decision: stable codes, each with a sentence in `PART_SENTENCES`."""

    DECIDED = "decided"
    OTHER_PURPOSE = "other_purpose"
    NOT_YET = "not_yet"
    NOT_KNOWN = "not_known"
    SUPERSEDED = "superseded"
    WEIGHS_LESS = "weighs_less"
    OTHER_SIDE = "other_side"
    NOT_ASKED = "not_asked"
    RESTRICTS = "restricts"


PART_SENTENCES = {
    Part.DECIDED: "The decision rests on this record.",
    Part.OTHER_PURPOSE: "It speaks of another purpose.",
    Part.NOT_YET: "The person acted after the moment that was asked about.",
    Part.NOT_KNOWN: "It had not been recorded by the moment as of which was asked.",
    Part.SUPERSEDED: "The person spoke again later.",
    Part.WEIGHS_LESS: "Another act of the same moment is a refusal, or a graver one.",
    Part.OTHER_SIDE: "It is the word of one side of a joined person; that of another side weighed more.",
    Part.NOT_ASKED: "What the person said of the purpose was not asked: the reason of the decision stands before it.",
    Part.RESTRICTS: "It restricts processing as a whole, or lifts that (GDPR Art. 18).",
}

_BEFORE_RECORDS = frozenset(
    {
        Reason.UNKNOWN_PURPOSE,
        Reason.UNKNOWN_SUBJECT,
        Reason.RESTRICTED,
        Reason.CATEGORY_NOT_COVERED,
        Reason.SIGNAL_OPT_OUT,
        Reason.BASIS_WITHOUT_CONSENT,
    }
)
"""Reasons that no record of the purpose stands behind."""


def known_by(records: Iterable[ConsentRecord], at: Micros, known_at: Micros | None = None) -> list[ConsentRecord]:
    """The records that count at a moment, as known at another: acts of later, or recorded later, do not."""
    return [
        record for record in records
        if record.acted_at <= at and (known_at is None or record.recorded_at <= known_at)
    ]  # fmt: skip


def parts(
    decision: Decision, sides: Sequence[Sequence[ConsentRecord]], *, at: Micros, known_at: Micros | None
) -> dict[RecordId, Part]:
    """What each record of a person has to do with a decision about them.

    Args:
        sides: every record, those of one side together; of all purposes.
        at: the moment that was asked about.
        known_at: as known when; None for now.
    """
    return {
        record.record_id: _part(record, decision, side, at, known_at)
        for side in sides
        for record in side
    }  # fmt: skip


def _part(
    record: ConsentRecord, decision: Decision, side: Sequence[ConsentRecord], at: Micros, known_at: Micros | None
) -> Part:
    if record.purpose not in (decision.purpose, WHOLE_PERSON):
        return Part.OTHER_PURPOSE
    if record.acted_at > at:
        return Part.NOT_YET
    if known_at is not None and record.recorded_at > known_at:
        return Part.NOT_KNOWN
    if record.purpose == WHOLE_PERSON:
        return Part.RESTRICTS
    if record.record_id == decision.record_id:
        return Part.DECIDED
    if decision.reason in _BEFORE_RECORDS:
        return Part.NOT_ASKED
    best = current([one for one in side if one.purpose == decision.purpose], at, known_at)
    if best is None or best.record_id == record.record_id:
        return Part.OTHER_SIDE
    return Part.WEIGHS_LESS if best.acted_at == record.acted_at else Part.SUPERSEDED
