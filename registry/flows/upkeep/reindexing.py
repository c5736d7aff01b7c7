"""Rotation of the blind-index key: online, resumable, every look-up right throughout.

1. add      a new root; servers look identifiers up under both from now on, and still store under the old one
2. wait     until every server knows it (`PUBLISHED_BEFORE_USE`), from when on they store under the new one, and until
            every server does (`STORED_BEFORE_MOVE`): whoever still stored under the old one would be refused
3. move     every identifier, a page a transaction: opened, hashed under the new root, sealed for its new place,
            and renamed wherever it stands
4. settle   nothing is looked up under the old root any more

Killed anywhere, it goes on from the last page. What has no value to be hashed again stays under the root it
came with: message ids, names of unplanned properties, suppressions, whom quarantine is about (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.identity.subjects import seal_identifier
from registry.flows.opening import open_identifiers
from registry.flows.upkeep.rotation import Progress, add_secret
from registry.flows.workspace import STORED_BEFORE_MOVE, OpenWorkspace, open_workspace
from registry.keys.primitives import KEY_BYTES, random_bytes
from registry.model.clock import Micros
from registry.model.compartment import IDENTITY
from registry.model.decision import Reason
from registry.model.errors import Conflict, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import BlindIndex, WorkspaceId
from registry.model.stored import StoredIdentifier
from registry.model.stored_upkeep import IndexMove
from registry.store import identities, keystore, reindexing
from registry.store.database import Transaction

PAGE = 200
"""Identifiers moved in one transaction: some milliseconds, for which writers wait."""

NAME = "blind-index"


def begin(deployment: Deployment, workspace: OpenWorkspace, *, actor: str) -> int:
    """Add a blind-index key; its version. Identifiers may move under it from `movable_at` on.

    Raises:
        Conflict: the last rotation is not finished: go on with it.
        KmsUnavailable, StoreUnavailable: nothing has happened.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        settled = reindexing.settled(transaction, workspace.workspace_id)
    return add_secret(
        deployment, workspace.workspace_id, NAME, random_bytes(KEY_BYTES), actor=actor, action="key:index:rotated",
        refuse=lambda rows: "the identifiers have not all moved yet" if rows[-1].version > settled else None,
    )  # fmt: skip


def movable_at(deployment: Deployment, workspace_id: WorkspaceId) -> Micros | None:
    """From when on identifiers may move under the newest key; None when they have moved already."""
    with deployment.keystore.read(workspace_id) as transaction:
        newest = [row for row in keystore.secrets(transaction, workspace_id) if row.name == NAME][-1]
    with deployment.data.read(workspace_id) as transaction:
        settled = reindexing.settled(transaction, workspace_id)
    return newest.created_at + STORED_BEFORE_MOVE if newest.version > settled else None


def go_on(
    deployment: Deployment, workspace_id: WorkspaceId, *, actor: str, progress: Progress | None = None
) -> int | None:
    """Move all identifiers under the newest key, from where the last run ended; its version, None if nothing is to do.

    Raises:
        Conflict: the servers do not all store under the key yet (`movable_at`).
        SealBroken: some identifiers do not open; they go on to be looked up under the old key.
        KmsUnavailable, StoreUnavailable: run it again.
    """
    ready = movable_at(deployment, workspace_id)
    if ready is None:
        return None
    if ready > deployment.clock():
        raise Conflict("servers are still getting to know the new key", hint="wait three minutes, then resume")
    workspace = open_workspace(deployment, workspace_id)
    state = _begin(deployment, workspace)
    while state.finished_at is None:
        state = _page(deployment, workspace, actor)
        if progress is not None:
            progress(state.moved, max(state.moved, state.total))
        if state.closed and not state.after:
            raise SealBroken(
                f"{state.closed} identifiers do not open, and stay under the old key",
                hint="run registry doctor, restore what is damaged, then: registry keys rotate --blind-index --resume",
            )
    return state.version


def _begin(deployment: Deployment, workspace: OpenWorkspace) -> IndexMove:
    """Where the move is; writes that it has begun, after which nobody stores under an older key."""
    workspace_id, version = workspace.workspace_id, workspace.indexer.version
    with deployment.data.write(workspace_id) as transaction:
        reindexing.hold(transaction, workspace_id, exclusive=True)
        identities.lock(transaction, workspace_id)
        known = [row for row in reindexing.moves(transaction, workspace_id) if row.version == version]
        if known:
            return known[0]
        total = reindexing.count(transaction, workspace_id)
        move = IndexMove(workspace_id, version, b"", 0, 0, total, deployment.clock(), None)
        reindexing.note(transaction, move)
        return move


def _page(deployment: Deployment, workspace: OpenWorkspace, actor: str) -> IndexMove:
    """Move one page, and write down how far it is; at the end, that all have moved, or start over with what is left."""
    workspace_id, version = workspace.workspace_id, workspace.indexer.version
    with deployment.data.write(workspace_id) as transaction:
        reindexing.hold(transaction, workspace_id, exclusive=True)
        identities.lock(transaction, workspace_id)
        [state] = [row for row in reindexing.moves(transaction, workspace_id) if row.version == version]
        page = identities.identifiers_after(transaction, workspace_id, state.after, PAGE)
        now = deployment.clock()
        if page:
            closed = _move(deployment, workspace, transaction, page)
            moved = state.moved + len(page) - closed
            state = state._replace(after=page[-1].fragment_id, moved=moved, closed=state.closed + closed)
        elif state.closed:
            reindexing.note(transaction, state._replace(after=b"", moved=0, closed=0))
            return state._replace(after=b"")
        else:
            state = state._replace(finished_at=now)
            trail.append(
                transaction, workspace_id, now, actor=actor, action="key:index:moved", outcome="done",
                fields={"version": version, "moved": state.moved},
            )  # fmt: skip
        reindexing.note(transaction, state)
        return state


def _move(
    deployment: Deployment, workspace: OpenWorkspace, transaction: Transaction, page: Sequence[StoredIdentifier]
) -> int:
    """Move a page of identifiers; how many of them are damaged. Those whose key is shredded are about to be deleted."""
    workspace_id, indexer = workspace.workspace_id, workspace.indexer
    grant = OpenGrant(workspace_id, frozenset({IDENTITY}), f"keys:{NAME} {indexer.version}")
    opened, shut = open_identifiers(deployment, grant, page)
    bundles = deployment.keyring.for_opening(grant, {row.fragment_id: (IDENTITY,) for row, _ in opened})
    moving: list[tuple[StoredIdentifier, BlindIndex, bytes]] = []
    for row, identifier in opened:
        index = indexer.index(identifier.kind, identifier.value)
        if index != row.blind_index:
            sealed = seal_identifier(workspace_id, row.fragment_id, index, identifier, bundles)
            moving.append((row, index, sealed))
    reindexing.move(transaction, workspace_id, moving)
    return shut[Reason.DAMAGED]
