"""Plans worked on over HTTP: read, compared, held against recorded traffic, inferred, and bound to sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute, read_body
from registry.api.wire import Binding, Inference, PlainPath
from registry.documents import Document, check, parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.traffic import inventory, rehearsal
from registry.model.clock import DAY
from registry.model.errors import InvalidInput
from registry.plans.compile import compile_plan
from registry.plans.diff import diff
from registry.plans.infer import infer
from registry.plans.lint import lint

router = APIRouter(prefix="/v1", tags=["administration"], route_class=JsonRoute)

PLAN_BYTES = 2 * 1024 * 1024
Days = Annotated[int, Query(ge=1, le=3650, description="How far back recorded traffic is looked at.")]
Purpose = Annotated[str, Query(max_length=100, description="What accepted events are opened for.")]
SourceName = Annotated[str | None, Query(max_length=100, description="Only what came from this source.")]
FILE = "plan"


async def sent_plan(request: Request, schema: Mapping[str, object], then: Callable[[Document], Any]) -> Any:
    """What a function says of the plan in a request's body, worked out in a thread: a large one takes seconds.

    Raises:
        InvalidInput: the body is no text.
        DocumentInvalid: it is no plan.
    """
    body = await read_body(request, PLAN_BYTES)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the plan is not UTF-8 text") from None

    def work() -> Any:
        document = parse(text, file=FILE)
        check(document, schema)
        return then(document)

    return await run_in_threadpool(work)


@router.post("/plans/lint", summary="Read a plan as a reviewer would")
async def lint_plan(request: Request) -> dict[str, Any]:
    """The body is the plan's file. Findings in the order of the file; nothing is stored."""
    application = of(request)
    application.caller(request, Action.PLANS_READ)

    def read(document: Document) -> dict[str, Any]:
        findings = lint(document)
        return {
            "findings": [
                {"line": f.line, "severity": f.severity.value, "code": f.code, "pointer": f.pointer,
                 "message": f.message}
                for f in findings
            ]
        }  # fmt: skip

    return dict(await sent_plan(request, application.plan_schema, read))


@router.post("/plans/{name}/{version}/diff", summary="Compare a plan with a published one")
async def compare_plan(
    request: Request,
    name: Annotated[PlainPath, Path(max_length=64)],
    version: Annotated[PlainPath, Path(max_length=32)],
) -> dict[str, Any]:
    """The body is the new plan's file: each change from the published version, breaking or compatible, and the
    least version that says so (semver.org).
    """
    application = of(request)
    _, workspace = application.caller(request, Action.PLANS_READ)

    def compare(document: Document) -> dict[str, Any]:
        compile_plan(document)
        row = plans.get(application.deployment, workspace.workspace_id, name, version)
        found = diff(parse(row.document, file=FILE).value, document.value)
        changes = [
            {"code": c.code, "breaking": c.breaking, "event": c.event, "pointer": c.pointer, "message": c.message}
            for c in found.changes
        ]
        return {
            "breaking": found.breaking, "least_version": found.least_version,
            "version_suffices": found.version_suffices, "changes": changes,
        }  # fmt: skip

    return dict(await sent_plan(request, application.plan_schema, compare))


@router.post("/plans/check", summary="Hold a plan against recorded traffic")
async def check_plan_against_traffic(
    request: Request, days: Days = 7, purpose: Purpose = "service", source: SourceName = None
) -> dict[str, Any]:
    """The body is the plan's file: what of the accepted events it would have rejected, what of the quarantined ones
    it would let in, and personal data that it does not declare. Opened in memory; nothing is changed.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PLANS_PUBLISH)
    deployment = application.deployment

    def rehearse(document: Document) -> dict[str, Any]:
        plan, since = plans.check_plan(deployment, document), deployment.clock() - days * DAY
        run = rehearsal.rehearse(
            deployment, workspace, plan, source_name=source, since=since, purpose=purpose, actor=principal.actor
        )
        return run.as_json()

    return dict(await sent_plan(request, application.plan_schema, rehearse))


@router.post("/plans/infer", summary="Write a first plan from quarantined traffic")
def infer_plan(request: Request, body: Inference) -> Response:
    """A plan's file for a person to review: types, formats and what was always there, and no value."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PLANS_PUBLISH)
    deployment = application.deployment
    sample = rehearsal.sample_of(deployment, workspace, source_name=body.source, actor=principal.actor)
    if not sample.events:
        raise InvalidInput("there is no traffic to infer a plan from")
    plan = infer(sample, name=body.name, purposes=body.purposes)
    text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=110)
    document = parse(text, file=FILE)
    check(document, application.plan_schema)
    compile_plan(document)
    return Response(text, 200, media_type="application/yaml")


@router.put("/sources/{name}/plan", summary="Bind a source to a plan version or a range")
def bind_source(request: Request, name: Annotated[PlainPath, Path(max_length=100)], body: Binding) -> dict[str, Any]:
    """New messages are held against it within seconds; `version` in the answer is what it means now."""
    application = of(request)
    principal, workspace = application.caller(request, Action.SOURCES_WRITE)
    means = credentials.bind_source(
        application.deployment, workspace.workspace_id, name=name, plan=body.plan, version=body.version,
        actor=principal.actor,
    )  # fmt: skip
    return {"source": name, "plan": body.plan, "bound_to": body.version, "version": means}


@router.get("/inventory", summary="Data inventory: what plans declare and what traffic holds")
def data_inventory(request: Request, days: Days = 7, purpose: Purpose = "service") -> dict[str, Any]:
    """The declared fields of each plan in use beside the personal data found in sampled traffic, which is opened in
    memory only: field, category, confidence and count, never a value.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.VIOLATIONS_READ)
    since = application.deployment.clock() - days * DAY
    return inventory.inventory(
        application.deployment, workspace, since=since, purpose=purpose, actor=principal.actor
    )  # fmt: skip
