"""People of whom nothing is left but identifiers and consent records, for longer than the policy keeps those.

Forgetting somebody may cost a yes, never a no: whoever said no, whose consent has ended, or whom anything else still
names, stays. It is told of whole people, so that nobody's identifiers part from each other by it, and who is who of all
others stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from registry.dsr.retention import nothing_but_yes
from registry.flows.acts import trail
from registry.flows.consent import changes
from registry.flows.deployment import Deployment
from registry.model.grants import ShredGrant
from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.model.stored import Fragment
from registry.store import bare, consents, erasure, identities
from registry.store.database import Transaction

NAME = "identifiers and consent records"
"""What goes, as the report of a sweep has it."""


class Bare(NamedTuple):
    """Whom nothing but identifiers and consent records is left of, and how much there is of those."""

    profiles: Sequence[ProfileId]
    fragments: Sequence[FragmentId]
    indexes: Sequence[BlindIndex]
    records: int

    def counted(self) -> dict[str, int]:
        """As the report counts it."""
        return {"people": len(self.profiles), "identifiers": len(self.fragments), "records": self.records}


NOBODY = Bare((), (), (), 0)


def find(
    deployment: Deployment, workspace_id: WorkspaceId, transaction: Transaction, page: Sequence[Fragment],
    free: Collection[FragmentId],
) -> Bare:  # fmt: skip
    """Whom the policy says to forget, among those whose oldest identifier stands on a page.

    Args:
        page: fragments of any people, as the transaction sees them.
        free: those of them whose people neither restrict processing nor are held.
    """
    kept_for = deployment.policies.retention.bare_identity_for
    if kept_for is None:
        return NOBODY
    now = deployment.clock()
    before = now - kept_for
    asked = {row.profile_id for row in page if bytes(row.fragment_id) == row.profile_id and row.fragment_id in free}
    people: dict[ProfileId, list[Fragment]] = {}
    for row in identities.fragments_of_profiles(transaction, workspace_id, asked):
        people.setdefault(row.profile_id, []).append(row)

    def drop(gone: Collection[ProfileId]) -> list[FragmentId]:
        for profile_id in gone:
            people.pop(profile_id, None)
        return [row.fragment_id for own in people.values() for row in own]

    ids = drop([who for who, own in people.items() if any(max(row.created_at, row.joined_at) >= before for row in own)])
    home = {row.fragment_id: row.profile_id for own in people.values() for row in own}
    ids = drop({home[one] for one in bare.with_more(transaction, workspace_id, ids)})
    said: dict[ProfileId, list[tuple[str, int | None]]] = {}
    for state in consents.states(transaction, workspace_id, ids):
        said.setdefault(home[state.fragment_id], []).append((state.status, state.expires_at))
    ids = drop([who for who, words in said.items() if not nothing_but_yes(words, now)])
    told = bare.consent_told(transaction, workspace_id, ids)
    drop({home[one] for one, (_, latest) in told.items() if latest >= before})
    drop(bare.requested(transaction, workspace_id, list(people)))
    whose = {row.anchor: row.profile_id for own in people.values() for row in own}
    drop({whose[one] for one in bare.named_elsewhere(transaction, workspace_id, whose)})
    for low, high in bare.beside(transaction, workspace_id, whose):
        if whose.get(low) != whose.get(high):  # what keeps somebody else where they are
            drop({whose[end] for end in (low, high) if end in whose})
    left = [row for own in people.values() for row in own]
    records = sum(told[row.fragment_id][0] for row in left if row.fragment_id in told)
    return Bare(list(people), [row.fragment_id for row in left], [row.anchor for row in left], records)


def forget(deployment: Deployment, grant: ShredGrant, transaction: Transaction, found: Bare) -> int:
    """Destroy the keys of these people, then delete their rows; how many keys there were.

    The order stands in the erasure ledger, so that a copy of the data that is put back forgets them again. Who is not
    an erased person is not suppressed: whoever comes back is somebody new, of whom nothing is known.
    """
    workspace_id = grant.workspace_id
    keys = deployment.keyring.shred(grant, found.fragments, fold_in=False)
    for profile_id in found.profiles:  # requests before their scopes, as whoever begins one takes them
        erasure.forget_profile(transaction, workspace_id, profile_id)
    erasure.erase_rows(transaction, workspace_id, found.fragments, found.indexes)
    position = trail.append(
        transaction, workspace_id, deployment.clock(), actor="registry", action="retention:people:forgotten",
        outcome="done", fields=found.counted(),
    )  # fmt: skip
    changes.tell_erasure(transaction, workspace_id, position)
    return keys
