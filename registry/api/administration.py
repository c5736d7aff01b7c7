"""Sources, plans, keys, policies, violations, quarantine, traces and the audit log over HTTP."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.consent import moment
from registry.api.plan_work import sent_plan
from registry.api.wire import UUID_FORM, Cursor, MessageQuery, NewKey, NewSource, PlainPath, Position, Replay
from registry.documents import Document
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.accountability import verify
from registry.flows.opening import source_names
from registry.flows.traffic import replay
from registry.flows.traffic.trace import trace, violation_json
from registry.flows.traffic.violations import DIMENSIONS, summary
from registry.model.clock import DAY, rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import parse_id, text_id
from registry.store import administration as rows
from registry.store import audit_log, quarantine

router = APIRouter(prefix="/v1", tags=["administration"], route_class=JsonRoute)

Limit = Annotated[int, Query(ge=1, le=500)]
Dimensions = Annotated[str, Query(max_length=80, description=f"Some of {', '.join(DIMENSIONS)}, with commas between.")]


@router.get("/sources", summary="The workspace's sources")
def list_sources(request: Request) -> dict[str, Any]:
    """Every source with the plan version that it is bound to."""
    application = of(request)
    _, workspace = application.caller(request, Action.SOURCES_READ)
    with application.deployment.data.read(workspace.workspace_id) as transaction:
        found = rows.sources(transaction, workspace.workspace_id)
    return {
        "sources": [
            {
                "source_id": text_id(row.source_id),
                "name": row.name,
                "plan": row.plan_name,
                "version": row.plan_version,
                "method": row.method,
                "unplanned_events": row.unplanned_events,
                "unplanned_properties": row.unplanned_properties,
                "violations": row.violations,
                "created_at": rfc3339(row.created_at),
            }
            for row in found
        ]
    }


@router.post("/sources", status_code=201, summary="Create a source")
def create_source(request: Request, body: NewSource) -> dict[str, Any]:
    """The write key stands in this answer only."""
    application = of(request)
    principal, workspace = application.caller(request, Action.SOURCES_WRITE)
    made = credentials.create_source(
        application.deployment, workspace.workspace_id, actor=principal.actor, **body.model_dump()
    )
    return {"source_id": text_id(made.identity), "name": body.name, "write_key": made.secret}


@router.get("/plans", summary="Published plan versions")
def list_plans(request: Request) -> dict[str, Any]:
    """Every published plan version, oldest first."""
    application = of(request)
    _, workspace = application.caller(request, Action.PLANS_READ)
    found = plans.published(application.deployment, workspace.workspace_id)
    return {"plans": [{"name": p.name, "version": p.version, "published_at": rfc3339(p.published_at)} for p in found]}


@router.post("/plans", status_code=201, summary="Publish a plan version")
async def publish_plan(request: Request) -> dict[str, Any]:
    """The body is the plan's file, YAML or JSON. A published version never changes."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PLANS_PUBLISH)

    def publish(document: Document) -> dict[str, Any]:
        plan = plans.publish(application.deployment, workspace.workspace_id, document, actor=principal.actor)
        return {"name": plan.name, "version": plan.version, "events": len(plan.rules)}

    return dict(await sent_plan(request, application.plan_schema, publish))


@router.get("/plans/{name}/{version}", summary="A published plan's file")
def get_plan(
    request: Request,
    name: Annotated[PlainPath, Path(max_length=64)],
    version: Annotated[PlainPath, Path(max_length=32)],
) -> Response:
    """The text as it was published."""
    application = of(request)
    _, workspace = application.caller(request, Action.PLANS_READ)
    row = plans.get(application.deployment, workspace.workspace_id, name, version)
    return Response(row.document, 200, media_type="application/yaml")


@router.get("/violations", summary="Why messages were rejected or reported")
def list_violations(request: Request, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """Violations, newest first, never with a value; and how often each was seen."""
    application = of(request)
    _, workspace = application.caller(request, Action.VIOLATIONS_READ)
    before = parse_id(cursor, "cursor") if cursor is not None else None
    with application.deployment.data.read(workspace.workspace_id) as transaction:
        found = quarantine.violations(transaction, workspace.workspace_id, limit + 1, before)
        counts = quarantine.violation_counts(transaction, workspace.workspace_id) if cursor is None else []
        names = source_names(transaction, workspace.workspace_id)
    page = found[:limit]
    return {
        "violations": [violation_json(row, names) for row in page],
        "counts": [{"event": e, "code": c, "path": p, "count": n} for e, c, p, n in counts],
        "cursor": text_id(page[-1].violation_id) if len(found) > limit else None,
    }


@router.get("/violations/summary", summary="Violations counted")
def summarise_violations(
    request: Request,
    by: Dimensions = "event,code,property",
    days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 7,
    limit: Limit = 100,
) -> dict[str, Any]:
    """How often each came, most frequent first, with the first and last time that it was seen."""
    application = of(request)
    _, workspace = application.caller(request, Action.VIOLATIONS_READ)
    since = application.deployment.clock() - days * DAY
    counts = summary(application.deployment, workspace, by.split(","), since=since, limit=limit)
    return {"by": by.split(","), "counts": counts}


@router.post("/quarantine/replay", summary="Send quarantined messages through again")
def replay_quarantine(request: Request, body: Replay) -> dict[str, int]:
    """After a plan fix: what now keeps the plan is let in under its own id and times."""
    application = of(request)
    principal, workspace = application.caller(request, Action.QUARANTINE_REPLAY)
    return replay.replay(
        application.deployment, workspace, source_name=body.source, dry_run=body.dry_run, actor=principal.actor
    )


@router.post("/traces", summary="What became of a message")
def trace_message(request: Request, body: MessageQuery) -> dict[str, Any]:
    """The decision trace of a message, by its id in the body: ids are the sender's, and may be personal."""
    application = of(request)
    _, workspace = application.caller(request, Action.TRACES_READ)
    return trace(application.deployment, workspace, body.message_id)


@router.get("/keys", summary="API keys")
def list_keys(request: Request) -> dict[str, Any]:
    """Every API key without its secret, which is kept nowhere."""
    application = of(request)
    _, workspace = application.caller(request, Action.KEYS_READ)
    with application.deployment.data.read(workspace.workspace_id) as transaction:
        found = rows.credentials(transaction, workspace.workspace_id)
    return {
        "keys": [
            {
                "key_id": text_id(row.credential_id),
                "kind": row.kind,
                "role": row.role,
                "name": row.name,
                "purposes": [purpose for purpose in row.purposes.split(",") if purpose],
                "created_at": rfc3339(row.created_at),
                "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
                "revoked_at": rfc3339(row.revoked_at) if row.revoked_at is not None else None,
            }
            for row in found
        ]
    }


@router.post("/keys", status_code=201, summary="Create an API key")
def create_key(request: Request, body: NewKey) -> dict[str, Any]:
    """The secret stands in this answer only."""
    application = of(request)
    principal, workspace = application.caller(request, Action.KEYS_WRITE)
    made = credentials.create_key(
        application.deployment,
        workspace.workspace_id,
        kind=body.kind,
        role=body.role,
        name=body.name,
        purposes=frozenset(body.purposes),
        expires_at=moment(body.expires_at, "/expires_at"),
        owner=body.owner,
        actor=principal.actor,
    )
    return {"key_id": text_id(made.identity), "secret": made.secret}


@router.delete("/keys/{key_id}", status_code=204, summary="Revoke an API key")
def revoke_key(request: Request, key_id: Annotated[str, Path(max_length=36, json_schema_extra=UUID_FORM)]) -> Response:
    """Servers stop taking it within seconds."""
    application = of(request)
    principal, workspace = application.caller(request, Action.KEYS_WRITE)
    identity = parse_id(key_id, "key_id")
    credentials.revoke_key(application.deployment, workspace.workspace_id, identity, actor=principal.actor)
    return Response(status_code=204)


@router.get("/policies", summary="The policies in force")
def get_policies(request: Request) -> dict[str, Any]:
    """Purposes, kinds of identifiers, roles and jurisdictions, by name."""
    application = of(request)
    application.caller(request, Action.POLICIES_READ)
    held = application.deployment.policies
    return {
        "version": held.purposes.version,
        "purposes": [
            {"name": p.name, "title": p.told_in("en")[0], "lawful_basis": p.basis_in(None).value, "version": p.version}
            for p in held.purposes.purposes.values()
        ],
        "identifier_kinds": list(held.identity.kinds),
        "roles": sorted(held.access.roles),
        "jurisdictions": sorted(held.jurisdictions.by_name),
    }


@router.get("/audit/entries", summary="The audit log's entries")
def audit_entries(request: Request, start: Position = 0, limit: Limit = 100) -> dict[str, Any]:
    """Entries in order, each also as the bytes that the tree hashes (base64)."""
    application = of(request)
    _, workspace = application.caller(request, Action.AUDIT_READ)
    with application.deployment.data.read(workspace.workspace_id) as transaction:
        found = audit_log.entries(transaction, workspace.workspace_id, start, limit)
    return {
        "entries": [
            {"position": position, "entry": orjson.loads(entry), "leaf": base64.b64encode(entry).decode()}
            for position, entry in found
        ],
        "next": found[-1][0] + 1 if len(found) == limit else None,
    }


@router.get("/audit/checkpoint", summary="The audit log's signed checkpoint")
def audit_checkpoint(request: Request) -> Response:
    """A signed note (C2SP tlog-checkpoint): what an auditor keeps."""
    application = of(request)
    _, workspace = application.caller(request, Action.AUDIT_READ)
    return Response(verify.checkpoint(application.deployment, workspace), 200, media_type="text/plain")


@router.get("/audit/proof", summary="Inclusion or consistency proof")
def audit_proof(
    request: Request,
    size: Position,
    position: Position | None = None,
    old_size: Position | None = None,
) -> dict[str, Any]:
    """With `position`: that the entry stands in the log of `size`; with `old_size`: that it only grew."""
    application = of(request)
    _, workspace = application.caller(request, Action.AUDIT_READ)
    if (position is None) == (old_size is None):
        raise InvalidInput("give either position or old_size")
    if position is not None:
        path = verify.inclusion(application.deployment, workspace, position, size)
    else:
        path = verify.consistency(application.deployment, workspace, old_size or 0, size)
    return {"size": size, "path": path}
