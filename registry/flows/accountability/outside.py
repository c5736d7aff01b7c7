"""An incident in a connected system: what its description says that it holds, and what only the system can say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from registry.dsr.plan import Described, LinkedSystem
from registry.flows.accountability import breach
from registry.flows.accountability.inventory import outside_fields
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.errors import InvalidInput, NotFound

COVERS = (
    "fields and categories as the reviewed description of this system declares them; whose records it holds, how many "
    "and since when, only the system itself can say: Registry keeps no list, and asks about one person at a time"
)


def reached(
    deployment: Deployment,
    workspace: OpenWorkspace,
    system: str,
    *,
    table: str | None = None,
    noticed_at: Micros | None = None,
    actor: str,
) -> dict[str, Any]:
    """What an incident in a connected system may have reached, and by when to tell whom; that it was asked is audited.

    Args:
        table: only this table of it.

    Raises:
        NotFound: no system of this name is connected.
        InvalidInput: its description has no such table, or there is no such time.
    """
    noticed = breach.noticed_at(deployment, noticed_at)
    named = [one for one in deployment.linked if one.name == system]
    if not named:
        known = ", ".join(one.name for one in deployment.linked) or "none"
        raise NotFound("no system of this name is connected", hint=f"connected: {known}")
    fields = outside_fields(named)
    answers = all(one["field"] is not None for one in fields)
    if not answers:
        fields = _declared(named)
    tables = sorted({one["table"] for one in fields if one["table"] is not None})
    if table is not None and tables and table not in tables:
        raise InvalidInput("its description has no such table", hint=f"one of {', '.join(tables)}", pointer="/table")
    shown = [one for one in fields if table in (None, one["table"])]
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="census:breach:assessed", outcome="done",
            fields={"system": system, "fields": len(shown)},
        )  # fmt: skip
    return {
        "system": system,
        "table": table,
        "answers": answers,
        "categories": sorted({one["category"] for one in shown if one["category"] is not None}),
        "fields": [{name: one[name] for name in ("table", "field", "category")} for one in shown],
        "covers": COVERS,
        "notify": breach.due(deployment, noticed),
    }


def _declared(systems: Iterable[LinkedSystem]) -> list[dict[str, Any]]:
    """What the descriptions of systems declare that do not answer, as after an incident they may not."""
    return [
        {"table": table, "field": field, "category": category}
        for system in systems
        if isinstance(system, Described)
        for table, field, category in system.declared
    ]
