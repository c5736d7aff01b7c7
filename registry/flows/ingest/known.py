"""Who the people of a batch are and what they said of consent: read once for all of them, and added to by the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.consent.records import rank
from registry.flows.identity.joining import Joined
from registry.model.clock import Micros
from registry.model.errors import Conflict
from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

LOOKS = 3
"""How often who is who is looked up while other writers change it, before the sender is asked to come again."""


class Known:
    """What is known of the people of one batch, inside its transaction.

    Attributes:
        by_index: the fragments of the identifiers that were known before the batch.
        records: what is to be appended to the ledger.
        repeated: when signals repeated a no that is to be noted, by fragment and purpose.
        changes: how often something of it changed: what was worked out from it before holds no longer.
    """

    def __init__(self, transaction: Transaction, workspace_id: WorkspaceId) -> None:
        self._transaction = transaction
        self._workspace_id = workspace_id
        self._profiles: dict[ProfileId, list[Fragment]] = {}
        self._states: dict[FragmentId, dict[str, ConsentState]] = {}
        self._ledgers: dict[FragmentId, list[StoredConsent]] = {}
        self._alone = False
        self.by_index: dict[BlindIndex, Fragment] = {}
        self.records: list[StoredConsent] = []
        self.repeated: dict[tuple[FragmentId, str], Micros] = {}
        self.changes = 0

    def load(self, indexes: Iterable[BlindIndex]) -> None:
        """Read what is known of the people behind these identifiers.

        Raises:
            Conflict: other writers change who is who all the time.
        """
        wanted = set(indexes)
        for _ in range(LOOKS):
            self.by_index = identities.fragments_by_index(self._transaction, self._workspace_id, wanted)
            self._load_profiles({fragment.profile_id for fragment in self.by_index.values()})
            if all(fragment.profile_id in self._profiles for fragment in self.by_index.values()):
                return
            self._profiles.clear()  # on PostgreSQL another writer moved a fragment between the two looks
        raise Conflict("who is who changed while it was looked up", hint="send the batch again")

    def follow(self, joined: Joined) -> bool:
        """Read again only whose profiles have changed; who is new through and through needs no reading. Whether any
        have.
        """
        changed = [now for index, now in joined.by_index.items() if self.by_index.get(index) != now]
        if not changed:
            return False
        self.changes += 1
        self._states.update({fragment_id: {} for fragment_id in joined.new})
        profiles = {fragment.profile_id for fragment in changed}
        for profile_id in profiles:
            self._profiles.pop(profile_id, None)
        for fragment in joined.new.values():
            # The oldest gives a profile its id: all are new, unless our clock is behind that of who took in the others.
            if FragmentId(fragment.profile_id) in joined.new and fragment.profile_id not in joined.profiles:
                self._profiles.setdefault(fragment.profile_id, []).append(fragment)
        self._load_profiles(profiles - self._profiles.keys())
        return True

    def hold(self, fragments: Sequence[Fragment]) -> bool:
        """Let nobody else record what people allow until the transaction ends; whether all was read again, since
        somebody may have just now. Those who bring no news, which are most, wait for nobody.

        Args:
            fragments: those that the batch is about.

        Raises:
            Conflict: who is who has changed meanwhile.
        """
        if self._alone or not identities.lock(self._transaction, self._workspace_id):
            return False
        self._alone = True
        for read in (self._profiles, self._states, self._ledgers):
            read.clear()
        self.changes += 1
        self._load_profiles({fragment.profile_id for fragment in fragments})
        placed = {(one.fragment_id, one.profile_id) for members in self._profiles.values() for one in members}
        if not placed.issuperset((fragment.fragment_id, fragment.profile_id) for fragment in fragments):
            raise Conflict("who is who changed while consent was recorded", hint="send the batch again")
        return True

    def behind(self, indexes: Iterable[BlindIndex]) -> Sequence[Fragment]:
        """Every fragment of the people who were behind these identifiers before the batch."""
        profiles = {self.by_index[index].profile_id for index in indexes if index in self.by_index}
        if len(profiles) == 1:
            return self._profiles[profiles.pop()]
        return [fragment for profile in sorted(profiles) for fragment in self._profiles[profile]]

    def person_of(self, fragment: Fragment) -> Sequence[Fragment]:
        """Every fragment of the person that one is of."""
        return self._profiles[fragment.profile_id]

    def states(self, fragments: Sequence[Fragment]) -> list[ConsentState]:
        """What these fragments said last, of each purpose."""
        return [state for f in fragments for state in self._states.get(f.fragment_id, {}).values()]

    def state(self, fragment: Fragment, purpose: str) -> ConsentState | None:
        """What this fragment said last of a purpose."""
        return self._states.get(fragment.fragment_id, {}).get(purpose)

    def words(self, fragment: Fragment, purpose: str) -> list[ConsentState]:
        """What every fragment of the person said last of a purpose."""
        said = (self.state(member, purpose) for member in self._profiles.get(fragment.profile_id, ()))
        return [state for state in said if state is not None]

    def ledger(self, fragment_ids: set[FragmentId]) -> list[StoredConsent]:
        """Every record of some fragments, those of this batch included."""
        unread = fragment_ids - self._ledgers.keys()
        self._ledgers.update((fragment_id, []) for fragment_id in unread)
        for row in consents.history(self._transaction, self._workspace_id, unread) if unread else ():
            self._ledgers[row.fragment_id].append(row)
        stored = [row for fragment_id in fragment_ids for row in self._ledgers[fragment_id]]
        return stored + [row for row in self.records if row.fragment_id in fragment_ids]

    def homes(self) -> dict[FragmentId, ProfileId]:
        """Whose each fragment is of those whom the batch is about."""
        return {one.fragment_id: one.profile_id for members in self._profiles.values() for one in members}

    def add(self, news: Sequence[StoredConsent]) -> None:
        """Keep records to be appended, and count them from here on."""
        for row in news:
            self.records.append(row)
            states = self._states.setdefault(row.fragment_id, {})
            before = states.get(row.purpose)
            if before is None or rank(row) >= rank(before):
                states[row.purpose] = ConsentState(
                    self._workspace_id, row.fragment_id, row.purpose, row.record_id, row.status,
                    row.acted_at, row.recorded_at, row.expires_at, before.repeated_at if before else None,
                )  # fmt: skip
        self.changes += 1

    def note(self, words: Iterable[ConsentState]) -> None:
        """Keep when signals repeated a no, and count that from here on."""
        for word in words:
            if word.repeated_at is not None:
                self.repeated[word.fragment_id, word.purpose] = word.repeated_at
                self._states[word.fragment_id][word.purpose] = word

    def _load_profiles(self, profile_ids: set[ProfileId]) -> None:
        found = identities.fragments_of_profiles(self._transaction, self._workspace_id, profile_ids)
        for fragment in found:
            self._profiles.setdefault(fragment.profile_id, []).append(fragment)
        unread = {f.fragment_id for f in found} - self._states.keys()
        for state in consents.states(self._transaction, self._workspace_id, unread):
            self._states.setdefault(state.fragment_id, {})[state.purpose] = state
