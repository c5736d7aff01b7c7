"""Tracking plans: published once, compiled once, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from registry.documents import Document, parse
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.model.errors import DocumentInvalid, PlanImmutable, PlanNotFound
from registry.model.ids import WorkspaceId
from registry.model.stored import PublishedPlan
from registry.plans.compile import CompiledPlan, compile_plan
from registry.plans.versions import is_exact, newest
from registry.store import administration

MOST_TEXTS = 64
"""Compiled plans that are shared by whoever publishes the same text, as the workspaces of one firm do."""


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    read: Callable[[], Document] = field(compare=False)


@lru_cache(maxsize=MOST_TEXTS)
def _shared(source: _Source) -> CompiledPlan:
    return compile_plan(source.read())


def compiled(deployment: Deployment, workspace_id: WorkspaceId, name: str, version: str) -> CompiledPlan:
    """A published plan version, compiled.

    Raises:
        PlanNotFound: it is not published.
    """
    key = (workspace_id, name, version)
    found = deployment.compiled.get(key)
    if found is None:
        with deployment.data.read(workspace_id) as transaction:
            row = administration.plan(transaction, workspace_id, name, version)
        if row is None:
            raise PlanNotFound("there is no such plan version", hint="run: registry plans push FILE")
        text = row.document
        found = _shared(_Source(text, lambda: parse(text, file=f"{name}@{version}")))
        deployment.compiled[key] = found
    return found


def resolved(deployment: Deployment, workspace_id: WorkspaceId, name: str, version: str) -> str:
    """The version that an exact version or a range (`^1.2.0`) means now: the newest published one that it allows.

    Raises:
        PlanNotFound: it allows none that is published.
    """
    if is_exact(version):
        return version
    with deployment.data.read(workspace_id) as transaction:
        versions = administration.plan_versions(transaction, workspace_id, name)
    found = newest(version, versions)
    if found is None:
        raise PlanNotFound("no published version of the plan is in this range", hint="run: registry plans list")
    return found


def check_plan(deployment: Deployment, document: Document) -> CompiledPlan:
    """Compile a plan and hold it against the policies that it refers to.

    Raises:
        DocumentInvalid: it does not compile, or names a purpose or a kind of identifier that policy lacks.
    """
    # What no file says, as a plan that is being inferred, has no text to be known by.
    plan = _shared(_Source(document.text, lambda: document)) if document.text else compile_plan(document)
    purposes, kinds = deployment.policies.purposes.purposes, deployment.policies.identity.kinds
    faults = []
    for declaration in plan.declarations:
        unknown = sorted(declaration.purposes - purposes.keys())
        if unknown:
            faults.append(document.fault(declaration.pointer, f"purposes.yaml has no purpose {', '.join(unknown)}"))
        if declaration.identifier is not None and declaration.identifier not in kinds:
            faults.append(document.fault(declaration.pointer, "identity.yaml has no such kind of identifier"))
    if plan.default_purposes - purposes.keys():
        faults.append(document.fault("/purposes", "purposes.yaml lacks one of these purposes"))
    if faults:
        raise DocumentInvalid(faults)
    return plan


def publish(deployment: Deployment, workspace_id: WorkspaceId, document: Document, *, actor: str) -> CompiledPlan:
    """Publish a plan version. Publishing the same text again changes nothing.

    Raises:
        DocumentInvalid: the plan is wrong.
        PlanImmutable: this version is published with another text.
    """
    plan = check_plan(deployment, document)
    now = deployment.clock()
    with deployment.data.write(workspace_id) as transaction:
        before = administration.plan(transaction, workspace_id, plan.name, plan.version)
        if before is not None:
            if before.document != document.text:
                raise PlanImmutable(
                    f"{plan.identity} is published with other content", hint="give the plan a new version"
                )
            return plan
        row = PublishedPlan(workspace_id, plan.name, plan.version, document.text, now)
        administration.add_plan(transaction, row)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="plan:version:published", outcome="done",
            fields={"plan": plan.identity},
        )  # fmt: skip
    return plan


def published(deployment: Deployment, workspace_id: WorkspaceId) -> list[PublishedPlan]:
    """Every published plan version, oldest first."""
    with deployment.data.read(workspace_id) as transaction:
        return administration.plans(transaction, workspace_id)


def get(deployment: Deployment, workspace_id: WorkspaceId, name: str, version: str) -> PublishedPlan:
    """One published plan version.

    Raises:
        PlanNotFound: it is not published.
    """
    with deployment.data.read(workspace_id) as transaction:
        row = administration.plan(transaction, workspace_id, name, version)
    if row is None:
        raise PlanNotFound("there is no such plan version")
    return row
