"""May these categories of this person be used for this purpose now? The one place that answers.

How the sides of a joined person count is in docs/decisions/0003-joining-sides.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.consent.purposes import CAN_BE_REFUSED, LawfulBasis, Purpose, PurposeCatalogue
from registry.consent.records import REFUSALS, ConsentRecord, ConsentStatus, current
from registry.model.clock import Micros
from registry.model.decision import Decision, Reason


@dataclass(frozen=True, slots=True)
class Side:
    """What of a person was never apart: whether all of it is anonymous, and its records for the purpose.

    The latest record suffices for an answer about now; one about the past needs those of the past.
    """

    anonymous: bool
    records: Sequence[ConsentRecord]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person for one purpose.

    Attributes:
        known: whether there is such a person at all.
        sides: in any order.
        joined_at: when the sides were last joined; 0 where there is but one.
        restricted: whether any side restricts processing (GDPR Art. 18).
        spoken_at: when they last spoke of it, of what counts: it cannot be earlier than that, whatever a clock says
            that was set back, so that no refusal is forgotten; 0 where nobody looked.
    """

    known: bool
    sides: Sequence[Side]
    joined_at: Micros = 0
    restricted: bool = False
    spoken_at: Micros = 0


class _Word(NamedTuple):
    """What follows from what the person said: a reason, the record it rests on, and until when."""

    reason: Reason
    record: ConsentRecord | None = None
    until: Micros | None = None


_SAID = {
    ConsentStatus.UNATTESTED: Reason.AGE_NOT_SHOWN,
    ConsentStatus.DENIED: Reason.DENIED,
    ConsentStatus.WITHDRAWN: Reason.WITHDRAWN,
    ConsentStatus.OBJECTED: Reason.OBJECTED,
}
_ALLOWING = frozenset({Reason.GRANTED, Reason.BASIS_WITHOUT_CONSENT})
_SILENT = _Word(Reason.NO_RECORD)
_WITHOUT_CONSENT = _Word(Reason.BASIS_WITHOUT_CONSENT)


def decide(
    purpose: str,
    categories: frozenset[str],
    standing: Standing,
    catalogue: PurposeCatalogue,
    *,
    now: Micros,
    jurisdiction: str | None = None,
    signal_opt_out: bool = False,
) -> Decision:
    """Whether data of some categories may be used for a purpose, and why.

    Unknown purposes and unknown people are denied. A restriction stops every purpose that is not
    marked as going on despite it; an opt-out signal stops the purposes that heed it, whatever was
    granted. Then the lawful basis decides: contract, legal obligation and vital interests allow; the
    other grounds but consent allow unless the person refused; consent allows if the person granted it, to the
    purpose as it is meant now.

    Args:
        categories: fideslang keys; empty asks about the purpose alone.
        now: the moment asked about; acts after it do not count.
        jurisdiction: ISO 3166 code whose lawful basis applies; None for the default.
        signal_opt_out: whether the person's browser sent an opt-out signal with this request.
    """
    found = catalogue.purposes.get(purpose)
    if found is None:
        return Decision(False, Reason.UNKNOWN_PURPOSE, purpose, policy_version=catalogue.version)
    basis, now = found.basis_in(jurisdiction), max(now, standing.spoken_at)
    barred = _barred(found, basis, categories, standing, signal_opt_out)
    if barred is not None:
        return Decision(False, barred, purpose, basis, policy_version=catalogue.version)
    if basis is LawfulBasis.CONSENT or (found.asks_first and basis in CAN_BE_REFUSED):
        word = _by_consent(standing, now, found.material_since)
    elif basis in CAN_BE_REFUSED:
        word = _unless_refused(standing, now)
    else:
        word = _WITHOUT_CONSENT
    record_id = word.record.record_id if word.record is not None else None
    return Decision(word.reason in _ALLOWING, word.reason, purpose, basis, record_id, word.until, catalogue.version)


def _barred(
    purpose: Purpose, basis: LawfulBasis, categories: frozenset[str], standing: Standing, signal_opt_out: bool
) -> Reason | None:
    """What stops the purpose whatever the person has said about it."""
    if not standing.known:
        return Reason.UNKNOWN_SUBJECT
    if standing.restricted and not purpose.despite_restriction:
        return Reason.RESTRICTED
    if categories and not all(purpose.covers(category) for category in categories):
        return Reason.CATEGORY_NOT_COVERED
    if signal_opt_out and purpose.gpc_opts_out and basis in CAN_BE_REFUSED:
        return Reason.SIGNAL_OPT_OUT
    return None


def _by_consent(standing: Standing, now: Micros, changed: Micros) -> _Word:
    sides = standing.sides
    if len(sides) > 1:
        since = _since_joined(standing, now)
        return _of(since, now, changed) if since is not None else _of_sides(sides, now, changed)
    record = current(sides[0].records, now) if sides else None
    return _of(record, now, changed) if record is not None else _SILENT


def _of(record: ConsentRecord, now: Micros, changed: Micros = 0) -> _Word:
    """What one record says by itself, of a purpose that means something else since a moment."""
    said = _SAID.get(record.status)
    if said is not None:
        return _Word(said, record)
    if record.has_expired(now):
        return _Word(Reason.EXPIRED, record)
    if not changed or record.acted_at >= changed:
        return _Word(Reason.GRANTED, record, record.expires_at)
    if changed <= now:
        return _Word(Reason.ASK_AGAIN, record)
    return _Word(Reason.GRANTED, record, min(record.expires_at or changed, changed))


def _since_joined(standing: Standing, now: Micros) -> ConsentRecord | None:
    """The choice made since the sides were last joined: the person has spoken as one. That one ended is no choice."""
    spoken = (record for side in standing.sides for record in side.records)
    since = current(spoken, now, after=standing.joined_at)
    return None if since is not None and since.status is ConsentStatus.EXPIRED else since


def _of_sides(sides: Sequence[Side], now: Micros, changed: Micros) -> _Word:
    """What the sides allow together: every one that has spoken, or is identified, must have granted."""
    said: list[_Word] = []
    silent = False
    for side in sides:
        record = current(side.records, now)
        if record is not None:
            said.append(_of(record, now, changed))
        elif not side.anonymous:
            silent = True
    if not said:
        return _SILENT
    refusals = [word for word in said if word.reason is not Reason.GRANTED]
    grants = [word for word in said if word.reason is Reason.GRANTED]
    if refusals:
        gravest = max(refusals, key=_gravity)
        if grants and gravest.reason is not Reason.OBJECTED:
            return _Word(Reason.MERGED_SIDES_DIFFER, gravest.record)
        return gravest
    if silent:
        return _Word(Reason.MERGED_SIDES_DIFFER)
    ends = [word.until for word in grants if word.until is not None]
    return _Word(Reason.GRANTED, max(grants, key=_gravity).record, min(ends, default=None))


def _unless_refused(standing: Standing, now: Micros) -> _Word:
    """Allowed unless a side refused, and the person has not allowed it since the sides were joined.

    A grant lifts an objection; its expiry matters to consent only.
    """
    since = _since_joined(standing, now) if len(standing.sides) > 1 else None
    records = [since] if since is not None else [current(side.records, now) for side in standing.sides]
    refusals = [_of(record, now) for record in records if record is not None and record.status in REFUSALS]
    return max(refusals, key=_gravity) if refusals else _WITHOUT_CONSENT


_GRAVITY = {
    Reason.GRANTED: 0,
    Reason.EXPIRED: 1,
    Reason.ASK_AGAIN: 1,
    Reason.AGE_NOT_SHOWN: 1,
    Reason.WITHDRAWN: 2,
    Reason.DENIED: 3,
    Reason.OBJECTED: 4,
}


def _gravity(word: _Word) -> tuple[int, int, bytes]:
    """Which of several words is reported: the gravest, then the latest."""
    record = word.record
    return (_GRAVITY[word.reason], record.acted_at, record.record_id) if record else (-1, 0, b"")
