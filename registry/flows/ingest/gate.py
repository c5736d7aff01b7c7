"""What may it be used for: the consent gate, which stands twice on the way in.

First on what the message says and what is known of its own identifiers, before anybody is joined;
then on the resolved person's ledger, before anything is sealed. Both ask the same `decide`, and a
purpose needs both. What a message says of consent is recorded in the ledger, once per change. Its yes does
not lift a no that the person said elsewhere: banners repeat an old choice with every event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from registry.consent.decide import Standing
from registry.consent.ground import SILENT, lawful_purposes
from registry.consent.news import BY_SIGNAL, is_news, last_words, overtaken_at, refusal, refuses_otherwise
from registry.consent.purposes import PurposeCatalogue
from registry.consent.records import REFUSALS, WHOLE_PERSON, ConsentStatus, Said, rank
from registry.consent.signals.context import SAYING, from_context
from registry.consent.signals.spoken import NOTHING, Spoken, opted_out
from registry.flows.consent.standing import Alike, alike, standings_for
from registry.flows.identity.joining import Joined
from registry.flows.ingest.admission import Item
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.errors import Conflict
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

NONE: frozenset[str] = frozenset()

LOOKS = 3
"""How often who is who is looked up while other writers change it, before the sender is asked to come again."""

_REFUSING = frozenset(status.value for status in REFUSALS)

_Person = tuple[FragmentId, ...]
_Known = Alike | tuple[FragmentId | int, ...]
_Question = tuple[_Known, frozenset[str], bool, frozenset[tuple[str, bool]]]


class Gate:
    """The gate for one batch, inside its transaction.

    Attributes:
        by_index: the fragments of the identifiers that were known before the batch.
        refused_on: the purposes that the batch itself refuses, by the identifier that its word hangs on.
        records: what is to be appended to the ledger.
    """

    def __init__(
        self,
        transaction: Transaction,
        workspace_id: WorkspaceId,
        catalogue: PurposeCatalogue,
        rules: IdentityRules,
        now: Micros,
    ) -> None:
        self._transaction = transaction
        self._workspace_id = workspace_id
        self._catalogue = catalogue
        self._rules = rules
        self._now = now
        self.by_index: dict[BlindIndex, Fragment] = {}
        self._profiles: dict[ProfileId, list[Fragment]] = {}
        self._states: dict[FragmentId, dict[str, ConsentState]] = {}
        self._standings: dict[_Person, dict[str, Standing]] = {}
        self._alike: dict[_Person, _Known] = {}
        self._answers: dict[_Question, frozenset[str]] = {}
        self._changes = 0
        self._said_before: dict[BlindIndex, dict[str, bool]] = {}
        self._readings: dict[bytes, Spoken] = {}
        self._opted_out = Spoken(dict.fromkeys(opted_out(catalogue), False), opted_out(catalogue))
        self._aged = {p.name for p in catalogue.purposes.values() if p.demands_age(None)}
        self._ledgers: dict[FragmentId, list[StoredConsent]] = {}
        self._alone = False
        self.refused_on: dict[BlindIndex, set[str]] = {}
        self.records: list[StoredConsent] = []

    def load(self, indexes: Iterable[BlindIndex]) -> None:
        """Read what is known of the persons behind these identifiers."""
        wanted = set(indexes)
        for _ in range(LOOKS):
            self.by_index = identities.fragments_by_index(self._transaction, self._workspace_id, wanted)
            self._load_profiles({fragment.profile_id for fragment in self.by_index.values()})
            if all(fragment.profile_id in self._profiles for fragment in self.by_index.values()):
                return
            self._profiles.clear()  # on PostgreSQL another writer moved a fragment between the two looks
        raise Conflict("who is who changed while it was looked up", hint="send the batch again")

    def admit(self, item: Item) -> None:
        """The first gate: the message's own words, and its identifiers' records."""
        profiles = {self.by_index[index].profile_id for index in item.indexes if index in self.by_index}
        if len(profiles) == 1:
            fragments = self._profiles[profiles.pop()]
        else:
            fragments = [f for profile in sorted(profiles) for f in self._profiles[profile]]
        item.purposes = NONE.union(*(part.purposes for part in item.verdict.parts)) if item.verdict else NONE
        spoken = self._spoken(item)
        item.said, item.objected = self._heeded(spoken.said, fragments), spoken.objected
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
        """The second gate: the resolved persons' ledger, with what the messages add to it."""
        self._follow(joined)
        for item in items:
            fragment = item.fragment
            if fragment is None:
                continue
            item.said = self._heeded(item.said, self._profiles[fragment.profile_id])
            news = self._news(item, fragment, item.said, new_id)
            if news and self._hold(items):
                item.said = self._heeded(item.said, self._profiles[fragment.profile_id])
                news = self._news(item, fragment, item.said, new_id)
            self._record(fragment, news)
            refused = dict.fromkeys((name for name, yes in item.said.items() if not yes), False)
            self._narrow(item, self._allowed(item, self._profiles[fragment.profile_id], refused))

    def _follow(self, joined: Joined) -> None:
        """Read again only whose profiles have changed; who is new through and through needs no reading."""
        changed = [now for index, now in joined.by_index.items() if self.by_index.get(index) != now]
        if not changed:
            return
        self._standings.clear()
        self._alike.clear()
        self._changes += 1
        self._states.update({fragment_id: {} for fragment_id in joined.new})
        profiles = {fragment.profile_id for fragment in changed}
        for profile_id in profiles:
            self._profiles.pop(profile_id, None)
        for fragment in joined.new.values():
            if FragmentId(fragment.profile_id) in joined.new:  # the oldest of a profile gives it its id: all are new
                self._profiles.setdefault(fragment.profile_id, []).append(fragment)
        self._load_profiles(profiles - self._profiles.keys())

    def _load_profiles(self, profile_ids: set[ProfileId]) -> None:
        found = identities.fragments_of_profiles(self._transaction, self._workspace_id, profile_ids)
        for fragment in found:
            self._profiles.setdefault(fragment.profile_id, []).append(fragment)
        unread = {f.fragment_id for f in found} - self._states.keys()
        for state in consents.states(self._transaction, self._workspace_id, unread):
            self._states.setdefault(state.fragment_id, {})[state.purpose] = state

    def _spoken(self, item: Item) -> Spoken:
        """What the message says of consent, its browser's signal included; the same words are read once."""
        if item.message is None:
            return NOTHING
        context = item.message.body.get("context")
        spoken = self._read(context) if isinstance(context, dict) else NOTHING
        return spoken & self._opted_out if item.message.opted_out_by_signal else spoken

    def _read(self, context: dict[str, object]) -> Spoken:
        words = orjson.dumps([context.get(member) for member in SAYING])
        spoken = self._readings.get(words)
        if spoken is None:
            spoken = self._readings[words] = from_context(context, self._catalogue, self._now)
        return spoken

    def _heeded(self, said: dict[str, bool], fragments: Sequence[Fragment]) -> dict[str, bool]:
        """What counts of a message's words: not a yes where the person refused by another way than messages."""
        doubtful = [
            state
            for fragment in fragments
            for state in self._states.get(fragment.fragment_id, {}).values()
            if state.status in _REFUSING and said.get(state.purpose)
        ]
        if not doubtful:
            return said
        kept = {
            state.purpose for state in doubtful
            if refuses_otherwise(self._ledger({state.fragment_id}), state.purpose)
        }  # fmt: skip
        return {name: yes for name, yes in said.items() if not (yes and name in kept)}

    def _ledger(self, fragment_ids: set[FragmentId]) -> list[StoredConsent]:
        """Every record of some fragments, those of this batch included."""
        unread = fragment_ids - self._ledgers.keys()
        self._ledgers.update((fragment_id, []) for fragment_id in unread)
        for row in consents.history(self._transaction, self._workspace_id, unread) if unread else ():
            self._ledgers[row.fragment_id].append(row)
        stored = [row for fragment_id in fragment_ids for row in self._ledgers[fragment_id]]
        return stored + [row for row in self.records if row.fragment_id in fragment_ids]

    def _allowed(self, item: Item, fragments: Sequence[Fragment], said: dict[str, bool]) -> frozenset[str]:
        purposes = item.purposes
        opted_out = item.message is not None and item.message.opted_out_by_signal
        person = tuple([fragment.fragment_id for fragment in fragments])
        known = self._likeness(person, fragments)
        question = (known, purposes, opted_out, frozenset(said.items()))
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
            rows = self._rows(fragments)
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
                if said.get(name) and name not in self._aged and not _restricted(standings)
            )  # fmt: skip
        return allowed

    def _likeness(self, person: _Person, fragments: Sequence[Fragment]) -> _Known:
        """What answers are remembered under: what the person has in common with others, or the person."""
        known = self._alike.get(person)
        if known is None:
            shared = self._common(fragments)
            known = self._alike[person] = shared if shared is not None else (*person, self._changes)
        return known

    def _common(self, fragments: Sequence[Fragment]) -> Alike | None:
        if not fragments:
            return None
        return alike(self._rules, fragments, self._rows(fragments), self._now, self._catalogue.last_change)

    def _rows(self, fragments: Sequence[Fragment]) -> list[ConsentState]:
        return [state for f in fragments for state in self._states.get(f.fragment_id, {}).values()]

    def _narrow(self, item: Item, allowed: frozenset[str]) -> None:
        purposes = item.purposes
        item.grounded = (item.grounded & allowed) if item.fragment is not None else (purposes & allowed)
        item.ungrounded = purposes - item.grounded

    def _hold(self, items: Sequence[Item]) -> bool:
        """Let nobody else record what people allow until the transaction ends; whether all was read again, since
        somebody may have just now. Those who bring no news, which are most, wait for nobody.

        Raises:
            Conflict: who is who has changed meanwhile.
        """
        if self._alone or not identities.lock(self._transaction, self._workspace_id):
            return False
        self._alone = True
        for known in (self._profiles, self._states, self._ledgers, self._standings, self._alike):
            known.clear()
        self._changes += 1
        there = [item.fragment for item in items if item.fragment is not None]
        self._load_profiles({fragment.profile_id for fragment in there})
        placed = {(one.fragment_id, one.profile_id) for members in self._profiles.values() for one in members}
        if not placed.issuperset((fragment.fragment_id, fragment.profile_id) for fragment in there):
            raise Conflict("who is who changed while consent was recorded", hint="send the batch again")
        return True

    def _news(
        self, item: Item, fragment: Fragment, said: dict[str, bool], new_id: Callable[[], bytes]
    ) -> list[StoredConsent]:
        """The records of what a message says of consent, as far as it is news."""
        news: list[StoredConsent] = []
        for purpose, yes in said.items():
            words = self._words(fragment, purpose)
            at = self._acted_at(item, purpose, words, yes=yes)
            spoken, late = {word.fragment_id for word in words}, any(word.acted_at > at for word in words)
            if late:  # it counts from its own time on
                words = last_words(self._ledger(spoken), purpose, at)
            named, objects = self._catalogue.purposes[purpose], purpose in item.objected
            if not is_news(named, words, fragment.fragment_id, yes=yes, objects=objects, at=at):
                continue
            if objects:
                status = ConsentStatus.OBJECTED
            elif yes:
                status = ConsentStatus.UNATTESTED if purpose in self._aged else ConsentStatus.GRANTED
            else:
                status = refusal(words, fragment.fragment_id)
            row = StoredConsent(
                self._workspace_id,
                fragment.fragment_id,
                RecordId(new_id()),
                purpose,
                status.value,
                at,
                self._now,
                None,
                named.version,
                None,
                None,
                None,
                BY_SIGNAL,
                "subject",
                item.source.row.name,
                None,
            )
            news.append(row)
            own = self._states.get(fragment.fragment_id, {}).get(purpose)
            if objects and late and (own is None or own.status != ConsentStatus.OBJECTED):
                since = overtaken_at(self._ledger(spoken), purpose, at)
                if since is not None:  # by a banner's yes, which lifts no objection
                    news.append(row._replace(record_id=RecordId(new_id()), acted_at=since + 1))
        return news

    def _record(self, fragment: Fragment, news: Sequence[StoredConsent]) -> None:
        """Keep records to be appended, and count them from here on."""
        states = self._states.setdefault(fragment.fragment_id, {})
        for row in news:
            self.records.append(row)
            before = states.get(row.purpose)
            if before is None or rank(row) >= rank(before):
                states[row.purpose] = ConsentState(
                    self._workspace_id, fragment.fragment_id, row.purpose, row.record_id, row.status,
                    row.acted_at, row.recorded_at, row.expires_at,
                )  # fmt: skip
        if news:
            self._forget(fragment)

    def _words(self, fragment: Fragment, purpose: str) -> list[Said]:
        """What every fragment of the person said last of a purpose."""
        members = self._profiles.get(fragment.profile_id, ())
        states = (self._states.get(member.fragment_id, {}).get(purpose) for member in members)
        return [state for state in states if state is not None]

    def _acted_at(self, item: Item, purpose: str, words: Sequence[Said], *, yes: bool) -> Micros:
        """When the message's word was said: a yes no later than its string was made.

        Where somebody spoke at a time that our clock has not reached, it was set back, and a no is as much later.
        """
        at = item.message.observed_at if item.message is not None else self._now
        if yes:
            return min(at, item.yes_given_by.get(purpose, at))
        return at + max([word.acted_at - self._now for word in words if word.acted_at > self._now], default=0)

    def _forget(self, fragment: Fragment) -> None:
        """What was worked out of a person no longer holds, once there is a record more."""
        members = self._profiles.get(fragment.profile_id, ())
        person = tuple([member.fragment_id for member in members])
        self._standings.pop(person, None)
        self._alike.pop(person, None)
        self._changes += 1


def _restricted(standings: dict[str, Standing]) -> bool:
    return WHOLE_PERSON in standings and standings[WHOLE_PERSON].restricted
