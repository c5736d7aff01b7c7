"""What may it be used for: the consent gate, which stands twice on the way in.

First on what the message says and what is known of its own identifiers, before anybody is joined;
then on the resolved person's ledger, before anything is sealed. Both ask the same `decide`, and a
purpose needs both. What a message says of consent is recorded in the ledger, once per change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from registry.consent.decide import Standing
from registry.consent.ground import SILENT, lawful_purposes
from registry.consent.purposes import PurposeCatalogue
from registry.consent.records import WHOLE_PERSON, ConsentStatus
from registry.consent.signals import from_context
from registry.flows.admission import Item
from registry.flows.joining import Joined
from registry.flows.standing import standings_for
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

NONE: frozenset[str] = frozenset()

_Question = tuple[tuple[FragmentId, ...], frozenset[str], bool]


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
        self._answers: dict[_Question, frozenset[str]] = {}
        self._said_before: dict[BlindIndex, dict[str, bool]] = {}
        self.refused_on: dict[BlindIndex, set[str]] = {}
        self.records: list[StoredConsent] = []

    def load(self, indexes: Iterable[BlindIndex]) -> None:
        """Read what is known of the persons behind these identifiers."""
        known = identities.identifiers(self._transaction, self._workspace_id, set(indexes))
        ids = {row.fragment_id for row in known.values()}
        by_id = identities.fragments(self._transaction, self._workspace_id, ids)
        self.by_index = {index: by_id[row.fragment_id] for index, row in known.items() if row.fragment_id in by_id}
        self._load_profiles({fragment.profile_id for fragment in by_id.values()})

    def admit(self, item: Item) -> None:
        """The first gate: the message's own words, and its identifiers' records."""
        profiles = {self.by_index[index].profile_id for index in item.indexes if index in self.by_index}
        if len(profiles) == 1:
            fragments = self._profiles[profiles.pop()]
        else:
            fragments = [f for profile in sorted(profiles) for f in self._profiles[profile]]
        item.purposes = NONE.union(*(part.purposes for part in item.verdict.parts)) if item.verdict else NONE
        item.said = self._said(item)
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
        if any(self.by_index.get(index) != now for index, now in joined.by_index.items()):  # else all are who they were
            self._profiles.clear()
            self._answers.clear()
            self._states.update({fragment_id: {} for fragment_id in joined.new})
            self._load_profiles({fragment.profile_id for fragment in joined.by_index.values()})
        for item in items:
            fragment = item.fragment
            if fragment is None:
                continue
            if item.said:
                self._record(item, fragment, item.said, new_id)
            refused = dict.fromkeys((name for name, yes in item.said.items() if not yes), False)
            self._narrow(item, self._allowed(item, self._profiles[fragment.profile_id], refused))

    def _load_profiles(self, profile_ids: set[ProfileId]) -> None:
        found = identities.fragments_of_profiles(self._transaction, self._workspace_id, profile_ids)
        for fragment in found:
            self._profiles.setdefault(fragment.profile_id, []).append(fragment)
        unread = {f.fragment_id for f in found} - self._states.keys()
        for state in consents.states(self._transaction, self._workspace_id, unread):
            self._states.setdefault(state.fragment_id, {})[state.purpose] = state

    def _said(self, item: Item) -> dict[str, bool]:
        context = item.message.body.get("context") if item.message is not None else None
        return from_context(context, self._catalogue) if isinstance(context, dict) else {}

    def _allowed(self, item: Item, fragments: Sequence[Fragment], said: dict[str, bool]) -> frozenset[str]:
        purposes = item.purposes
        opted_out = item.message is not None and item.message.opted_out_by_signal
        question = (tuple(f.fragment_id for f in fragments), purposes, opted_out)
        if not said and question in self._answers:
            return self._answers[question]
        rows = [state for f in fragments for state in self._states.get(f.fragment_id, {}).values()]
        standings = standings_for(self._rules, fragments, rows, (*purposes, WHOLE_PERSON)) if fragments else {}
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
            allowed |= frozenset(name for name in purposes if said.get(name) and not _restricted(standings))
        if not said:
            self._answers[question] = allowed
        return allowed

    def _narrow(self, item: Item, allowed: frozenset[str]) -> None:
        purposes = item.purposes
        item.grounded = (item.grounded & allowed) if item.fragment is not None else (purposes & allowed)
        item.ungrounded = purposes - item.grounded

    def _record(self, item: Item, fragment: Fragment, said: dict[str, bool], new_id: Callable[[], bytes]) -> None:
        message = item.message
        if message is None:
            return
        states = self._states.setdefault(fragment.fragment_id, {})
        for purpose, yes in said.items():
            before = states.get(purpose)
            if before is not None and (before.status == ConsentStatus.GRANTED) == yes:
                continue
            if yes:
                status = ConsentStatus.GRANTED
            else:
                status = ConsentStatus.WITHDRAWN if before is not None else ConsentStatus.DENIED
            row = StoredConsent(
                self._workspace_id,
                fragment.fragment_id,
                RecordId(new_id()),
                purpose,
                status.value,
                message.observed_at,
                self._now,
                None,
                self._catalogue.purposes[purpose].version,
                None,
                None,
                None,
                "message",
                "subject",
                item.source.row.name,
                None,
            )
            self.records.append(row)
            if before is None or row.acted_at >= before.acted_at:
                states[purpose] = ConsentState(
                    self._workspace_id, fragment.fragment_id, purpose, row.record_id, row.status,
                    row.acted_at, row.recorded_at, row.expires_at,
                )  # fmt: skip
        self._answers.clear()


def _restricted(standings: dict[str, Standing]) -> bool:
    return WHOLE_PERSON in standings and standings[WHOLE_PERSON].restricted
