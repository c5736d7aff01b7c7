"""Who is calling: API keys and write keys, found by the hash of their secret, made and revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from registry.access.policy import Principal, PrincipalKind, owner_of
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import BoundSource
from registry.flows.plans import compiled, resolved
from registry.keys.credentials import hash_key, mint_key
from registry.model.clock import Micros
from registry.model.errors import Conflict, InvalidInput, NotFound, PlanNotFound, Unauthenticated
from registry.model.ids import SourceId, WorkspaceId
from registry.model.provenance import Method
from registry.model.stored import Credential, Source
from registry.plans.compile import CompiledPlan
from registry.plans.enforcement import Mode
from registry.plans.versions import allows, is_exact
from registry.store import administration


class Minted(NamedTuple):
    """A new key: its secret is shown once and kept nowhere."""

    identity: bytes
    secret: str


def principal_of(deployment: Deployment, secret: str) -> Principal:
    """The principal that an API key stands for.

    Raises:
        Unauthenticated: it is unknown, expired or revoked; which of these is not said.
    """
    key_hash = hash_key(secret)
    with deployment.data.presenting(key_hash) as transaction:
        found = administration.credential_by_key(transaction, key_hash)
    now = deployment.clock()
    if found is None or found.revoked_at is not None:
        raise Unauthenticated("the key is not valid")
    if found.expires_at is not None and found.expires_at <= now:
        raise Unauthenticated("the key is not valid")
    return Principal(
        kind=PrincipalKind(found.kind),
        workspace_id=found.workspace_id,
        key_id=found.credential_id,
        name=found.name,
        role=found.role,
        purposes=frozenset(filter(None, found.purposes.split(","))),
        holder=found.owner or "",
    )


def source_of(deployment: Deployment, write_key: str) -> BoundSource:
    """The source that a write key belongs to, with its plan compiled.

    Raises:
        Unauthenticated: the key is unknown.
        PlanNotFound: the source is bound to a plan that is not published.
    """
    key_hash = hash_key(write_key)
    with deployment.data.presenting(key_hash) as transaction:
        row = administration.source_by_write_key(transaction, key_hash)
    if row is None:
        raise Unauthenticated("the write key is not valid")
    return bind(deployment, row)


def bind(deployment: Deployment, row: Source) -> BoundSource:
    """A source with its compiled plan and the enforcement that holds for it.

    A source that is bound to a range of versions has the newest published one that the range allows.

    Raises:
        PlanNotFound: no such version is published.
    """
    version = resolved(deployment, row.workspace_id, row.plan_name, row.plan_version)
    bound = _at(row, compiled(deployment, row.workspace_id, row.plan_name, version))
    if is_exact(row.plan_version):
        return bound

    def at_version(named: str) -> BoundSource | None:
        if not allows(row.plan_version, named):
            return None
        try:
            return _at(row, compiled(deployment, row.workspace_id, row.plan_name, named))
        except PlanNotFound:
            return None

    return replace(bound, at_version=at_version)


def _at(row: Source, plan: CompiledPlan) -> BoundSource:
    enforcement = plan.enforcement.override(
        unplanned_events=row.unplanned_events, unplanned_properties=row.unplanned_properties, violations=row.violations
    )
    return BoundSource(row, plan, enforcement)


def create_source(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    *,
    name: str,
    plan: str,
    version: str,
    method: str = Method.SELF_DECLARED.value,
    unplanned_events: str | None = None,
    unplanned_properties: str | None = None,
    violations: str | None = None,
    actor: str,
) -> Minted:
    """Create a source, bound to a published plan version or a range of them; its write key is shown once.

    Raises:
        PlanNotFound: the plan version is not published.
        InvalidInput: a mode or method is not one of those there are.
        Conflict: the name is taken.
    """
    compiled(deployment, workspace_id, plan, resolved(deployment, workspace_id, plan, version))
    for pointer, mode in (("/unplanned_events", unplanned_events), ("/unplanned_properties", unplanned_properties),
                          ("/violations", violations)):  # fmt: skip
        if mode is not None and mode not in list(Mode):
            raise InvalidInput(f"the mode is none of {', '.join(Mode)}", pointer=pointer)
    if method not in list(Method):
        raise InvalidInput(f"the method is none of {', '.join(Method)}", pointer="/method")
    secret, digest = mint_key("rg_write")
    now, source_id = deployment.clock(), SourceId(deployment.new_id())
    row = Source(
        workspace_id, source_id, name, digest, plan, version,
        unplanned_events, unplanned_properties, violations, method, now,
    )  # fmt: skip
    with deployment.data.write(workspace_id) as transaction:
        if any(known.name == name for known in administration.sources(transaction, workspace_id)):
            raise Conflict("a source of this name exists already", hint="choose another name")
        administration.add_source(transaction, row)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="source:created", outcome="done",
            fields={"source": name, "plan": f"{plan}@{version}"},
        )  # fmt: skip
    return Minted(source_id, secret)


def bind_source(
    deployment: Deployment, workspace_id: WorkspaceId, *, name: str, plan: str, version: str, actor: str
) -> str:
    """Bind a source to another plan version, or a range of them; the version that this means now.

    Servers hold new messages against it within seconds; a replay does so at once.

    Raises:
        NotFound: there is no source of this name.
        PlanNotFound: no such version is published.
    """
    now = deployment.clock()
    means = resolved(deployment, workspace_id, plan, version)
    compiled(deployment, workspace_id, plan, means)
    with deployment.data.write(workspace_id) as transaction:
        row = next((s for s in administration.sources(transaction, workspace_id) if s.name == name), None)
        if row is None:
            raise NotFound("there is no source of this name")
        administration.bind_source(transaction, workspace_id, row.source_id, plan, version)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="source:plan:bound", outcome="done",
            fields={"source": name, "plan": f"{plan}@{version}"},
        )  # fmt: skip
    return means


def create_key(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    *,
    kind: PrincipalKind,
    role: str,
    name: str,
    purposes: frozenset[str] = frozenset(),
    expires_at: Micros | None = None,
    owner: str | None = None,
    actor: str,
) -> Minted:
    """Create an API key; its secret is shown once.

    Args:
        owner: the name of the person whose key it is, for rules that count people. Whoever holds several
            keys is one person only if each says so; a key of which nobody says it is its own name's.

    Raises:
        InvalidInput: policy knows no such role, or no such purpose.
    """
    deployment.policies.access.require_role(role)
    unknown = [purpose for purpose in purposes if purpose not in deployment.policies.purposes.purposes]
    if unknown:
        raise InvalidInput("a purpose is not in the policy", pointer="/purposes")
    secret, digest = mint_key(f"rg_{kind.value}")
    now, key_id = deployment.clock(), deployment.new_id()
    text = ",".join(sorted(purposes))
    stands = owner_of(PrincipalKind.PERSON, owner) if owner is not None else owner_of(kind, name)
    row = Credential(workspace_id, key_id, digest, kind.value, role, name, text, now, expires_at, None, stands)
    with deployment.data.write(workspace_id) as transaction:
        administration.add_credential(transaction, row)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="key:api:created", outcome="done",
            fields={"name": name, "role": role, "owner": stands},
        )  # fmt: skip
    return Minted(key_id, secret)


def revoke_key(deployment: Deployment, workspace_id: WorkspaceId, key_id: bytes, *, actor: str) -> None:
    """Revoke an API key; servers stop taking it within seconds.

    Raises:
        NotFound: there is no such key, or it was revoked before.
    """
    now = deployment.clock()
    with deployment.data.write(workspace_id) as transaction:
        if not administration.revoke_credential(transaction, workspace_id, key_id, now):
            raise NotFound("there is no such key that could be revoked")
        trail.append(transaction, workspace_id, now, actor=actor, action="key:api:revoked", outcome="done")
