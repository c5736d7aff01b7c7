"""What is kept of somebody although they were erased, or never known: told, since it is about them too (GDPR Art. 15).

The keyed memory that they do not want to be known, and what legal holds and statutory duties have set
aside: since when, on which ground, for which purpose. What is set aside is not opened for this.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from registry.flows.deployment import Deployment
from registry.flows.dsr.reference import about
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.ids import FragmentId, RequestId
from registry.model.message import Identifier
from registry.store import holdings, quarantine
from registry.store.database import Transaction


def told(transaction: Transaction, workspace: OpenWorkspace, people: Sequence[Identifier]) -> dict[str, Any]:
    """The memory and the cases of whoever is known by these identifiers, and the requests that they come from."""
    workspace_id = workspace.workspace_id
    keys = [workspace.suppression.key(person.kind, person.value) for person in people]
    remembered = quarantine.suppressions(transaction, workspace_id, keys)
    erasures = sorted({RequestId(row.request_id) for row in remembered})
    cases = [case for request in erasures for case in holdings.cases(transaction, workspace_id, request)]
    return {
        "suppressed": [
            {"reason": row.reason, "suppressed_at": rfc3339(row.suppressed_at)}
            for row in sorted(remembered, key=lambda row: row.suppressed_at)
        ],
        "cases": [
            {
                "ground": case.ground,
                "purpose": case.purpose,
                "categories": list(filter(None, case.categories.split(","))),
                "items": case.items,
                "made_at": rfc3339(case.made_at),
                "ended_at": rfc3339(case.ended_at) if case.ended_at is not None else None,
                "certificate": case.certificate,
            }
            for case in cases
        ],
    }


def requests_about(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    fragments: Collection[FragmentId],
    people: Sequence[Identifier],
) -> list[RequestId]:
    """Every request of or about a person: over their fragments, or opened by one of these identifiers."""
    pseudonyms = [workspace.suppression.key(person.kind, person.value).hex() for person in people]
    return about(deployment, transaction, workspace, fragments, pseudonyms)
