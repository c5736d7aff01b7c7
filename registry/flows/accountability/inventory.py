"""Generated documents of accountability: records of processing (GDPR Art. 30) and the skeleton of an impact assessment.

They are made from the purposes, the census and the settings that the registry runs by, and so cannot
say anything else than what it does.
"""

from __future__ import annotations

import csv
import io
from importlib import resources
from typing import Any

from jinja2 import Environment

from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED, TAGGED
from registry.flows.deployment import Deployment
from registry.model.clock import rfc3339
from registry.store.erasure import PERSONAL_TABLES

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

SUBJECTS = "customers and visitors"


def records(deployment: Deployment) -> dict[str, Any]:
    """The records of processing activities (Art. 30(1)): one activity for each purpose."""
    tagged = sorted({field.table for field in DECLARED if field.purposes == TAGGED})
    everything = sorted({category for field in DECLARED for category in field.categories})
    activities = []
    for purpose in deployment.policies.purposes.purposes.values():
        own = {field.table for field in DECLARED if field.is_personal and field.purposes == purpose.name}
        bases = {place: basis.value for place, basis in purpose.lawful_basis.items()}
        activities.append(
            {
                "purpose": purpose.name,
                "title": purpose.told_in("en")[0],
                "description": purpose.told_in("en")[1],
                "lawful_basis": bases,
                "data_subjects": SUBJECTS,
                "categories": list(purpose.categories) or everything,
                "recipients": list(purpose.recipients),
                "retention_days": purpose.retention_days,
                "tables": sorted({*tagged, *own}),
            }
        )
    controller = deployment.controller
    return {
        "controller": {"name": controller.name, "address": controller.address, "contact": controller.contact},
        "storage_locations": list(controller.storage_locations),
        "written": rfc3339(deployment.clock()),
        "policy_version": deployment.policies.purposes.version,
        "activities": activities,
        "measures": list(MEASURES),
        "fields": [field.as_json() for field in DECLARED if field.is_personal],
    }


def records_csv(found: dict[str, Any]) -> str:
    """The records of processing as CSV, one activity a line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = (
        "purpose", "title", "lawful_basis", "data_subjects", "categories", "recipients", "retention_days", "tables",
    )  # fmt: skip
    writer.writerow(("controller", *columns))
    for activity in found["activities"]:
        writer.writerow((found["controller"]["name"], *(_cell(activity[column]) for column in columns)))
    return buffer.getvalue()


def records_html(found: dict[str, Any]) -> str:
    """The records of processing as one page that stands alone."""
    return _rendered(RECORDS_PAGE, found, autoescape=True)


def assessment(deployment: Deployment) -> str:
    """The skeleton of a data-protection impact assessment (Art. 35(7)) in Markdown: what is known is filled in."""
    kept = [field for field in DECLARED if field.handling in (Handling.MEMORY, Handling.EVIDENCE)]
    known = {
        "personal_tables": sorted(PERSONAL_TABLES),
        "kept_after_erasure": sorted({field.table for field in kept}),
        "jurisdiction": deployment.jurisdiction,
    }
    return _rendered(ASSESSMENT_PAGE, records(deployment) | known, autoescape=False)


def _rendered(name: str, values: dict[str, Any], *, autoescape: bool) -> str:
    template = (resources.files("registry.flows") / "templates" / name).read_text(encoding="utf-8")
    made = Environment(autoescape=autoescape, trim_blocks=True, lstrip_blocks=True).from_string(template)  # noqa: S701 - Markdown of our own words
    return made.render(**values)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
