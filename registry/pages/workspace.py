"""The workspace's own things: violations and quarantine, purposes, sources and plans, keys, audit log, documents."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.flows import console, plans
from registry.flows.accountability import forms, verify
from registry.flows.accountability.forms import Presented
from registry.flows.consent.tokens import DECISION_TYPE, require_unexpired
from registry.flows.traffic import replay
from registry.flows.traffic.trace import trace
from registry.model.errors import InvalidInput, NotFound, RegistryError
from registry.model.ids import parse_id, text_id
from registry.pages.officers import Visit, officers
from registry.pages.site import HEADERS

PAGE = 50
TOKEN_MOST = 120_000


@officers(Action.VIOLATIONS_READ)
def violations(visit: Visit) -> Response:
    """`GET /console/violations`: the feed, newest first, without a value; and how often each was seen."""
    return _violations(visit)


@officers(Action.QUARANTINE_REPLAY, changes=True)
def replay_quarantine(visit: Visit) -> Response:
    """`POST /console/quarantine`: send what was rejected through again, or say what would become of it."""
    source, dry_run = visit.form.text("source", most=255) or None, visit.form.text("how") != "replay"
    counts = replay.replay(
        visit.deployment, visit.workspace, source_name=source, dry_run=dry_run, actor=visit.principal.actor
    )
    return _violations(visit, counts=counts, dry_run=dry_run)


@officers(Action.TRACES_READ, changes=True)
def trace_message(visit: Visit) -> Response:
    """`POST /console/traces`: what became of a message; its id is the sender's, and stays out of the address."""
    try:
        found = trace(visit.deployment, visit.workspace, visit.form.text("message_id"))
    except NotFound as error:
        return _violations(visit, 404, error=error)
    return _violations(visit, traced=found)


@officers(Action.POLICIES_READ)
def purposes(visit: Visit) -> Response:
    """`GET /console/purposes`: as people read them, in each language."""
    catalogue = visit.deployment.policies.purposes
    languages = list(dict.fromkeys(name for purpose in catalogue.purposes.values() for name in purpose.title))
    language = visit.query("language")
    chosen = language if language in languages else languages[0]
    return visit.page("purposes.html", catalogue=catalogue, languages=languages, language=chosen)


@officers(Action.SOURCES_READ)
def sources(visit: Visit) -> Response:
    """`GET /console/sources`: where messages come from, and the plans that they keep."""
    published = plans.published(visit.deployment, visit.workspace.workspace_id) if visit.may(Action.PLANS_READ) else []
    return visit.page("sources.html", sources=console.sources(visit.deployment, visit.workspace), plans=published)


@officers(Action.PLANS_READ)
def plan(visit: Visit) -> Response:
    """`GET /console/plans/{name}/{version}`: a plan's events, and its file."""
    name, version = visit.request.path_params["name"], visit.request.path_params["version"]
    row = plans.get(visit.deployment, visit.workspace.workspace_id, name, version)
    compiled = plans.compiled(visit.deployment, visit.workspace.workspace_id, name, version)
    return visit.page("plan.html", row=row, plan=compiled)


@officers(Action.KEYS_READ)
def keys(visit: Visit) -> Response:
    """`GET /console/keys`: API keys, and the generations that everything is wrapped under."""
    found, status = console.keys(visit.deployment, visit.workspace)
    return visit.page("keys.html", keys=found, key_status=status, now=visit.deployment.clock())


@officers(Action.AUDIT_READ)
def audit(visit: Visit) -> Response:
    """`GET /console/audit`: entries, newest first, and the checkpoint."""
    return _audit(visit)


@officers(Action.AUDIT_READ, changes=True)
def check_audit(visit: Visit) -> Response:
    """`POST /console/audit`: check the whole log, also against a checkpoint that somebody kept."""
    kept = visit.form.text("checkpoint", most=TOKEN_MOST).replace("\r\n", "\n")
    try:
        faults = verify.log(visit.deployment, visit.workspace, [kept + "\n"] if kept else [])
    except RegistryError as error:
        return _audit(visit, 422, error=error)
    return _audit(visit, faults=faults)


@officers(Action.AUDIT_READ)
def checkpoint(visit: Visit) -> Response:
    """`GET /console/audit/checkpoint`: the signed note that an auditor keeps."""
    name = {"Content-Disposition": 'attachment; filename="checkpoint.txt"'}
    text = verify.checkpoint(visit.deployment, visit.workspace)
    return Response(text, 200, HEADERS | name, media_type="text/plain")


@officers(None)
def documents(visit: Visit) -> Response:
    """`GET` and `POST /console/documents`: check a certificate, a receipt or a decision with the published keys."""
    found: Presented | None = None
    error: RegistryError | None = None
    if visit.request.method == "POST":
        token = visit.form.text("document", most=TOKEN_MOST)
        try:
            found = forms.check(token, visit.workspace.jwks())
            if found.kind == DECISION_TYPE:
                require_unexpired(found.claims, visit.deployment.clock())
        except RegistryError as fault:
            found, error = None, fault
    status = 200 if error is None else 422
    return visit.page("documents.html", status, found=found, error=error)


def _violations(visit: Visit, status: int = 200, **values: Any) -> Response:
    cursor = visit.query("cursor")
    before = parse_id(cursor, "cursor") if cursor is not None else None
    page, counts, following = console.violations(visit.deployment, visit.workspace, PAGE, before)
    names = [source.name for source in console.sources(visit.deployment, visit.workspace)]
    shown = {"error": None, "counts": None, "dry_run": False, "traced": None} | values
    return visit.page(
        "violations.html", status, violations=page, frequencies=counts, sources=names, cursor=cursor,
        following=text_id(following) if following is not None else None, **shown,
    )  # fmt: skip


def _audit(visit: Visit, status: int = 200, **values: Any) -> Response:
    before = visit.query("before")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise InvalidInput("before is not a position")
    page, size = console.audit_entries(visit.deployment, visit.workspace, PAGE, int(before) if before else None)
    text = verify.checkpoint(visit.deployment, visit.workspace)
    shown = {"error": None, "faults": None} | values
    return visit.page("audit.html", status, entries=page, size=size, before=before, checkpoint=text, **shown)


ROUTES = [
    Route("/console/violations", violations),
    Route("/console/quarantine", replay_quarantine, methods=["POST"]),
    Route("/console/traces", trace_message, methods=["POST"]),
    Route("/console/purposes", purposes),
    Route("/console/sources", sources),
    Route("/console/plans/{name}/{version}", plan),
    Route("/console/keys", keys),
    Route("/console/audit", audit),
    Route("/console/audit", check_audit, methods=["POST"]),
    Route("/console/audit/checkpoint", checkpoint),
    Route("/console/documents", documents, methods=["GET", "POST"]),
]
