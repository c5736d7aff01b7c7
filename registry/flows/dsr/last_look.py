"""The look at systems outside for what should be gone: after each has done its part, and once all of them have.

What a system does may bring back rows in one that was through before: a trigger that keeps what is deleted in a schema
of its own, a warehouse that is filled from the shop. Such a system goes again, and the request waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import Disposition
from registry.dsr.plan import LinkedSystem
from registry.dsr.requests import Kind
from registry.flows.deployment import Deployment
from registry.flows.dsr import answers
from registry.flows.dsr.history import write
from registry.flows.dsr.reaching import tells_records_apart
from registry.flows.dsr.waiting import wait
from registry.model.errors import REFUSED, LinkedSystemUnavailable
from registry.model.message import Identifier
from registry.model.stored import StoredRequest

LOOKED = "looked"
"""The member of a request's progress that says that all systems were looked at once more."""
LEFT = "remaining"


def may_be_anothers(error: LinkedSystemUnavailable) -> bool:
    """Whether what stopped a system may be rows that another erases: they are left, or keep its own from going."""
    return not {LEFT, REFUSED}.isdisjoint(error.extra)


def require_nothing_left(system: LinkedSystem, kind: Kind, people: Sequence[Identifier]) -> None:
    """Look for what should be gone.

    Raises:
        LinkedSystemUnavailable: it does not answer, or rows are left.
    """
    if left := answers.remaining(system, kind, people):
        places = ", ".join(f"{system.name}.{place} ({rows})" for place, rows in sorted(left.items()))
        raise LinkedSystemUnavailable(
            f"{system.name} still has rows of this person: {places}",
            hint="describe the column as what it holds (its category, the identity that it is found by, and what an "
            "erasure does to it; kept on a ground, the certificate states it), or remove that; then run it again",
            extra={LEFT: left},
        )


def kinds_by_place(system: LinkedSystem, people: Sequence[Identifier]) -> Collection[str]:
    """The kinds of identifier that a system looks for only where its description says that they stand."""
    short: Callable[[Sequence[Identifier]], Collection[str]] | None = getattr(
        system, "looked_for_where_described", None
    )
    return short(people) if short is not None else ()


def look_again(
    deployment: Deployment,
    request: StoredRequest,
    systems: Sequence[LinkedSystem],
    people: Sequence[Identifier],
    *,
    last: str,
    actor: str,
) -> StoredRequest:
    """Look at these systems once more, now that all are through; the request with that noted.

    Args:
        last: the one that was through just now, and was looked through then: only what came meanwhile is counted.

    Raises:
        LinkedSystemUnavailable: one does not answer, or has rows again: the request waits, and that one goes again.
    """
    progress: dict[str, Any] = orjson.loads(request.progress)
    for system in systems:
        try:
            if system.name != last:
                require_nothing_left(system, Kind(request.kind), people)
            _require_no_more(system, Kind(request.kind), people, progress["linked"].get(system.name, ()))
        except LinkedSystemUnavailable as error:
            if LEFT in error.extra:
                progress["linked"].pop(system.name, None)
            again = request._replace(progress=orjson.dumps(progress).decode())
            raise wait(deployment, again, system.name, people, error, actor=actor) from None
    progress.pop(waiting.NOTED, None)
    progress[LOOKED] = True
    request = request._replace(progress=orjson.dumps(progress).decode())
    with deployment.data.write(request.workspace_id) as transaction:
        write(transaction, request, was=request.state)
    return request


def _require_no_more(
    system: LinkedSystem, kind: Kind, people: Sequence[Identifier], noted: Sequence[Mapping[str, Any]]
) -> None:
    """Go on only if no table, of those whose rows stay, leads to more rows than were erased there.

    Raises:
        LinkedSystemUnavailable: it does not answer, or rows came.
    """
    counts_by_table: bool = tells_records_apart(system)
    if not counts_by_table:
        return
    done = {one["table"]: int(one["rows"]) for one in noted if one["disposition"] == Disposition.ERASED}
    now = {one.table: one.rows for one in answers.planned(system, kind, people).accounts}
    if came := {table: now[table] - rows for table, rows in done.items() if now.get(table, 0) > rows}:
        places = ", ".join(f"{system.name}.{table} ({rows})" for table, rows in sorted(came.items()))
        raise LinkedSystemUnavailable(
            f"{system.name} has more rows of this person than were erased: {places}",
            hint="they are erased with the next try; if they never cease to come, stop what writes them",
            extra={LEFT: came},
        )
