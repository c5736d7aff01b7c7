"""Generated documents of accountability: records of processing (GDPR Art. 30) and the skeleton of an impact assessment.

They are made from the purposes, the census, the plans and systems in use and the settings that the registry runs by,
and so cannot say anything else than what it does.
"""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable
from importlib import resources
from typing import Any

from jinja2 import Environment

from registry.dsr.accounting import Disposition
from registry.dsr.census import Handling
from registry.dsr.declarations import ALL, DECLARED, TAGGED
from registry.dsr.plan import LinkedSystem
from registry.dsr.requests import Kind
from registry.flows import plans
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.store import administration, destinations, webhooks

RECORDS_PAGE = "records.html"
ASSESSMENT_PAGE = "assessment.md"

MEASURES = (
    "sealed field by field with AES-256-GCM, a key per person and set of purposes; keys in a database of their own",
    "found by keyed hashes, never by plaintext",
    "every read is for a purpose, and refused without a lawful ground",
    "an audit log in which any change is found (RFC 6962)",
    "erasure by destroying keys, verified by a second look and certified",
)
"""Technical measures (Art. 32(1)) that cannot be switched off."""

MARK = BOM_UTF8.decode()
SUBJECTS = "customers and visitors"
COLUMNS = (
    "purpose", "title", "lawful_basis", "data_subjects", "categories", "recipients", "transfers", "retention_days",
    "tables",
)  # fmt: skip


def records(deployment: Deployment, workspace: OpenWorkspace) -> dict[str, Any]:
    """The records of processing activities (Art. 30(1)): one activity for each purpose, and who receives what.

    Raises:
        PlanNotFound, StoreUnavailable: a plan in use cannot be read.
    """
    controller, outside = deployment.controller, receivers(deployment, workspace)
    plan_fields = _plan_fields(deployment, workspace)
    return {
        "controller": {
            "name": controller.name,
            "address": controller.address,
            "contact": controller.contact,
            "representative": controller.representative,
            "data_protection_officer": controller.data_protection_officer,
        },
        "storage_locations": list(controller.storage_locations),
        "transfers": controller.transfers,
        "written": rfc3339(deployment.clock()),
        "policy_version": deployment.policies.purposes.version,
        "activities": _activities(deployment, outside, plan_fields),
        "systems": outside,
        "measures": list(MEASURES),
        "fields": [field.as_json() for field in DECLARED if field.is_personal],
        "plan_fields": plan_fields,
        "outside_fields": outside_fields(deployment.linked),
    }


def _activities(
    deployment: Deployment, outside: list[dict[str, Any]], plan_fields: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    shared = {field.table for field in DECLARED if field.is_personal and field.purposes in (TAGGED, ALL)}
    everything = {category for field in DECLARED for category in field.categories}
    activities = []
    for purpose in deployment.policies.purposes.purposes.values():
        own = {field.table for field in DECLARED if field.is_personal and field.purposes == purpose.name}
        of_plans = {one for field in plan_fields if purpose.name in field["purposes"] for one in field["categories"]}
        sent = [system["name"] for system in outside if system["purpose"] == purpose.name]
        activities.append(
            {
                "purpose": purpose.name,
                "title": purpose.told_in("en")[0],
                "description": purpose.told_in("en")[1],
                "lawful_basis": {place: basis.value for place, basis in purpose.lawful_basis.items()},
                "data_subjects": SUBJECTS,
                "categories": list(purpose.categories) or sorted(everything | of_plans),
                "recipients": [*purpose.recipients, *sent],
                "transfers": deployment.controller.transfers,
                "retention_days": purpose.retention_days,
                "tables": sorted(shared | own),
            }
        )
    return activities


def receivers(deployment: Deployment, workspace: OpenWorkspace) -> list[dict[str, Any]]:
    """The systems that are sent data, or hold data of the same people: what each is, what for, and what it gets."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        sent = destinations.listed(transaction, workspace.workspace_id)
        told = webhooks.listed(transaction, workspace.workspace_id)
    found: list[dict[str, Any]] = [
        {
            "name": row.name, "kind": f"destination ({row.kind})", "purpose": row.purpose,
            "receives": f"events: {row.events}; traits: {row.traits}",
        }
        for row in sent
    ]  # fmt: skip
    for hook in told:
        values = "identifiers and ids" if hook.purpose else "ids of ours"
        receives = f"{values}, for {hook.topics}"
        found.append({"name": hook.name, "kind": "webhook", "purpose": hook.purpose, "receives": receives})
    for system in deployment.linked:
        receives = "requests of data subjects, with every identifier of whom they are about"
        found.append({"name": system.name, "kind": "connected system", "purpose": None, "receives": receives})
    return found


def _plan_fields(deployment: Deployment, workspace: OpenWorkspace) -> list[dict[str, Any]]:
    """What the plans of the workspace's sources declare of events and traits, each field once."""
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        bound = {(row.plan_name, row.plan_version) for row in administration.sources(transaction, workspace_id)}
    found = []
    for name, version in sorted({(name, plans.resolved(deployment, workspace_id, name, v)) for name, v in bound}):
        plan = plans.compiled(deployment, workspace_id, name, version)
        found += [
            {
                "plan": plan.identity, "event": field.event, "pointer": field.pointer,
                "categories": list(field.categories), "purposes": sorted(field.purposes), "retention": field.retention,
            }
            for field in plan.declarations
            if field.personal
        ]  # fmt: skip
    return found


def outside_fields(systems: Iterable[LinkedSystem]) -> list[dict[str, Any]]:
    """The fields of connected systems, with what access and erasure do to each; a system that is down says nothing."""
    found = []
    for system in systems:
        try:
            given = {(one.table, one.field): one.disposition for one in system.plan(Kind.ACCESS, []).accounts}
            plan = system.plan(Kind.ERASURE, [])
        except Exception:  # noqa: BLE001 - a connector of somebody's own may raise anything; the document is still made
            found.append({"system": system.name, "table": None, "field": None, "category": None, "access": None,
                          "erasure": None, "ground": "it does not answer now"})  # fmt: skip
            continue
        for one in plan.accounts:
            access = given.get((one.table, one.field), Disposition.RETAINED)
            found.append(
                {
                    "system": one.system, "table": one.table, "field": one.field,
                    "category": plan.categories.get((one.table, one.field)), "access": access.value,
                    "erasure": one.disposition.value, "ground": one.ground,
                }
            )  # fmt: skip
    return found


def records_csv(found: dict[str, Any]) -> str:
    """The records of processing as CSV, one activity a line, after the mark by which spreadsheets know UTF-8."""
    buffer = io.StringIO()
    buffer.write(MARK)
    writer = csv.writer(buffer)
    writer.writerow(("controller", "data_protection_officer", *COLUMNS))
    stated = found["controller"]
    for activity in found["activities"]:
        row = (_cell(activity[column]) for column in COLUMNS)
        writer.writerow((_cell(stated["name"]), _cell(stated["data_protection_officer"]), *row))
    return buffer.getvalue()


def records_html(found: dict[str, Any]) -> str:
    """The records of processing as one page that stands alone."""
    return _rendered(RECORDS_PAGE, found, autoescape=True)


def assessment(deployment: Deployment, workspace: OpenWorkspace) -> str:
    """The skeleton of a data-protection impact assessment (Art. 35(7)) in Markdown: what is known is filled in."""
    proof = (Handling.MEMORY, Handling.EVIDENCE, Handling.ACT)
    personal = [field for field in DECLARED if field.is_personal]
    known = {
        "personal_tables": sorted({field.table for field in personal if field.handling not in proof}),
        "kept_after_erasure": sorted({field.table for field in personal if field.handling in proof}),
        "balancing": {name: one.balancing for name, one in deployment.policies.purposes.purposes.items()},
        "jurisdiction": deployment.jurisdiction,
    }
    return _rendered(ASSESSMENT_PAGE, records(deployment, workspace) | known, autoescape=False)


def _rendered(name: str, values: dict[str, Any], *, autoescape: bool) -> str:
    template = (resources.files("registry.flows") / "templates" / name).read_text(encoding="utf-8")
    made = Environment(autoescape=autoescape, trim_blocks=True, lstrip_blocks=True).from_string(template)  # noqa: S701 - Markdown of our own words
    return made.render(**values)


def _cell(value: object) -> str:
    """A cell of CSV: lists joined; what a spreadsheet would take for a formula is quoted."""
    if isinstance(value, dict):
        text = "; ".join(f"{name}: {held}" for name, held in value.items())
    else:
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
