"""The package that answers an access or portability request (GDPR Art. 15 and 20).

1. gather      what is known of the person outside the events, opened; others in it are left out, here and below
2. contents    identifiers, traits, consent, purposes, recipients; what is kept of somebody erased
3. events      each as a line, while the tables of the data categories grow beside
4. records     every other table of which the census says that access gives it out
5. outside     what connected systems give out, but for those that it was decided to end the request without
6. page        one page to read
7. manifest    every file with its SHA-256; it stands last, since it can only be known then

Written straight into the stream of whoever fetches it: in constant memory, and with no readable copy on a disk of ours.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import IO, Any

import orjson

from registry.flows.accountability.declared import Declared, identifier_categories
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import going_without, linked, reference
from registry.flows.dsr.package import contents as parts
from registry.flows.dsr.package import kept, page, records, words
from registry.flows.dsr.package.archive import Package, cell, csv_rows, held
from registry.flows.dsr.package.categories import CategoryTables
from registry.flows.dsr.package.contents import Contents
from registry.flows.dsr.package.redaction import Redactor
from registry.flows.opening import API_SOURCE, open_events, source_names
from registry.flows.workspace import OpenWorkspace
from registry.keys import parcels
from registry.keys.parcels import OPEN, Lock
from registry.model.clock import rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.decision import Reason
from registry.model.grants import OpenGrant
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredRequest
from registry.store import events, identities, quarantine
from registry.store.database import Transaction
from registry.store.given import Ties

FORMAT = 2
LATEST = 20
"""Events that stand in the page itself."""
TRAIT_COLUMNS = ("trait", "value", "source", "observed_at", "method")


class Seen:
    """What a page says of the events that were written: how many by name and month, and the latest of them."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._heap: list[tuple[str, str, dict[str, Any]]] = []

    def add(self, line: dict[str, Any]) -> None:
        """Note an event; what is kept of it does not grow with how many there are."""
        self.counts[line["event"] or line["type"], line["observed_at"][:7]] += 1
        put = heapq.heappush if len(self._heap) < LATEST else heapq.heappushpop
        put(self._heap, (line["observed_at"], line["event_id"], line))

    @property
    def latest(self) -> list[dict[str, Any]]:
        """The latest events, the latest first."""
        return [line for _, _, line in sorted(self._heap, reverse=True, key=lambda one: one[:2])]


def write_package(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    stream: IO[bytes],
    *,
    actor: str,
    lock: Lock = OPEN,
) -> None:
    """Write the ZIP of a completed access or portability request to a stream, locked for the requester.

    Of somebody of whom nothing is held it says that, and what is kept if they were erased.

    Raises:
        Conflict: the request is not one that has a package.
        LinkedSystemUnavailable: a connected system does not answer; what was written is no whole package.
    """
    fragments = reference.scope_of(deployment, workspace, request)
    holder = fragments[0].fragment_id if fragments else None
    about = trail.About(deployment.keyring, workspace.workspace_id, holder) if holder is not None else None
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="dsr:package:written",
            outcome="given", fields={"request": text_id(request.request_id)}, about=about,
        )  # fmt: skip
    parcels.sealed(stream, lock, lambda plain: _write(deployment, workspace, request, fragments, plain, lock))


def _write(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Sequence[Fragment],
    stream: IO[bytes],
    lock: Lock,
) -> None:
    grant = OpenGrant(workspace.workspace_id, None, f"dsr:{text_id(request.request_id)}")
    language = words.spoken(reference.language_of(request))
    tables = CategoryTables()
    workspace_id = workspace.workspace_id
    with parcels.archive(stream, lock) as archive:  # each step looks anew: an erasure may come between
        package = Package(archive)
        # 1. gather
        with deployment.data.read(workspace_id) as transaction:
            contents = parts.gather(deployment, workspace, transaction, grant, fragments, language)
            people = list(dict.fromkeys([*contents.people, *reference.named_by(deployment, request)]))
            still = kept.told(transaction, workspace, people)
            without = going_without.decided_without(transaction, request)
        declared = Declared(deployment, workspace)
        own = [*people, *parts.own_contacts(contents, declared.traits)]
        redactor = Redactor(own, deployment.policies.identity.phone_region, words.left_out(language))
        parts.leave_out(contents, redactor, declared)
        # 2. contents
        _add_contents(package, contents, still)
        # 3. events
        seen = Seen()
        try:
            _fill_tables(tables, contents, declared)
            package.add(
                "events.jsonl", _events(deployment, grant, fragments, seen, contents, tables, declared, redactor)
            )
            tables.write(package)
        finally:
            tables.close()
        # 4. records
        with deployment.data.read(workspace_id) as transaction:
            written = _add_records(
                deployment, workspace, transaction, package, fragments, people, contents, redactor, declared
            )
        # 5. outside
        outside = _add_outside(deployment, without, package, people, redactor)
        # 6. page
        more: dict[str, Any] = {"outside": outside, "kept": still, "records": written, "redacted": redactor.counts}
        more |= {"damaged": contents.closed[Reason.DAMAGED], "latest": seen.latest, "left_out": without}
        shown = page.render(deployment, request, contents, seen.counts, tables.counts, more, language)
        package.add("index.html", [shown])
        # 7. manifest
        counts = {
            "events": sum(seen.counts.values()),
            "damaged": contents.closed[Reason.DAMAGED],
            "redacted": dict(redactor.counts),
        }
        package.add_json("manifest.json", _manifest(deployment, request, package, counts, without))


def _manifest(
    deployment: Deployment,
    request: StoredRequest,
    package: Package,
    counts: Mapping[str, object],
    without: Collection[str],
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "request": text_id(request.request_id),
        "kind": request.kind,
        "received": rfc3339(request.received_at),
        "written": rfc3339(deployment.clock()),
        "controller": deployment.controller.name,
        **counts,
        "files": package.files,
    } | ({"left_out": without} if without else {})


def _add_contents(package: Package, contents: Contents, still: dict[str, Any]) -> None:
    package.add_json("identifiers.json", contents.identifiers)
    package.add_json("traits.json", contents.traits)
    package.add_json("consents.json", contents.consents)
    package.add_json("purposes.json", contents.purposes)
    package.add_json("recipients.json", contents.recipients)
    package.add_json("kept.json", still)
    traits = ([cell(row[column]) for column in TRAIT_COLUMNS] for row in contents.traits)
    package.add_table("traits.csv", [csv_rows([TRAIT_COLUMNS, *traits])])


def _fill_tables(tables: CategoryTables, contents: Contents, declared: Declared) -> None:
    for row in contents.identifiers:
        tables.add_identifier(row, identifier_categories(row["kind"]))
    for row in contents.traits:
        tables.add_trait(row, declared.traits.get(row["trait"]))


def _events(
    deployment: Deployment,
    grant: OpenGrant,
    fragments: Sequence[Fragment],
    seen: Seen,
    contents: Contents,
    tables: CategoryTables,
    declared: Declared,
    redactor: Redactor,
) -> Iterator[bytes]:
    """Every event as a line of JSON; counts them by name and month on the way, and what of them stays closed."""
    ids = [fragment.fragment_id for fragment in fragments]
    with deployment.data.read(grant.workspace_id) as transaction:
        names = source_names(transaction, grant.workspace_id)
        stream = events.stream(transaction, grant.workspace_id, ids)
        for row, opened, withheld in open_events(deployment, grant, stream):
            if withheld:
                contents.closed.update(withheld)
            categories = declared.of_event(row.plan_version, row.plan_event)
            content = redactor.event(opened, categories, declared.others_in(row.plan_version, row.plan_event))
            line = {
                "event_id": text_id(row.event_id),
                "type": row.call,
                "event": row.plan_event,
                "plan": row.plan_version,
                "source": names.get(row.source_id, API_SOURCE),
                "observed_at": rfc3339(row.observed_at),
                "received_at": rfc3339(row.received_at),
                "purposes": _purposes(row.compartments),
                "omitted": row.omitted,
                "ungrounded": row.ungrounded,
                "transformed": row.transformed,
                "content": content,
            }
            seen.add(line)
            tables.add_event(line, categories)
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


@lru_cache(1_024)
def _purposes(compartments: str) -> list[str]:
    """The purposes that the parts of an event serve; there are few combinations of them."""
    return sorted({p for name in compartments.split(",") if name for p in purposes_of(Compartment(name))})


def _add_records(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    package: Package,
    fragments: Sequence[Fragment],
    people: Sequence[Identifier],
    contents: Contents,
    redactor: Redactor,
    declared: Declared,
) -> list[tuple[str, int]]:
    """Write the rows of every other table that has some; how many each has."""
    workspace_id = workspace.workspace_id
    ids = [fragment.fragment_id for fragment in fragments]
    known = {row.blind_index for row in identities.identifiers_of(transaction, workspace_id, ids)}
    known |= {index for one in people for index in workspace.indexer.every(one.kind, one.value)}
    ties = Ties(
        ids, known, quarantine.about(transaction, workspace_id, known),
        kept.requests_about(deployment, transaction, workspace, ids, people),
    )  # fmt: skip
    names = source_names(transaction, workspace_id)
    counts: Counter[str] = Counter()
    for table in records.tables():

        def counted(table: str = table) -> Iterator[bytes]:
            for line in records.lines(
                deployment, workspace, transaction, table, ties, names, contents.closed, redactor, declared
            ):
                counts[table] += 1
                yield line

        rows = counted()
        if (first := next(rows, None)) is not None:
            package.add(f"records/{table}.jsonl", chain([first], rows))
    return sorted(counts.items())


def _add_outside(
    deployment: Deployment,
    without: Collection[str],
    package: Package,
    people: Sequence[Identifier],
    redactor: Redactor,
) -> list[tuple[str, int]]:
    """Write what connected systems but these give out; how many rows each table has."""
    counts: Counter[str] = Counter()
    people = linked.reach_of(deployment.linked, people, deployment.policies.identity, without)
    redactor.learn(people)  # what a system told is the person's is theirs in the texts of every system
    for system in (system for system in deployment.linked if system.name not in without):
        rows = linked.exported(system, people, counts)
        package.add(f"outside/{system.name}.jsonl", (_told(_without_others(redactor, row)) for row in rows))
    return sorted(counts.items())


def _without_others(redactor: Redactor, row: dict[str, Any]) -> dict[str, Any]:
    """Leave out others: a field that is nothing but an address was reviewed as the person's; within a text or a
    document it may be anybody's.
    """
    values = {str(name): held(value, linked.as_text) for name, value in row["row"].items()}
    return row | {"row": {name: redactor.value(value, whole=False) for name, value in values.items()}}


def _told(value: object) -> bytes:
    return orjson.dumps(value, default=linked.as_text) + b"\n"
