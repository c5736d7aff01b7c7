"""Subject references: from `{"kind", "value"}` to a person's fragments, by blind index only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.flows.deployment import Deployment
from registry.flows.identity.joining import Claim, join
from registry.flows.workspace import OpenWorkspace
from registry.identity.normalise import Blocked, normalise
from registry.identity.rules import IdentityRules
from registry.keys.bundle import Bundle
from registry.keys.envelope import record_aad, seal
from registry.model.compartment import IDENTITY
from registry.model.errors import Forbidden, InvalidInput, NotFound
from registry.model.ids import BlindIndex, FragmentId, MessageKey, ProfileId, SourceId, WorkspaceId
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredIdentifier
from registry.store import identities, quarantine, reindexing
from registry.store.database import Transaction

NO_SOURCE = SourceId(b"\0" * 16)
"""The source of what came through the API or an officer rather than from a tracking source."""


def subject(rules: IdentityRules, kind: str, value: str) -> Identifier:
    """A subject reference, normalised.

    Raises:
        InvalidInput: the kind is not in the policy, or the value cannot point at a person.
    """
    found = normalise(kind, value, rules)
    if isinstance(found, Blocked):
        raise InvalidInput(f"the value cannot point at a person: {found.reason}", pointer="/subject/value")
    return found


def standing(
    workspace: OpenWorkspace, transaction: Transaction, people: Collection[Identifier]
) -> dict[Identifier, BlindIndex]:
    """The blind index that each of these identifiers stands under, or would be stored under.

    Between two versions of the blind-index key it is the one that its row is under; nobody moves it
    until the transaction ends.
    """
    indexer = workspace.indexer
    if not indexer.several:
        return {person: indexer.index(person.kind, person.value) for person in people}
    reindexing.hold(transaction, workspace.workspace_id)
    candidates = {person: indexer.indexes(person.kind, person.value) for person in people}
    every = {index for indexes in candidates.values() for index in indexes}
    known = identities.fragments_by_index(transaction, workspace.workspace_id, every)
    return {person: next((i for i in indexes if i in known), indexes[0]) for person, indexes in candidates.items()}


def hold(workspace: OpenWorkspace, transaction: Transaction, *, exclusive: bool = False) -> None:
    """Let nobody else change who is who, or what anybody allows, until the transaction ends.

    In the writers' order of locks, which whoever takes more than one of them keeps, or two wait for each other: who is
    suppressed, what identifiers stand under, who is who.

    Args:
        exclusive: nobody who found a person not suppressed may still be writing, either.
    """
    quarantine.hold_suppressions(transaction, workspace.workspace_id, exclusive=exclusive)
    if workspace.indexer.several:
        reindexing.hold(transaction, workspace.workspace_id)
    identities.lock(transaction, workspace.workspace_id)


def fragments_of(workspace: OpenWorkspace, transaction: Transaction, person: Identifier) -> list[Fragment]:
    """Every fragment of the person behind an identifier, oldest first; none for nobody."""
    index = standing(workspace, transaction, [person])[person]
    profile_id = identities.profile_of(transaction, workspace.workspace_id, index)
    if profile_id is None:
        return []
    return identities.fragments_of_profiles(transaction, workspace.workspace_id, [profile_id])


def fragments_of_profile(workspace: OpenWorkspace, transaction: Transaction, profile_id: ProfileId) -> list[Fragment]:
    """Every fragment of a profile, oldest first.

    Raises:
        NotFound: there is no such profile in this workspace.
    """
    found = identities.fragments_of_profiles(transaction, workspace.workspace_id, [profile_id])
    if not found:
        raise NotFound("there is no such profile")
    return found


def find_or_create(
    deployment: Deployment, workspace: OpenWorkspace, transaction: Transaction, person: Identifier
) -> Fragment:
    """The fragment that hangs on an identifier; made, with its keys, when it is not known yet.

    Raises:
        Forbidden: the person was erased and is not to be known again.
    """
    key = workspace.suppression.key(person.kind, person.value)
    if quarantine.suppressed(transaction, workspace.workspace_id, [key]):
        raise Forbidden("this person was erased and must not be re-created", extra={"rule": "suppression"})
    workspace_id, now = workspace.workspace_id, deployment.clock()
    index = standing(workspace, transaction, [person])[person]
    nowhere = MessageKey(b"\0" * 16)
    claim = Claim(((index, person.kind),), NO_SOURCE, nowhere, now, now)
    rules = deployment.policies.identity
    joined = join(
        transaction, workspace_id, rules, [claim], new_id=deployment.new_id, now=now,
        index_version=workspace.indexer.version,
    )  # fmt: skip
    fragment = joined.by_index[index]
    if fragment.fragment_id in joined.new:
        needs = {fragment.fragment_id: (IDENTITY,)}
        bundles = deployment.keyring.for_sealing(workspace_id, needs, new=needs.keys())
        sealed = seal_identifier(workspace_id, fragment.fragment_id, index, person, bundles)
        row = StoredIdentifier(workspace_id, index, person.kind, fragment.fragment_id, sealed, NO_SOURCE, nowhere, now)
        identities.add_identifiers(transaction, [row])
    return fragment


def seal_identifier(
    workspace_id: WorkspaceId,
    fragment_id: FragmentId,
    index: BlindIndex,
    identifier: Identifier,
    bundles: Mapping[FragmentId, Bundle],
) -> bytes:
    """An identifier's value under the key of the fragment that it anchors."""
    aad = record_aad(b"identifier", workspace_id, fragment_id, index, b"value")
    return seal(bundles[fragment_id].key(IDENTITY), identifier.value.encode(), aad)
