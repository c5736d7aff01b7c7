"""Breach impact (GDPR Art. 33 and 34): whose data, which categories, under which keys, since when, and by when to tell.

1. extent   the tables, source, time and KEK generation that the incident reached
2. look     a page of holders at a time: their rows, the generation of their keys, what the rows say in the clear
3. say      the categories by plans and census, the purposes, the deadlines of notification
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED
from registry.flows.accountability.declared import Declared, identifier_categories
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros, rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import FragmentId, ProfileId, text_id
from registry.store import administration
from registry.store import breach as rows
from registry.store.database import Transaction

PAGE = 5_000
CENTURY = 36_525 * DAY
TABLES = tuple(rows.PLACES)
"""The tables that can be asked about."""
SEALED = ("sealed", "body")
"""The columns that hold ciphertext; every other column of a declared table lies in the clear."""

SEALED_ONLY = (
    "GDPR Art. 34(3)(a): the people need not be told where only sealed fields were reached, and neither the keystore "
    "nor the key service was"
)
OWN = "what this registry keeps itself, in its data database and keystore"
CONTENT = (Handling.CONTENT, Handling.HELD, Handling.MESSAGE)


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

    told: dict[str, Any]
    profiles: list[ProfileId]


@dataclass(slots=True)
class _Found:
    """What was seen so far: rows, times and categories by table, people, holders by generation, compartments.

    Attributes:
        strangers: by table, how many requests, messages and the like are of somebody who has no profile.
    """

    counted: dict[str, int]
    categories: dict[str, set[str]] = field(default_factory=dict)
    people: set[ProfileId] = field(default_factory=set)
    strangers: dict[str, int] = field(default_factory=dict)
    holders: dict[int | None, set[FragmentId]] = field(default_factory=dict)
    compartments: set[str] = field(default_factory=set)
    first: Micros | None = None
    last: Micros | None = None

    def saw(self, table: str, one: rows.Touched) -> None:
        """Count what one holder has in a table."""
        self.counted[table] += one.rows
        self.first = one.first if self.first is None else min(self.first, one.first)
        self.last = one.last if self.last is None else max(self.last, one.last)


def assess(deployment: Deployment, workspace: OpenWorkspace, incident: Incident, *, actor: str) -> Impact:
    """Whose data an incident touched, and what follows from it; that it was asked is audited.

    Raises:
        InvalidInput: there is no such table of personal data, or no such time.
        NotFound: there is no such source.
    """
    # 1. extent
    noticed, extent = noticed_at(deployment, incident.noticed_at), _extent(deployment, workspace, incident)
    found = _Found(dict.fromkeys(extent.tables, 0))
    declared = Declared(deployment, workspace)
    workspace_id = workspace.workspace_id
    # 2. look
    with deployment.data.read(workspace_id) as transaction, deployment.keystore.read(workspace_id) as keys:
        for table in extent.tables:
            after = b""
            while page := rows.touched_after(transaction, workspace_id, table, extent, after, PAGE):
                after = page[-1].holder
                generations = rows.generations(keys, workspace_id, [one.holder for one in page])
                hit = [one for one in page if incident.generation in (None, generations.get(one.holder))]
                _look(transaction, workspace_id, table, extent, hit, generations, found, declared)
    # 3. say
    now = deployment.clock()
    with deployment.data.write(workspace_id) as transaction:
        trail.append(
            transaction, workspace_id, now, actor=actor, action="census:breach:assessed", outcome="done",
            fields={"people": len(found.people), "rows": sum(found.counted.values())},
        )  # fmt: skip
    return Impact(_told(deployment, incident, found, noticed), sorted(found.people))


def _look(
    transaction: Transaction,
    workspace_id: bytes,
    table: str,
    extent: rows.Extent,
    hit: Sequence[rows.Touched],
    generations: dict[FragmentId, int],
    found: _Found,
    declared: Declared,
) -> None:
    holders = [one.holder for one in hit]
    for one in hit:
        found.saw(table, one)
        found.holders.setdefault(generations.get(one.holder), set()).add(one.holder)
    whose = rows.people(transaction, workspace_id, table, holders)
    found.people |= {profile for _, profile in whose}
    if strangers := len(holders) - len({holder for holder, _ in whose}):
        found.strangers[table] = found.strangers.get(table, 0) + strangers
    said = rows.told(transaction, workspace_id, table, extent, holders)
    if hit:
        found.categories.setdefault(table, set()).update(_categories(table, said, declared))
    if table in ("event", "trait_assertion"):
        found.compartments |= {name for row in said for name in str(row[-1]).split(",") if name}


def _categories(table: str, said: Collection[tuple[str | None, ...]], declared: Declared) -> set[str]:
    """What the rows of a table hold: as the plan of each declares it, else as the census declares the table."""
    by_census = {name for one in DECLARED if one.table == table and one.handling in CONTENT for name in one.categories}
    if table == "identifier":
        return {category for kind, *_ in said for category in identifier_categories(str(kind))}
    found: set[str] = set()
    for row in said:
        if table == "event":
            own = {c for s in declared.of_event(str(row[0]), row[1]).values() for names in s.values() for c in names}
        else:
            own = set(declared.traits.get(str(row[0]), ()))
        found |= own or by_census  # what no plan declares may hold anything that the table may
    return found or by_census


def _told(deployment: Deployment, incident: Incident, found: _Found, noticed: Micros) -> dict[str, Any]:
    hit = [table for table, count in found.counted.items() if count]
    fields = [one for one in DECLARED if one.table in hit and one.is_personal]
    sealed = sorted(f"{one.table}.{one.field}" for one in fields if one.field in SEALED)
    clear = (Handling.CONTENT, Handling.CONTEXT, Handling.ACT)
    by_generation = {str(n): len(held) for n, held in sorted((n, h) for n, h in found.holders.items() if n is not None)}
    if incident.generation is not None:
        by_generation.setdefault(str(incident.generation), 0)
    return {
        "narrowed_to": _narrowed(incident),
        "people": len(found.people),
        "without_profile": found.strangers,
        "rows": found.counted,
        "categories": sorted({category for own in found.categories.values() for category in own}),
        "categories_by_table": {table: sorted(own) for table, own in sorted(found.categories.items())},
        "purposes": sorted({name for held in found.compartments for name in purposes_of(Compartment(held))}),
        "since": rfc3339(found.first) if found.first is not None else None,
        "until": rfc3339(found.last) if found.last is not None else None,
        "sealed_fields": sealed,
        "fields_in_the_clear": sorted(
            f"{one.table}.{one.field}" for one in fields if one.handling in clear and one.field not in SEALED
        ),
        "key_bundles_by_generation": by_generation,
        "without_keys": len(found.holders.get(None, ())),
        "covers": _covered(deployment),
        "notify": due(deployment, noticed) | {"sealed_only": SEALED_ONLY},
    }


def noticed_at(deployment: Deployment, told: Micros | None) -> Micros:
    """When an incident was noticed: now, if nobody said.

    Raises:
        InvalidInput: nobody notices anything at such a time; deadlines cannot be counted from it.
    """
    now = deployment.clock()
    if told is not None and not 0 <= told <= now + CENTURY:
        hint = "give the time, such as 2026-11-23T08:00:00Z"
        raise InvalidInput("it cannot have been noticed then", hint=hint, pointer="/noticed_at")
    return now if told is None else told


def due(deployment: Deployment, noticed: Micros) -> dict[str, Any]:
    """By when whom to tell of an incident that was noticed then, by each law."""
    policies = deployment.policies
    return {"noticed_at": rfc3339(noticed), "laws": policies.incidents.due(noticed, policies.jurisdictions)}


def _covered(deployment: Deployment) -> str:
    """What the answer is about, and what it is not: the incident may lie in a system that holds the same people."""
    if not deployment.linked:
        return f"{OWN}; no other system is connected"
    names = ", ".join(system.name for system in deployment.linked)
    return f"{OWN}; not what connected systems hold: ask about each by its name ({names})"


def _narrowed(incident: Incident) -> dict[str, Any]:
    told = {"table": incident.table, "source": incident.source, "generation": incident.generation}
    times = {"since": incident.since, "until": incident.until}
    told |= {name: rfc3339(at) if at is not None else None for name, at in times.items()}
    return {name: value for name, value in told.items() if value is not None}


def _extent(deployment: Deployment, workspace: OpenWorkspace, incident: Incident) -> rows.Extent:
    if incident.table is not None and incident.table not in rows.PLACES:
        raise InvalidInput(
            "there is no such table of people's data", hint=f"one of {', '.join(rows.PLACES)}", pointer="/table"
        )
    if incident.since is not None and incident.until is not None and incident.since >= incident.until:
        raise InvalidInput("it ends before it begins, and so touches nobody", pointer="/until")
    source_id = None
    if incident.source is not None:
        with deployment.data.read(workspace.workspace_id) as transaction:
            known = {row.name: row.source_id for row in administration.sources(transaction, workspace.workspace_id)}
        if incident.source not in known:
            raise NotFound("there is no such source", hint="run: registry sources list")
        source_id = known[incident.source]
    tables = [incident.table] if incident.table is not None else list(rows.PLACES)
    return rows.Extent(tables, source_id, incident.since, incident.until, incident.source or "")


def listed(profiles: Iterable[ProfileId]) -> str:
    """The profiles' opaque ids, one a line."""
    return "".join(f"{text_id(profile)}\n" for profile in profiles)
