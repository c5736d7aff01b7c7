"""What may it be used for: the consent gate, which stands twice on the way in.

First on what the message says and what is known of its own identifiers, before anybody is joined;
then on the resolved person's ledger, before anything is sealed. Both ask the same `decide`, and a
purpose needs both. What a message says of consent is recorded in the ledger, once per change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from registry.consent.decide import Standing
from registry.consent.ground import SILENT, lawful_purposes
from registry.consent.purposes import PurposeCatalogue
from registry.consent.records import WHOLE_PERSON
from registry.flows.consent.standing import Alike, alike, standings_for
from registry.flows.identity.joining import Joined
from registry.flows.ingest.admission import Item
from registry.flows.ingest.hearing import Hearing
from registry.flows.ingest.known import Known
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId
from registry.model.stored import Fragment

NONE: frozenset[str] = frozenset()

_Person = tuple[FragmentId, ...]
_Likeness = Alike | tuple[FragmentId | int, ...]
_Question = tuple[_Likeness, frozenset[str], bool, frozenset[tuple[str, bool]]]


class Gate:
    """The gate for one batch.

    Attributes:
        refused_on: the purposes that the batch itself refuses, by the identifier that its word hangs on.
    """

    def __init__(
        self, known: Known, hearing: Hearing, catalogue: PurposeCatalogue, rules: IdentityRules, now: Micros
    ) -> None:
        self._known = known
        self._hearing = hearing
        self._catalogue = catalogue
        self._rules = rules
        self._now = now
        self._standings: dict[_Person, dict[str, Standing]] = {}
        self._alike: dict[_Person, _Likeness] = {}
        self._answers: dict[_Question, frozenset[str]] = {}
        self._said_before: dict[BlindIndex, dict[str, bool]] = {}
        self.refused_on: dict[BlindIndex, set[str]] = {}

    def admit(self, item: Item) -> None:
        """The first gate: the message's own words, and its identifiers' records."""
        fragments = self._known.behind(item.indexes)
        item.purposes = NONE.union(*(part.purposes for part in item.verdict.parts)) if item.verdict else NONE
        spoken = self._hearing.spoken(item)
        item.said, item.objected = self._hearing.heeded(spoken.said, fragments), spoken.objected
        item.yes_given_by = spoken.given_by
        said: dict[str, bool] = {}
        for index in item.indexes:
            said |= self._said_before.get(index, {})
        said |= item.said
        if item.said:  # what a message says counts for those that come after it, in its batch too
            self._said_before.update((index, said) for index in item.indexes)
            self.refused_on[item.indexes[0]] = {name for name, yes in said.items() if not yes}
        self._narrow(item, self._allowed(item, fragments, said))

    def settle(self, items: Sequence[Item], joined: Joined, new_id: Callable[[], bytes]) -> None:
        """The second gate: the resolved persons' ledger, with what the messages add to it.

        Raises:
            Conflict: who is who has changed meanwhile.
        """
        known, hearing = self._known, self._hearing
        if known.follow(joined):
            self._forget_everybody()
        for item in items:
            fragment = item.fragment
            if fragment is None:
                continue
            item.said = hearing.heeded(item.said, known.person_of(fragment))
            news = hearing.news(item, fragment, item.said, new_id)
            if news.are_there and known.hold([one.fragment for one in items if one.fragment is not None]):
                self._forget_everybody()
                item.said = hearing.heeded(item.said, known.person_of(fragment))
                news = hearing.news(item, fragment, item.said, new_id)
            if news.are_there:
                known.add(news.records)
                known.note(news.repeated)
                self._forget(known.person_of(fragment))
            refused = dict.fromkeys((name for name, yes in item.said.items() if not yes), False)
            self._narrow(item, self._allowed(item, known.person_of(fragment), refused))

    def _allowed(self, item: Item, fragments: Sequence[Fragment], said: dict[str, bool]) -> frozenset[str]:
        purposes = item.purposes
        opted_out = item.message is not None and item.message.opted_out_by_signal
        person = tuple([fragment.fragment_id for fragment in fragments])
        question = (self._likeness(person, fragments), purposes, opted_out, frozenset(said.items()))
        allowed = self._answers.get(question)
        if allowed is None:
            allowed = self._answers[question] = self._judge(person, fragments, purposes, said, opted_out=opted_out)
        return allowed

    def _judge(
        self,
        person: _Person,
        fragments: Sequence[Fragment],
        purposes: frozenset[str],
        said: dict[str, bool],
        *,
        opted_out: bool,
    ) -> frozenset[str]:
        standings = self._standings.get(person)
        if standings is None:
            rows = self._known.states(fragments)
            names = (*self._catalogue.purposes, WHOLE_PERSON)
            standings = standings_for(self._rules, fragments, rows, names) if fragments else {}
            self._standings[person] = standings
        allowed = lawful_purposes(
            purposes,
            standings,
            self._catalogue,
            now=self._now,
            signal_opt_out=opted_out,
            said=said,
            otherwise=standings.get(WHOLE_PERSON, SILENT),
        )
        # A yes in the message counts at the first gate as the record that the second makes of it.
        if not opted_out:
            allowed |= frozenset(
                name for name in purposes
                if said.get(name) and name not in self._hearing.aged and not _restricted(standings)
            )  # fmt: skip
        return allowed

    def _likeness(self, person: _Person, fragments: Sequence[Fragment]) -> _Likeness:
        """What answers are remembered under: what the person has in common with others, or the person."""
        likeness = self._alike.get(person)
        if likeness is None:
            shared = self._common(fragments)
            likeness = self._alike[person] = shared if shared is not None else (*person, self._known.changes)
        return likeness

    def _common(self, fragments: Sequence[Fragment]) -> Alike | None:
        if not fragments:
            return None
        return alike(self._rules, fragments, self._known.states(fragments), self._now, self._catalogue.last_change)

    def _narrow(self, item: Item, allowed: frozenset[str]) -> None:
        purposes = item.purposes
        item.grounded = (item.grounded & allowed) if item.fragment is not None else (purposes & allowed)
        item.ungrounded = purposes - item.grounded

    def _forget(self, fragments: Sequence[Fragment]) -> None:
        """What was worked out of a person no longer holds, once there is a record more."""
        person = tuple([fragment.fragment_id for fragment in fragments])
        self._standings.pop(person, None)
        self._alike.pop(person, None)

    def _forget_everybody(self) -> None:
        self._standings.clear()
        self._alike.clear()


def _restricted(standings: dict[str, Standing]) -> bool:
    return WHOLE_PERSON in standings and standings[WHOLE_PERSON].restricted
