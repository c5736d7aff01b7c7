"""Rotation of KEK generations: online, resumable, and the end of the erasure horizon.

1. create       a new generation; from now on it wraps
2. rewrap       every bundle and workspace secret, page by page; data keys and data stay as they are
3. destroy      an old generation that nothing is wrapped under any more

Until step 3 a backup of the keystore from before an erasure still opens what was erased: that is the
erasure horizon. After it, nothing does. Killed anywhere, the rotation goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.access.key_ages import KeyKind
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace, is_ripe
from registry.keys.bundle import rewrap_bundles, secret_aad
from registry.keys.kms import GenerationState, generation_of
from registry.keys.signing import SigningKey
from registry.model.clock import Micros
from registry.model.errors import Conflict, SealBroken
from registry.model.ids import FragmentId, WorkspaceId, text_id
from registry.model.stored import WrappedBundle, WrappedSecret
from registry.model.stored_upkeep import IndexMove
from registry.store import keystore, reindexing

PAGE = 500
SHOWN = 20

Progress = Callable[[int, int], None]
"""Called with how many bundles are rewrapped, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """One KEK generation: its age, and how many bundles are wrapped under it."""

    number: int
    state: str
    created_at: Micros | None
    bundles: int
    secrets: int


@dataclass(frozen=True, slots=True)
class OwnKeyStatus:
    """One of the workspace's own keys: a blind-index key, the suppression's, or a signing key.

    Attributes:
        state: `current`, `coming` (known to every server soon, and not used yet) or `retired` (a signing key that
            only verifies; a blind-index key that nothing new is stored under).
    """

    name: str
    version: int
    state: str
    created_at: Micros


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The keys of a workspace.

    Attributes:
        own: the workspace's own keys.
        moves: how far identifiers have moved under each later blind-index key.
        horizon_open_since: the creation of the oldest generation that still exists: keystore backups
            from then on can still be opened. None when there is none.
    """

    generations: tuple[GenerationStatus, ...]
    horizon_open_since: Micros | None
    own: tuple[OwnKeyStatus, ...]
    moves: tuple[IndexMove, ...]


def status(deployment: Deployment, workspace_id: WorkspaceId) -> KeyStatus:
    """Generations, ages, how many bundles are under each, and the erasure horizon.

    Raises:
        KmsUnavailable, StoreUnavailable: they cannot be asked.
    """
    with deployment.keystore.read(workspace_id) as transaction:
        counts = keystore.bundle_counts(transaction, workspace_id)
        secrets = keystore.secrets(transaction, workspace_id)
    with deployment.data.read(workspace_id) as transaction:
        moves = tuple(reindexing.moves(transaction, workspace_id))
    generations = tuple(
        GenerationStatus(
            number=generation.number,
            state=generation.state.value,
            created_at=generation.created_at,
            bundles=counts.get(generation.number, 0),
            secrets=sum(1 for row in secrets if row.generation == generation.number),
        )
        for generation in deployment.kms.generations(workspace_id)
    )
    living = [g.created_at for g in generations if g.state != GenerationState.DESTROYED and g.created_at is not None]
    return KeyStatus(generations, min(living, default=None), _own_keys(secrets, deployment.clock()), moves)


def rotate_signing(deployment: Deployment, workspace: OpenWorkspace, *, actor: str) -> int:
    """Add a signing key; its version. It is published at once, and signs once every server has it there.

    The earlier keys stay in the JWK set: what they signed goes on to verify. One commit of the keystore does it;
    killed before, nothing has happened, killed after, only the entry of the audit log is missing.

    Raises:
        Conflict: the last rotation's key does not sign yet.
        KmsUnavailable, StoreUnavailable: nothing has happened.
    """
    plain = SigningKey.generate().encode()

    def refuse(rows: Sequence[WrappedSecret]) -> str | None:
        return None if is_ripe(rows[-1], deployment.clock()) else "the newest signing key does not sign yet"

    return add_secret(
        deployment, workspace.workspace_id, "signing", plain, actor=actor, action="key:signing:rotated", refuse=refuse
    )


def add_secret(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    name: str,
    plain: bytes,
    *,
    actor: str,
    action: str,
    refuse: Callable[[Sequence[WrappedSecret]], str | None],
) -> int:
    """Add another version of one of the workspace's own keys; its number.

    Args:
        refuse: is given the versions that there are, oldest first, and says why there may not be another one yet.

    Raises:
        Conflict: `refuse` gave a reason.
        KmsUnavailable, StoreUnavailable: nothing has happened.
    """
    now, generation = deployment.clock(), deployment.keyring.generation(workspace_id)
    with deployment.keystore.write(workspace_id) as transaction:
        keystore.lock_generations(transaction, workspace_id, exclusive=True)
        rows = [row for row in keystore.secrets(transaction, workspace_id) if row.name == name]
        if reason := refuse(rows):
            raise Conflict(reason, hint="wait two minutes; an interrupted rotation goes on with --resume")
        version = rows[-1].version + 1
        [wrapped] = deployment.kms.wrap_many(
            workspace_id, generation, [(plain, secret_aad(workspace_id, name, version))]
        )
        keystore.put_secrets(transaction, [WrappedSecret(workspace_id, name, version, generation, wrapped, now)])
    with deployment.data.write(workspace_id) as transaction:
        trail.append(
            transaction, workspace_id, now, actor=actor, action=action, outcome="done", fields={"version": version}
        )
    return version


def born(found: KeyStatus) -> dict[KeyKind, Micros]:
    """When the newest key of each kind was made; 0 where nobody knows."""
    kek = next((g.created_at or 0 for g in found.generations if g.state == GenerationState.CURRENT), 0)
    newest: dict[str, Micros] = {}
    for key in found.own:
        newest[key.name] = max(key.created_at, newest.get(key.name, 0))
    return {KeyKind.KEK: kek} | {kind: newest[kind] for kind in (KeyKind.SIGNING, KeyKind.BLIND_INDEX)}


def is_due(deployment: Deployment, workspace_id: WorkspaceId, kind: KeyKind, *, older_than: Micros) -> bool:
    """Whether the newest key of a kind is older than so many microseconds, or of unknown age."""
    return deployment.clock() - born(status(deployment, workspace_id))[kind] > older_than


def _own_keys(secrets: Sequence[WrappedSecret], now: Micros) -> tuple[OwnKeyStatus, ...]:
    in_use: dict[str, int] = {}
    for row in secrets:
        if is_ripe(row, now):
            in_use[row.name] = max(row.version, in_use.get(row.name, 1))
    return tuple(
        OwnKeyStatus(row.name, row.version, _state(row.version, in_use[row.name]), row.created_at) for row in secrets
    )


def _state(version: int, in_use: int) -> str:
    if version == in_use:
        return "current"
    return "coming" if version > in_use else "retired"


def rotate(
    deployment: Deployment, workspace: OpenWorkspace, *, start: bool = True, progress: Progress | None = None
) -> int:
    """Move everything under a new generation; the number of it.

    A bundle that is damaged holds up no other: it stays as it is, and keeps its generation from being destroyed.

    Args:
        start: whether to create a generation; False goes on with a rotation that was interrupted.

    Raises:
        SealBroken: everything else is moved, and some bundles do not open (`extra`: `bundles`, whose they are).
        KmsUnavailable, StoreUnavailable: run it again with `start=False`.
    """
    workspace_id = workspace.workspace_id
    # 1. create
    if start:
        deployment.kms.create_generation(workspace_id)
    target = deployment.kms.generations(workspace_id)[-1].number
    deployment.keyring.forget()
    # 2. rewrap
    with deployment.keystore.read(workspace_id) as transaction:
        counts = keystore.bundle_counts(transaction, workspace_id)
    move = _Move(deployment, workspace_id, target, progress, sum(counts.values()), counts.get(target, 0))
    for old in sorted(number for number in counts if number != target):
        move.rewrap_generation(old)
    _rewrap_secrets(deployment, workspace_id, target)
    if move.damaged:
        shown = ", ".join(map(text_id, move.damaged[:SHOWN])) + (", …" if len(move.damaged) > SHOWN else "")
        raise SealBroken(
            f"everything else is under generation {target}; {len(move.damaged)} bundles do not open, and stay as they "
            f"are: {shown}",
            hint="restore the keystore, or these bundles, from a backup, then: registry keys rotate --resume",
            extra={"generation": target, "bundles": list(map(text_id, move.damaged))},
        )
    return target


def destroy(deployment: Deployment, workspace_id: WorkspaceId, generation: int) -> None:
    """Destroy a generation: whatever a backup of the keystore holds under it can never be opened.

    Raises:
        Conflict: it is the present one, or something is still wrapped under it: rotate first.
        NotFound: there never was such a generation.
    """
    with deployment.keystore.write(workspace_id) as transaction:
        keystore.lock_generations(transaction, workspace_id, exclusive=True)
        bundles = keystore.bundle_counts(transaction, workspace_id).get(generation, 0)
        secrets = [row for row in keystore.secrets(transaction, workspace_id) if row.generation == generation]
        if bundles or secrets:
            raise Conflict(
                f"{bundles} bundles and {len(secrets)} secrets are still wrapped under this generation",
                hint="run: registry keys rotate --resume; it names what is damaged, and to be restored first",
            )
        deployment.kms.destroy(workspace_id, generation)


@dataclass(slots=True)
class _Move:
    """A rotation on its way: how many bundles are under the new generation, and which do not open."""

    deployment: Deployment
    workspace_id: WorkspaceId
    target: int
    progress: Progress | None
    total: int
    done: int
    damaged: list[FragmentId] = field(default_factory=list)

    def rewrap_generation(self, old: int) -> None:
        after = b""
        while True:
            with self.deployment.keystore.write(self.workspace_id) as transaction:
                page = keystore.bundles_after(transaction, self.workspace_id, old, after, PAGE, lock=True)
                if not page:
                    return
                fresh = self._rewrapped(page)
                keystore.put_bundles(transaction, fresh)
            after = page[-1].fragment_id
            self.done += len(fresh)
            if self.progress is not None:
                self.progress(self.done, max(self.done, self.total))

    def _rewrapped(self, page: Sequence[WrappedBundle]) -> list[WrappedBundle]:
        """All in one call of the key service; one by one only where that fails, since one is damaged."""
        try:
            if any(generation_of(row.wrapped) != row.generation for row in page):
                raise SealBroken("the header of a key bundle is damaged", extra={"failure": "altered"})
            wrapped = [(row.fragment_id, row.wrapped) for row in page]
            fresh = rewrap_bundles(self.deployment.kms, self.workspace_id, self.target, wrapped)
        except SealBroken:
            if len(page) == 1:
                self.damaged.append(page[0].fragment_id)
                return []
            return [fresh for row in page for fresh in self._rewrapped([row])]
        return [
            row._replace(generation=self.target, revision=row.revision + 1, wrapped=data)
            for row, data in zip(page, fresh, strict=True)
        ]


def _rewrap_secrets(deployment: Deployment, workspace_id: WorkspaceId, target: int) -> None:
    with deployment.keystore.write(workspace_id) as transaction:
        rows = [row for row in keystore.secrets(transaction, workspace_id) if row.generation != target]
        if not rows:
            return
        aads = [secret_aad(workspace_id, row.name, row.version) for row in rows]
        opened = deployment.kms.unwrap_many(workspace_id, [(r.wrapped, aad) for r, aad in zip(rows, aads, strict=True)])
        wrapped = deployment.kms.wrap_many(workspace_id, target, list(zip(opened, aads, strict=True)))
        keystore.put_secrets(
            transaction,
            [row._replace(generation=target, wrapped=data) for row, data in zip(rows, wrapped, strict=True)],
        )
