"""A workspace's own keys, opened: how a flow finds, suppresses and signs in one tenant's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.keys.blind_index import BlindIndexer, SuppressionIndexer
from registry.keys.bundle import secret_aad
from registry.keys.envelope import DataKey
from registry.keys.passwords import account_key
from registry.keys.primitives import KEY_BYTES, random_bytes
from registry.keys.signing import SigningKey
from registry.model.clock import SECOND, Micros
from registry.model.errors import Conflict, KeyMissing, NotFound, NotInitialised
from registry.model.ids import WorkspaceId
from registry.model.stored import Workspace, WrappedSecret
from registry.store import administration, keystore, reindexing

OPEN_FOR: Micros = 60 * SECOND
"""How long a workspace's own keys are used before the key service is asked again."""

PUBLISHED_BEFORE_USE: Micros = 2 * OPEN_FOR
"""How long a new signing key stands in the JWK set before it signs: by then every server has it there."""

STORED_BEFORE_MOVE: Micros = PUBLISHED_BEFORE_USE + OPEN_FOR
"""How old a blind-index key is when identifiers begin to move under it: by then every server stores new ones there."""

SECRET_NAMES = ("blind-index", "suppression", "signing")


@dataclass(frozen=True, slots=True)
class OpenWorkspace:
    """One tenant with its own keys opened. Pseudonyms and message keys are of `indexer`."""

    workspace_id: WorkspaceId
    name: str
    indexer: BlindIndexer
    suppression: SuppressionIndexer
    signing: SigningKey
    accounts: DataKey
    published: tuple[dict[str, str], ...]
    verifying: tuple[bytes, ...]

    def jwks(self) -> dict[str, object]:
        """The public signing keys, the present and the earlier ones (RFC 7517)."""
        return {"keys": [dict(key) for key in self.published]}


class Workspaces:
    """The workspaces of a deployment, each opened once a minute."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._opened: dict[WorkspaceId, tuple[Micros, OpenWorkspace]] = {}
        self._lock = Lock()

    def open(self, workspace_id: WorkspaceId) -> OpenWorkspace:
        """The workspace with its keys.

        Raises:
            NotFound: there is no such workspace.
            KeyMissing: the keystore does not belong to the data.
            KmsUnavailable, StoreUnavailable: they cannot be opened now.
        """
        found = self.opened_lately(workspace_id)
        if found is not None:
            return found
        now = self._deployment.clock()
        with self._lock:
            opened = open_workspace(self._deployment, workspace_id)
            self._opened[workspace_id] = (now + OPEN_FOR, opened)
        return opened

    def opened_lately(self, workspace_id: WorkspaceId) -> OpenWorkspace | None:
        """The same, if it was opened a moment ago."""
        found = self._opened.get(workspace_id)
        return found[1] if found is not None and found[0] > self._deployment.clock() else None

    def only(self) -> OpenWorkspace:
        """The one workspace of an embedded registry.

        Raises:
            NotInitialised: there is none yet.
            Conflict: there are several, and the caller has to say which.
        """
        with self._deployment.data.directory() as transaction:
            known = administration.workspaces(transaction)
        if not known:
            raise NotInitialised("there is no workspace yet", hint="run: registry init")
        if len(known) > 1:
            raise Conflict("there are several workspaces", hint="name one with --workspace")
        return self.open(known[0].workspace_id)


def create_workspace(deployment: Deployment, name: str) -> WorkspaceId:
    """Create a tenant: its first KEK generation, its own keys, its row, its first audit entry."""
    workspace_id = WorkspaceId(deployment.new_id())
    now = deployment.clock()
    generation = deployment.kms.create_generation(workspace_id)
    plain = {secret: random_bytes(KEY_BYTES) for secret in SECRET_NAMES[:2]}
    plain["signing"] = SigningKey.generate().encode()
    items = [(plain[secret], secret_aad(workspace_id, secret, 1)) for secret in SECRET_NAMES]
    wrapped = deployment.kms.wrap_many(workspace_id, generation, items)
    secrets = [
        WrappedSecret(workspace_id, secret, 1, generation, data, now)
        for secret, data in zip(SECRET_NAMES, wrapped, strict=True)
    ]
    with deployment.keystore.write(workspace_id) as transaction:
        keystore.put_secrets(transaction, secrets)
    with deployment.data.write(workspace_id) as transaction:
        administration.add_workspace(transaction, Workspace(workspace_id, name, now))
        trail.append(transaction, workspace_id, now, actor="operator", action="workspace:created", outcome="done")
    return workspace_id


def open_workspace(deployment: Deployment, workspace_id: WorkspaceId) -> OpenWorkspace:
    """Unwrap a workspace's own keys.

    Raises:
        NotFound: there is no such workspace.
        KeyMissing: they are not in this keystore, or it is older than the data.
        SealBroken, KmsUnavailable, StoreUnavailable: they cannot be unwrapped now.
    """
    with deployment.data.directory() as transaction:
        names = {row.workspace_id: row.name for row in administration.workspaces(transaction)}
    if workspace_id not in names:
        raise NotFound("there is no such workspace")
    with deployment.keystore.read(workspace_id) as transaction:
        secrets = keystore.secrets(transaction, workspace_id)
    if {row.name for row in secrets} != set(SECRET_NAMES):
        raise KeyMissing(
            "the keystore does not hold this workspace's keys",
            hint="check REGISTRY_KEYSTORE_URL: it must be the keystore of this data",
        )
    items = [(row.wrapped, secret_aad(workspace_id, row.name, row.version)) for row in secrets]
    opened = deployment.kms.unwrap_many(workspace_id, items)
    roots = {(row.name, row.version): plain for row, plain in zip(secrets, opened, strict=True)}
    pairs = [(row, SigningKey.decode(p)) for row, p in zip(secrets, opened, strict=True) if row.name == "signing"]
    signing = [key for _, key in pairs]
    in_use = [key for row, key in pairs if is_ripe(row, deployment.clock())][-1]
    return OpenWorkspace(
        workspace_id=workspace_id,
        name=names[workspace_id],
        indexer=_indexer(deployment, workspace_id, [row for row in secrets if row.name == "blind-index"], roots),
        suppression=SuppressionIndexer(roots["suppression", 1]),
        signing=in_use,
        accounts=account_key(roots["blind-index", 1]),
        published=tuple(key.public_jwk() for key in signing),
        verifying=tuple(key.public for key in signing),
    )


def is_ripe(row: WrappedSecret, now: Micros) -> bool:
    """Whether one of the workspace's own keys may be used: the first at once, a later one when every server has it."""
    return row.version == 1 or row.created_at <= now - PUBLISHED_BEFORE_USE


def _indexer(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    rows: Sequence[WrappedSecret],
    roots: Mapping[tuple[str, int], bytes],
) -> BlindIndexer:
    """New identifiers under the newest ripe root; looked up under every root that some may still be under."""
    versions = [row.version for row in rows]
    with deployment.data.read(workspace_id) as transaction:
        settled, newest = reindexing.settled(transaction, workspace_id), reindexing.newest(transaction, workspace_id)
    if newest > max(versions):  # nobody would be found, and an erasure be certified of nobody
        raise KeyMissing(
            "the keystore is older than the data: it lacks the blind-index key that people are found by",
            hint="put back a keystore from after the rotation, or data from before it",
        )
    if len(versions) == 1:
        return BlindIndexer(roots["blind-index", 1])
    writing = max(row.version for row in rows if is_ripe(row, deployment.clock()))
    later = {version: roots["blind-index", version] for version in versions if version > 1}
    return BlindIndexer(roots["blind-index", 1], later, writing=writing, settled=settled)
