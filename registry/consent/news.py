"""Whether what a signal says is news: banners and browsers repeat an old choice with every event.

It is compared with the last word of the whole person, whichever identifier that hangs on, and with that of its own: a
grant by e-mail after an opt-out in the browser makes the same opt-out news again.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.consent.purposes import Purpose
from registry.consent.records import AGREED, REFUSALS, ConsentStatus, Said, SaidBy, rank
from registry.model.clock import SECOND, Micros
from registry.model.ids import FragmentId
from registry.model.stored import ConsentState, StoredConsent

BY_SIGNAL = "message"
"""The channel of what signals say, on events or handed over: one's yes may lift the other's no."""

BY_IMPORT = "import"
"""The channel of what an import tells that people said elsewhere."""

NOTED_EVERY: Micros = 900 * SECOND
"""How often it is noted that signals repeat a no: at every event it would cost each of them a write."""

IN_TIME: Micros = 60 * SECOND
"""What is heard within this time of being said is not late."""


def last_words(records: Iterable[Said], purpose: str, at: Micros) -> list[Said]:
    """What each fragment had said last of a purpose by a moment."""
    last: dict[FragmentId, Said] = {}
    for record in records:
        if record.purpose == purpose and record.acted_at <= at:
            before = last.get(record.fragment_id)
            if before is None or rank(record) > rank(before):
                last[record.fragment_id] = record
    return list(last.values())


def is_news(
    purpose: Purpose, words: Iterable[Said], fragment_id: FragmentId, *, yes: bool, objects: bool, at: Micros
) -> bool:
    """Whether a signal of a moment is to be recorded.

    A no is, unless the person's last word is a refusal already, and that of the fragment that it hangs on, which may
    be parted from the others again, and after which none of them agreed; an objection, unless both are one. A yes is,
    unless one of the fragment stands, whose banner then says nothing new, or the person's last word is a yes that
    stands: then it is only where another part of the person refused before, since it speaks for them joined; and never
    where the purpose demands an age that the last word may have shown.

    Args:
        words: for the purpose, the last of each fragment of the person, none later than `at`.
    """
    said = list(words)
    last = max(said, key=rank, default=None)
    own = max((word for word in said if word.fragment_id == fragment_id), key=rank, default=None)
    if not yes:
        noes = {ConsentStatus.OBJECTED} if objects else REFUSALS
        if last is None or own is None or not noes.issuperset((last.status, own.status)):
            return True
        return is_overtaken(own, said)
    if own is not None and _stands(own, purpose, at):
        return False
    if last is None or not _stands(last, purpose, at):
        return True
    return any(word.status in REFUSALS for word in said) and not purpose.demands_age(None)


def is_overtaken(no: Said, words: Iterable[Said]) -> bool:
    """Whether somebody among these has agreed since a no: it stands only for as long as others refuse as well."""
    return any(word.status in AGREED and rank(word) > rank(no) for word in words if word.purpose == no.purpose)


def refusal(words: Iterable[Said], fragment_id: FragmentId) -> ConsentStatus:
    """What a no is: the end of what this fragment said before, or a refusal from the start."""
    spoke = any(word.fragment_id == fragment_id for word in words)
    return ConsentStatus.WITHDRAWN if spoke else ConsentStatus.DENIED


def _stands(word: Said, purpose: Purpose, at: Micros) -> bool:
    ended = word.expires_at is not None and word.expires_at <= at
    lacks_age = word.status == ConsentStatus.UNATTESTED and purpose.demands_age(None)  # else it would be a consent now
    agreed = word.status == ConsentStatus.GRANTED or lacks_age
    return agreed and not ended and word.acted_at >= purpose.material_since


def refuses_otherwise(records: Iterable[SaidBy], purpose: str) -> bool:
    """Whether a purpose was refused by another way than signals, or objected to by whatever way, and not agreed to by
    another way since: a signal's no that came after it makes it no less.

    Args:
        records: of one fragment.
    """
    said = [one for one in records if one.purpose == purpose and is_lasting(one)]
    last = max(said, key=rank, default=None)
    return last is not None and last.status in REFUSALS


def refused_otherwise_by(records: Iterable[SaidBy], purpose: str, at: Micros) -> bool:
    """Whether by a moment a fragment had refused a purpose in such a way: a yes of then that is heard of only now lifts
    it no more than one that is heard of in time.

    Args:
        records: of a whole person.
    """
    own: dict[FragmentId, list[SaidBy]] = {}
    for one in records:
        if one.acted_at <= at:
            own.setdefault(one.fragment_id, []).append(one)
    return any(refuses_otherwise(said, purpose) for said in own.values())


def is_lasting(record: SaidBy) -> bool:
    """Whether it is an answer that no signal lifts: any but a signal's, and what a signal objected to."""
    by_other_way = record.status in AGREED | REFUSALS and record.channel != BY_SIGNAL
    return by_other_way or record.status == ConsentStatus.OBJECTED


def overtaken_at(records: Iterable[SaidBy], purpose: str, said_at: Micros) -> list[Micros]:
    """When signals said yes, or an earlier restriction ended, after a refusal or restriction recorded only now, until
    the person chose otherwise themselves: none of it lifts that, whatever is recorded first.

    Args:
        records: of the whole person, each with its `channel`.
    """
    since = [one for one in records if one.purpose == purpose and one.acted_at > said_at]
    own = min((one.acted_at for one in since if one.status in AGREED and one.channel != BY_SIGNAL), default=None)
    lifts = {one.acted_at for one in since if one.status in AGREED or one.status == ConsentStatus.UNRESTRICTED}
    return sorted(at for at in lifts if own is None or at < own)


def is_to_note(word: ConsentState, at: Micros) -> bool:
    """Whether a no that signals repeat at a moment is to be noted beside the record that says it already."""
    return word.status in REFUSALS and at >= _noted_at(word) + NOTED_EVERY


def may_have_ended(words: Iterable[ConsentState], at: Micros, *, said_at: Micros, now: Micros) -> bool:
    """Whether a signal's yes of a moment comes so late that a no of before may have been repeated since, and not noted.

    Args:
        words: for the purpose, the last of each fragment of the person.
        said_at: when the message that brings the yes was sent: it may repeat one of before.
    """
    return any(
        word.status in REFUSALS
        and _noted_at(word) <= at < _noted_at(word) + NOTED_EVERY
        and now - max(said_at, word.recorded_at, _noted_at(word)) > IN_TIME
        for word in words
    )


def refused_again(rows: Iterable[StoredConsent], words: Iterable[ConsentState], at: Micros) -> list[StoredConsent]:
    """The noes that were repeated since a moment, of which a yes becomes known only now: each as it was said before.

    Args:
        rows: every record of those whose words these are.
        words: for one purpose.
    """
    again, known = [], list(rows)
    for word in words:
        then = word.repeated_at
        if then is None or then < at:
            continue
        own = (row for row in known if (row.fragment_id, row.purpose) == (word.fragment_id, word.purpose))
        noes = (row for row in own if row.status in REFUSALS and row.acted_at <= then)
        last = max(noes, key=rank, default=None)
        if last is not None and last.acted_at < then:
            objects = last.status == ConsentStatus.OBJECTED  # a browser may have: of an objection it is no news
            status = ConsentStatus.OBJECTED if objects else ConsentStatus.WITHDRAWN
            again.append(last._replace(status=status.value, acted_at=then, sealed=None))
    return again


def _noted_at(word: ConsentState) -> Micros:
    return max(word.acted_at, word.repeated_at or word.acted_at)
