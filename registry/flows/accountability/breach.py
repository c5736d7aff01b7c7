"""Breach impact (GDPR Art. 33 and 34): whose data, which categories, under which keys, since when, and by when to tell.

1. extent   the tables, source, time and KEK generation that the incident reached
2. count    rows, people and keys, by set operations; nothing is opened
3. say      the categories by the census, the purposes, the deadlines of notification
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros, rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import FragmentId, ProfileId, text_id
from registry.store import administration, keystore
from registry.store import breach as rows

TO_AUTHORITY: Micros = 3 * DAY
"""GDPR Art. 33(1): 72 hours after becoming aware of it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of an incident; what is None does not narrow it."""

    table: str | None = None
    source: str | None = None
    generation: int | None = None
    since: Micros | None = None
    until: Micros | None = None
    noticed_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """The impact, as `told`, and the opaque ids of the profiles it touched."""

    told: dict[str, object]
    profiles: list[ProfileId]


def assess(deployment: Deployment, workspace: OpenWorkspace, incident: Incident, *, actor: str) -> Impact:
    """Whose data an incident touched, and what follows from it; that it was asked is audited.

    Raises:
        InvalidInput: there is no such table of personal data.
        NotFound: there is no such source.
    """
    extent = _extent(deployment, workspace, incident)
    counts = dict.fromkeys(extent.tables, rows.Touched(0, None, None))
    profiles: set[ProfileId] = set()
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction, deployment.keystore.read(workspace_id) as keys:
        wrapped = keystore.bundle_counts(keys, workspace_id)
        parts: Iterable[list[FragmentId] | None] = [None]
        if incident.generation is not None:
            wrapped = {incident.generation: wrapped.get(incident.generation, 0)}
            parts = rows.generation_of(keys, workspace.workspace_id, incident.generation)
        for part in parts:
            for table in extent.tables:
                more = rows.touched(transaction, workspace.workspace_id, table, extent, part)
                counts[table] = _sum(counts[table], more)
            profiles |= rows.people(transaction, workspace.workspace_id, extent, part)
        held = rows.compartments(transaction, workspace.workspace_id, extent)
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="census:breach:assessed", outcome="done",
            fields={"people": len(profiles), "rows": sum(count.rows for count in counts.values())},
        )  # fmt: skip
    return Impact(_told(incident, counts, held, wrapped, len(profiles), now), sorted(profiles))


def _told(
    incident: Incident,
    counts: dict[str, rows.Touched],
    held: set[str],
    wrapped: dict[int, int],
    people: int,
    now: Micros,
) -> dict[str, object]:
    noticed = now if incident.noticed_at is None else incident.noticed_at
    hit = {table for table, count in counts.items() if count.rows}
    content = [field for field in DECLARED if field.table in hit and field.handling is Handling.CONTENT]
    first = min((count.first for count in counts.values() if count.first is not None), default=None)
    last = max((count.last for count in counts.values() if count.last is not None), default=None)
    return {
        "people": people,
        "rows": {table: count.rows for table, count in counts.items()},
        "categories": sorted({category for field in content for category in field.categories}),
        "purposes": sorted({purpose for name in held for purpose in purposes_of(Compartment(name))}),
        "since": rfc3339(first) if first is not None else None,
        "until": rfc3339(last) if last is not None else None,
        "sealed_fields": sorted(f"{field.table}.{field.field}" for field in content if field.field != "status"),
        "key_bundles_by_generation": {str(number): count for number, count in sorted(wrapped.items())},
        "notify": {
            "authority_by": rfc3339(noticed + TO_AUTHORITY),
            "authority_ground": "GDPR Art. 33(1): 72 hours after becoming aware, unless a risk is unlikely",
            "people_ground": "GDPR Art. 34(1): without undue delay where the risk is high; not needed (Art. 34(3)(a)) "
            "where only sealed fields were reached, and neither the keystore nor the key service was",
        },
    }


def _extent(deployment: Deployment, workspace: OpenWorkspace, incident: Incident) -> rows.Extent:
    if incident.table is not None and incident.table not in rows.PLACES:
        raise InvalidInput(
            "there is no such table of people's data", hint=f"one of {', '.join(rows.PLACES)}", pointer="/table"
        )
    source_id = None
    if incident.source is not None:
        with deployment.data.read(workspace.workspace_id) as transaction:
            known = {row.name: row.source_id for row in administration.sources(transaction, workspace.workspace_id)}
        if incident.source not in known:
            raise NotFound("there is no such source", hint="run: registry sources list")
        source_id = known[incident.source]
    tables = [incident.table] if incident.table is not None else list(rows.PLACES)
    return rows.Extent(tables, source_id, incident.since, incident.until)


def _sum(one: rows.Touched, other: rows.Touched) -> rows.Touched:
    firsts = [at for at in (one.first, other.first) if at is not None]
    lasts = [at for at in (one.last, other.last) if at is not None]
    return rows.Touched(one.rows + other.rows, min(firsts, default=None), max(lasts, default=None))


def listed(profiles: Iterable[ProfileId]) -> str:
    """The profiles' opaque ids, one a line."""
    return "".join(f"{text_id(profile)}\n" for profile in profiles)
