"""What messages say of consent: which of their words count, and which of those are news for the ledger.

A message's yes does not lift a no that the person said elsewhere: banners repeat an old choice with every event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from registry.consent.news import (
    BY_IMPORT,
    BY_SIGNAL,
    is_news,
    is_to_note,
    last_words,
    may_have_ended,
    overtaken_at,
    refusal,
    refused_again,
    refused_otherwise_by,
    refuses_otherwise,
)
from registry.consent.purposes import Purpose, PurposeCatalogue
from registry.consent.records import REFUSALS, ConsentStatus, Said
from registry.consent.signals.banners import refused_by_name
from registry.consent.signals.context import SAYING, from_context
from registry.consent.signals.spoken import NOTHING, Spoken, opted_out
from registry.flows.ingest.admission import Item
from registry.flows.ingest.known import Known
from registry.model.clock import Micros
from registry.model.ids import RecordId, WorkspaceId
from registry.model.provenance import Method
from registry.model.stored import ConsentState, Fragment, StoredConsent

_REFUSING = frozenset(status.value for status in REFUSALS)


class News(NamedTuple):
    """What a message brings: records, and the words that it repeats where that is to be noted."""

    records: list[StoredConsent]
    repeated: list[ConsentState]

    @property
    def are_there(self) -> bool:
        """Whether there is any of it."""
        return bool(self.records or self.repeated)


class Hearing:
    """What is heard of consent in one batch."""

    def __init__(self, known: Known, workspace_id: WorkspaceId, catalogue: PurposeCatalogue, now: Micros) -> None:
        self._known = known
        self._workspace_id = workspace_id
        self._catalogue = catalogue
        self._now = now
        self._readings: dict[bytes, Spoken] = {}
        self._opted_out = Spoken(dict.fromkeys(opted_out(catalogue), False), opted_out(catalogue))
        self.aged = frozenset(p.name for p in catalogue.purposes.values() if p.demands_age(None))

    def spoken(self, item: Item) -> Spoken:
        """What the message says of consent, its browser's signal included; the same words are read once."""
        if item.message is None:
            return NOTHING
        context = item.message.body.get("context")
        spoken = self._read(context) if isinstance(context, dict) else NOTHING
        return spoken & self._opted_out if item.message.opted_out_by_signal else spoken

    def heeded(self, said: dict[str, bool], fragments: Sequence[Fragment]) -> dict[str, bool]:
        """What counts of a message's words: not a yes where the person refused by another way than messages."""
        kept = {name for name, yes in said.items() if yes and any(self._refuses(one, name) for one in fragments)}
        return {name: yes for name, yes in said.items() if name not in kept} if kept else said

    def news(self, item: Item, fragment: Fragment, said: dict[str, bool], new_id: Callable[[], bytes]) -> News:
        """What a message says of consent, as far as it is news."""
        news = News([], [])
        for purpose, yes in said.items():
            current = self._known.words(fragment, purpose)
            words: Sequence[Said] = current
            at = self._acted_at(item, purpose, words, yes=yes)
            spoken, late = {word.fragment_id for word in words}, any(word.acted_at > at for word in words)
            if late:  # it counts from its own time on
                words = last_words(self._known.ledger(spoken), purpose, at)
            named, objects = self._catalogue.purposes[purpose], purpose in item.objected
            is_act = _is_act(item, named, yes=yes)
            lasts = objects or (is_act and not yes)
            is_new = is_news(named, words, fragment.fragment_id, yes=yes, objects=objects, at=at)
            if not is_new and not (is_act and lasts and not self._refuses(fragment, purpose)):
                own = self._known.state(fragment, purpose)
                if not yes and own is not None and is_to_note(own, at):
                    news.repeated.append(own._replace(repeated_at=at))
                continue
            if yes and not is_act and self._comes_too_late(item, current, at):
                continue
            if yes and not is_act and late and refused_otherwise_by(self._known.ledger(spoken), purpose, at):
                continue
            if objects:
                status = ConsentStatus.OBJECTED
            elif yes:
                status = ConsentStatus.UNATTESTED if purpose in self.aged else ConsentStatus.GRANTED
            else:
                status = refusal(words, fragment.fragment_id)
            row = self._row(item, fragment, named, status, BY_IMPORT if is_act else BY_SIGNAL, at, new_id)
            news.records.append(row)
            if lasts and late and not self._refuses(fragment, purpose):
                for since in overtaken_at(self._known.ledger(spoken), purpose, at):  # banners' yeses lift neither
                    news.records.append(row._replace(record_id=RecordId(new_id()), acted_at=since + 1))
            if yes:
                news.records.extend(self._refused_again(current, at, new_id))
        return news

    def _row(
        self,
        item: Item,
        fragment: Fragment,
        purpose: Purpose,
        status: ConsentStatus,
        channel: str,
        at: Micros,
        new_id: Callable[[], bytes],
    ) -> StoredConsent:
        return StoredConsent(
            self._workspace_id, fragment.fragment_id, RecordId(new_id()), purpose.name, status.value, at, self._now,
            None, purpose.version, None, None, None, channel, "subject", item.source.row.name, None,
        )  # fmt: skip

    def _comes_too_late(self, item: Item, words: Sequence[ConsentState], at: Micros) -> bool:
        sent_at = item.message.observed_at if item.message is not None else self._now
        return may_have_ended(words, at, said_at=sent_at, now=self._now)

    def _refused_again(
        self, words: Sequence[ConsentState], at: Micros, new_id: Callable[[], bytes]
    ) -> list[StoredConsent]:
        """The noes that signals repeated after a yes of which we hear only now."""
        repeated = [word for word in words if word.repeated_at is not None and word.repeated_at >= at]
        rows = self._known.ledger({word.fragment_id for word in repeated}) if repeated else []
        noes = refused_again(rows, repeated, at)
        return [no._replace(record_id=RecordId(new_id()), recorded_at=self._now) for no in noes]

    def _refuses(self, fragment: Fragment, purpose: str) -> bool:
        """Whether a fragment refused in a way that no signal lifts."""
        own = self._known.state(fragment, purpose)
        refused = own is not None and own.status in _REFUSING
        return refused and refuses_otherwise(self._known.ledger({fragment.fragment_id}), purpose)

    def _read(self, context: dict[str, object]) -> Spoken:
        words = orjson.dumps([context.get(member) for member in SAYING])
        spoken = self._readings.get(words)
        if spoken is None:
            spoken = self._readings[words] = from_context(context, self._catalogue, self._now)
        return spoken

    def _acted_at(self, item: Item, purpose: str, words: Sequence[Said], *, yes: bool) -> Micros:
        """When the message's word was said: a yes no later than its string was made.

        Where somebody spoke at a time that our clock has not reached, it was set back, and a no counts from then on.
        """
        at = item.message.observed_at if item.message is not None else self._now
        if yes:
            return min(at, item.yes_given_by.get(purpose, at))
        return max([at, *(word.acted_at for word in words if word.acted_at > self._now)])


def _is_act(item: Item, purpose: Purpose, *, yes: bool) -> bool:
    """Whether a message tells what the person answered elsewhere, which no banner lifts: a row of an import does."""
    if item.message is None or item.source.row.method != Method.IMPORTED:
        return False
    context = item.message.body.get("context")
    return yes or (isinstance(context, dict) and refused_by_name(context, purpose))
