"""`sources`, `plans`, `policies`, `violations`, `trace`, `quarantine`: what data engineers work with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry import reviewed
from registry.cli import plan_work, quarantine_work, violation_feed
from registry.cli.exits import Exit
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, reported, session, settings, table
from registry.documents import check
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.traffic import trace
from registry.model.clock import rfc3339
from registry.model.ids import text_id
from registry.plans.lint import Severity, lint
from registry.store import administration

sources_app = typer.Typer(no_args_is_help=True, help="Where messages come from.")
plans_app = typer.Typer(no_args_is_help=True, help="Tracking plans.")
policies_app = typer.Typer(no_args_is_help=True, help="Policy files.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Rejected messages.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(sources_app, name="sources")
    app.add_typer(plans_app, name="plans")
    app.add_typer(policies_app, name="policies")
    app.add_typer(quarantine_app, name="quarantine")
    app.command("violations")(violation_feed.violations)
    plan_work.add_to(plans_app)
    quarantine_work.add_to(plans_app, quarantine_app)
    app.command("trace")(trace_message)


@sources_app.command("create")
def create_source(
    name: Annotated[str, typer.Argument(help="The source's name.")],
    plan: Annotated[
        str, typer.Option(help="NAME@VERSION of a published plan; a version may be a range: ^1.2.0.")
    ] = "ecommerce@1.0.0",
    method: Annotated[str, typer.Option(help="How it comes to know what it says.")] = "self_declared",
    unplanned_events: Annotated[str | None, typer.Option(help="block, omit or allow.")] = None,
    unplanned_properties: Annotated[str | None, typer.Option(help="block, omit or allow.")] = None,
    violations: Annotated[str | None, typer.Option(help="block, omit or allow.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Create a source; its write key is shown once."""
    plan_name, _, version = plan.partition("@")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        made = credentials.create_source(
            registry.deployment, opened.workspace_id, name=name, plan=plan_name, version=version, method=method,
            unplanned_events=unplanned_events, unplanned_properties=unplanned_properties, violations=violations,
            actor=who.actor,
        )  # fmt: skip
    answer({"source_id": text_id(made.identity), "name": name, "write_key": made.secret}, as_json=as_json)


@sources_app.command("bind")
def bind_source(
    name: Annotated[str, typer.Argument(help="The source's name.")],
    plan: Annotated[str, typer.Argument(help="NAME@VERSION, published; or a range: NAME@^1.2.0.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Bind a source to another plan version, or to a range of them; new messages are held against it."""
    plan_name, _, version = plan.partition("@")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        means = credentials.bind_source(
            registry.deployment, opened.workspace_id, name=name, plan=plan_name, version=version, actor=who.actor
        )
    text = f"{name} is bound to {plan}" + ("." if means == version else f", which is {means} now.")
    answer({"source": name, "plan": plan, "version": means}, as_json=as_json, text=text)


@sources_app.command("list")
def list_sources(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the sources and the plans that they are bound to."""
    with (
        session(data_dir, workspace, as_json=as_json) as (registry, opened, _),
        registry.deployment.data.read(opened.workspace_id) as transaction,
    ):
        rows = administration.sources(transaction, opened.workspace_id)
    shown = table("name", "plan", "method", "created")
    for row in rows:
        shown.add_row(row.name, f"{row.plan_name}@{row.plan_version}", row.method, rfc3339(row.created_at)[:19])
    listed = [
        {
            "source_id": text_id(row.source_id),
            "name": row.name,
            "plan": f"{row.plan_name}@{row.plan_version}",
            "method": row.method,
            "created_at": rfc3339(row.created_at),
        }
        for row in rows
    ]
    answer({"sources": listed}, as_json=as_json, text=shown)


@plans_app.command("push")
def push_plan(
    file: Annotated[Path, typer.Argument(help="The plan, YAML or JSON.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Publish a plan version; a published version never changes."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        document = reviewed.read_document(file)
        check(document, reviewed.plan_schema())
        plan = plans.publish(registry.deployment, opened.workspace_id, document, actor=who.actor)
    answer({"plan": plan.identity, "events": len(plan.rules)}, as_json=as_json, text=f"{plan.identity} is published.")


@plans_app.command("lint")
def lint_plan(file: Annotated[Path, typer.Argument(help="The plan, YAML or JSON.")], as_json: AsJson = False) -> None:
    """Read a plan as a reviewer would; exits 1 when it finds an error. Needs no registry."""
    with reported(as_json=as_json):
        document = reviewed.read_document(file)
        check(document, reviewed.plan_schema())
        findings = lint(document)
    shown = table("line", "severity", "code", "where", "what")
    for finding in findings:
        shown.add_row(str(finding.line), finding.severity.value, finding.code, finding.pointer, finding.message)
    listed = [
        {"line": f.line, "severity": f.severity.value, "code": f.code, "pointer": f.pointer, "message": f.message}
        for f in findings
    ]
    answer({"findings": listed}, as_json=as_json, text=shown if findings else "Nothing found.")
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(Exit.NO)


@plans_app.command("list")
def list_plans(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the published plan versions."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rows = plans.published(registry.deployment, opened.workspace_id)
    shown = table("plan", "published")
    for row in rows:
        shown.add_row(f"{row.name}@{row.version}", rfc3339(row.published_at)[:19])
    answer({"plans": [f"{row.name}@{row.version}" for row in rows]}, as_json=as_json, text=shown)


@plans_app.command("show")
def show_plan(
    plan: Annotated[str, typer.Argument(help="NAME@VERSION of a published plan.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a published plan, as it was published."""
    name, _, version = plan.partition("@")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = plans.get(registry.deployment, opened.workspace_id, name, version)
        found = plans.compiled(registry.deployment, opened.workspace_id, name, version)
    if as_json:
        published = rfc3339(row.published_at)
        events = [{"type": call.value, "name": known, "id": rule.event} for (call, known), rule in found.rules.items()]
        answer({"plan": plan, "published_at": published, "events": events, "document": row.document}, as_json=True)
    else:
        print(row.document, end="")


@policies_app.command("check")
def check_policies(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of policy files; REGISTRY_POLICIES if absent, then the shipped ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check policy files; every fault with file, line and reason. Needs no registry."""
    with reported(as_json=as_json):
        held = reviewed.load_policies(folder or settings(None).policies)
    names = list(held.purposes.purposes)
    answer(
        {"valid": True, "purposes": names, "version": held.purposes.version},
        as_json=as_json,
        text=f"All policy files are valid: {len(names)} purposes, {len(held.access.roles)} roles.",
    )


def trace_message(
    message_id: Annotated[str, typer.Argument(help="The message's id, as its sender gave it.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """What became of a message, and why; without its values."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        found = trace.trace(registry.deployment, opened, message_id)
    answer(found, as_json=as_json)
