"""The keyring: data keys made, opened and destroyed, between the keystore and the key service.

1. New keys are committed to the keystore before any data is sealed with them.
2. Opened keys stay in memory for seconds and bounded in number; of a fragment whose state version has
   risen since, not even that long: another process may have shredded a compartment meanwhile.
3. A fragment in the erasure ledger never gets a key again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.flows.opened_keys import CACHE_FOR, NO_VERSIONS, OpenedKeys, Versions, holds
from registry.keys.bundle import Bundle, unwrap_bundles, wrap_bundles
from registry.keys.kms import KeyProvider, generation_of
from registry.model.clock import Clock, Micros
from registry.model.compartment import Compartment
from registry.model.errors import KeyMissing, SealBroken
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import ErasureOrder, WrappedBundle
from registry.store import keystore as rows
from registry.store.database import Database

BROKEN = Bundle({})
"""Stands for a bundle that is there and does not open: what it is the key of is damaged, not shredded."""


class Keyring:
    """Opens, makes and shreds key bundles. Safe to share between threads."""

    def __init__(self, keystore: Database, kms: KeyProvider, clock: Clock) -> None:
        self._keystore = keystore
        self._kms = kms
        self._clock = clock
        self._opened = OpenedKeys(clock)
        self._generations: dict[WorkspaceId, tuple[Micros, int]] = {}

    def for_sealing(
        self,
        workspace_id: WorkspaceId,
        needs: Mapping[FragmentId, Collection[Compartment]],
        *,
        new: Collection[FragmentId] = (),
        versions: Versions = NO_VERSIONS,
    ) -> dict[FragmentId, Bundle]:
        """Bundles with a key for each compartment needed, made and committed where missing.

        Args:
            new: fragments that were created just now and so have no bundle yet.
            versions: the state versions of fragments, as the caller's transaction has read them; keys that
                were opened under another one are not used.

        Raises:
            KeyMissing: the erasure of one of the fragments was ordered.
            KmsUnavailable, StoreUnavailable: no keys, so nothing may be sealed.
        """
        ready = self._opened.covering(workspace_id, {one: needs[one] for one in needs if one not in new}, versions)
        missing = {one: needs[one] for one in needs if one not in ready}
        return ready | self._complete(workspace_id, missing, versions) if missing else ready

    def lacking(
        self,
        workspace_id: WorkspaceId,
        needs: Mapping[FragmentId, Collection[Compartment]],
        *,
        versions: Versions = NO_VERSIONS,
    ) -> set[FragmentId]:
        """Those of these fragments that `for_sealing` would make a key for now.

        Raises:
            KmsUnavailable, StoreUnavailable: nobody can say.
        """
        ready = self._opened.covering(workspace_id, needs, versions)
        unsure = [one for one in needs if one not in ready]
        if not unsure:
            return set()
        present = self._present(workspace_id, unsure, versions)
        return {one for one in unsure if one not in present or not present[one].covers(needs[one])}

    def for_opening(
        self,
        grant: OpenGrant,
        needs: Mapping[FragmentId, Collection[Compartment]],
        *,
        versions: Versions = NO_VERSIONS,
    ) -> dict[FragmentId, Bundle]:
        """The bundles of those of these fragments that have one; `BROKEN` for one that does not open.

        Args:
            needs: the compartments that are to be opened: where one is not known here, another process may have made
                its key just now.
            versions: as for `for_sealing`.

        Raises:
            KmsUnavailable, KeyMissing, StoreUnavailable: none can be opened now.
        """
        workspace_id = grant.workspace_id
        ready = self._opened.covering(workspace_id, needs, versions)
        missing = [one for one in needs if one not in ready]
        return ready | self._present(workspace_id, missing, versions) if missing else ready

    def compartments(
        self, workspace_id: WorkspaceId, fragments: Collection[FragmentId]
    ) -> dict[FragmentId, frozenset[Compartment]]:
        """For which compartments each of these fragments has a key, those included that another process made just now;
        names only, no key is given out.

        Raises:
            KmsUnavailable, StoreUnavailable: the bundles cannot be opened.
        """
        present = self._present(workspace_id, fragments, NO_VERSIONS)
        return {fragment: frozenset(bundle) for fragment, bundle in present.items()}

    def shred(self, grant: ShredGrant, fragments: Collection[FragmentId], *, fold_in: bool = True) -> int:
        """Destroy the keys of these fragments, after writing the order into the erasure ledger.

        Done again, it destroys nothing more. Returns how many bundles there were.

        Args:
            fold_in: False for a caller that holds a transaction, and calls `checkpoint` after it: readers of the
                keystore may keep that waiting.
        """
        now = self._clock()
        orders = [ErasureOrder(grant.workspace_id, fragment, grant.request_id, now) for fragment in sorted(fragments)]
        with self._keystore.write(grant.workspace_id) as transaction:
            rows.order_erasure(transaction, orders)
        with self._keystore.write(grant.workspace_id) as transaction:
            count = rows.shred_bundles(transaction, grant.workspace_id, fragments)
        self._opened.drop(grant.workspace_id, fragments)
        if fold_in:
            self._keystore.checkpoint()
        return count

    def shred_compartments(self, grant: ShredGrant, gone: Mapping[FragmentId, Collection[Compartment]]) -> int:
        """Destroy the keys of some compartments; the fragments' other keys stay. How many keys there were.

        Done again, it destroys nothing more. The caller raises the fragments' state versions, so that no
        process seals with, or opens by, a key that it still remembers. A bundle that is damaged opens nothing,
        and is left as it is.

        Raises:
            KmsUnavailable, StoreUnavailable: nothing was destroyed.
        """
        workspace_id, count = grant.workspace_id, 0
        generation = self.generation(workspace_id)
        with self._keystore.write(workspace_id) as transaction:
            rows.lock_generations(transaction, workspace_id, exclusive=False)
            wrapped = rows.bundles(transaction, workspace_id, gone.keys(), lock=True)
            present = self._unwrap_sound(workspace_id, wrapped)
            changed: list[tuple[FragmentId, Bundle]] = []
            for fragment, bundle in sorted(present.items(), key=lambda pair: pair[0]):
                left = bundle.without(gone[fragment], grant)
                if len(left) < len(bundle):
                    count += len(bundle) - len(left)
                    changed.append((fragment, left))
            fresh = wrap_bundles(self._kms, workspace_id, generation, changed) if changed else []
            rows.put_bundles(
                transaction,
                [
                    WrappedBundle(workspace_id, fragment, generation, wrapped[fragment].revision + 1, data)
                    for (fragment, _), data in zip(changed, fresh, strict=True)
                ],
            )
        self._opened.drop(workspace_id, gone)
        return count

    def sweep(self, grant: ShredGrant, holders: Collection[FragmentId]) -> int:
        """Delete bundles that no data needs, of which nothing is remembered; how many there were."""
        with self._keystore.write(grant.workspace_id) as transaction:
            count = rows.shred_bundles(transaction, grant.workspace_id, holders)
        self._opened.drop(grant.workspace_id, holders)
        return count

    def checkpoint(self) -> None:
        """Fold the keystore's journal in, so that what was destroyed is gone from it, too (SQLite)."""
        self._keystore.checkpoint()

    def forget(self) -> None:
        """Drop every opened key from memory, and look again which generation wraps."""
        self._opened.clear()
        self._generations.clear()

    def expire(self) -> None:
        """Drop the opened keys that may not be used any more, although no others come in."""
        self._opened.expire()

    def generation(self, workspace_id: WorkspaceId) -> int:
        """The KEK generation that wraps now.

        Raises:
            KeyMissing: the key service has no key for this workspace.
        """
        known = self._generations.get(workspace_id)
        if known is not None and holds(known[0], self._clock()):
            return known[1]
        generations = self._kms.generations(workspace_id)
        if not generations:
            raise KeyMissing(
                "the key service holds no key for this workspace",
                hint="check REGISTRY_KMS_URL: it must be the one that this data was created with",
            )
        self._generations[workspace_id] = (self._clock() + CACHE_FOR, generations[-1].number)
        return generations[-1].number

    def _present(
        self, workspace_id: WorkspaceId, fragments: Collection[FragmentId], versions: Versions
    ) -> dict[FragmentId, Bundle]:
        """The bundles as they stand in the keystore now; those that are as they were need no key service."""
        with self._keystore.read(workspace_id) as transaction:
            wrapped = rows.bundles(transaction, workspace_id, fragments)
        same = self._opened.still(workspace_id, wrapped)
        changed = {fragment: row for fragment, row in wrapped.items() if fragment not in same}
        return same | self._unwrap_sound(workspace_id, changed, versions) if changed else same

    def _complete(
        self,
        workspace_id: WorkspaceId,
        needs: Mapping[FragmentId, Collection[Compartment]],
        versions: Versions,
    ) -> dict[FragmentId, Bundle]:
        generation = self.generation(workspace_id)
        with self._keystore.write(workspace_id) as transaction:
            rows.lock_generations(transaction, workspace_id, exclusive=False)
            if rows.ordered_among(transaction, workspace_id, needs.keys()):
                raise KeyMissing("the keys of this person were destroyed")
            wrapped = rows.bundles(transaction, workspace_id, needs.keys(), lock=True)
            present = self._unwrap(workspace_id, wrapped)
            complete = {
                fragment: present[fragment].with_compartments(compartments)
                if fragment in present
                else Bundle.create(compartments)
                for fragment, compartments in sorted(needs.items())
            }
            changed = [(f, bundle) for f, bundle in complete.items() if bundle is not present.get(f)]
            fresh = wrap_bundles(self._kms, workspace_id, generation, changed)
            put = [
                WrappedBundle(workspace_id, f, generation, wrapped[f].revision + 1 if f in wrapped else 1, data)
                for (f, _), data in zip(changed, fresh, strict=True)
            ]
            rows.put_bundles(transaction, put)
        revisions = {row.fragment_id: row.revision for row in (*wrapped.values(), *put)}
        self._opened.remember(workspace_id, complete, revisions, versions)
        return complete

    def _unwrap(
        self,
        workspace_id: WorkspaceId,
        wrapped: Mapping[FragmentId, WrappedBundle],
        versions: Versions = NO_VERSIONS,
    ) -> dict[FragmentId, Bundle]:
        if any(generation_of(row.wrapped) != row.generation for row in wrapped.values()):
            # The key service would look for a generation that is not that of the bundle, and may never have been.
            raise SealBroken("the header of a key bundle is damaged", extra={"failure": "altered"})
        items = [(fragment, row.wrapped) for fragment, row in wrapped.items()]
        bundles = unwrap_bundles(self._kms, workspace_id, items) if items else []
        opened = {fragment: bundle for (fragment, _), bundle in zip(items, bundles, strict=True)}
        self._opened.remember(
            workspace_id, opened, {fragment: row.revision for fragment, row in wrapped.items()}, versions
        )
        return opened

    def _unwrap_sound(
        self,
        workspace_id: WorkspaceId,
        wrapped: Mapping[FragmentId, WrappedBundle],
        versions: Versions = NO_VERSIONS,
    ) -> dict[FragmentId, Bundle]:
        """All in one call of the key service; one by one only where that fails, since one is damaged."""
        try:
            return self._unwrap(workspace_id, wrapped, versions)
        except SealBroken:
            if len(wrapped) == 1:
                return dict.fromkeys(wrapped, BROKEN)
        sound: dict[FragmentId, Bundle] = {}
        for fragment, row in wrapped.items():
            sound |= self._unwrap_sound(workspace_id, {fragment: row}, versions)
        return sound
