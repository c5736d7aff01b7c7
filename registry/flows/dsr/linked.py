"""The systems outside Registry in a request: the one place where they are planned, run and verified.

Each is run once for a request. What it did is noted in the request's row before the next is asked; one
that does not answer leaves the request waiting, to be tried again with growing intervals, for as long
as it takes, unless somebody decides on the record that the request ends without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

import orjson

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import Kind, Move, State
from registry.flows.deployment import Deployment
from registry.flows.dsr.moves import add_to_history, moved, require, write
from registry.flows.dsr.reference import everybody
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND, Micros
from registry.model.errors import Conflict, LinkedSystemUnavailable, NotFound, RegistryError
from registry.model.ids import FragmentId, RequestId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest

FIRST_RETRY: Micros = 60 * SECOND
LAST_RETRY: Micros = 6 * 3600 * SECOND
"""The interval doubles from the first to this, and stays there."""

OVERRIDE = "override"

_T = TypeVar("_T")


def plans(deployment: Deployment, request: StoredRequest, fragments: Collection[FragmentId]) -> list[SystemPlan]:
    """What every linked system would do; one that cannot be asked says so in its plan.

    Args:
        fragments: the person's: what they are known by outside is opened from these, for this call.
    """
    if not deployment.linked:
        return []
    people, kind = everybody(deployment, request, fragments), Kind(request.kind)
    found = []
    for system in deployment.linked:
        try:
            found.append(_asked(system, lambda system=system: system.plan(kind, people)))  # type: ignore[misc]
        except LinkedSystemUnavailable as error:
            found.append(SystemPlan(system.name, unreachable=error.detail))
    return found


def act(
    deployment: Deployment, request: StoredRequest, *, actor: str, fragments: Collection[FragmentId] = ()
) -> StoredRequest:
    """Let every linked system do its part and look again; the request with what they did noted.

    Args:
        fragments: the person's, where they still can be opened; what they are known by is told to the systems.

    Raises:
        LinkedSystemUnavailable: one could not; the request waits, and is tried again at its `due_at`.
    """
    kind = Kind(request.kind)
    people: list[Identifier] | None = None
    for system in deployment.linked:
        progress: dict[str, Any] = orjson.loads(request.progress)
        done: dict[str, Any] = progress.setdefault("linked", {})
        if system.name in done:
            continue
        people = everybody(deployment, request, fragments) if people is None else people
        try:
            done[system.name] = [account.as_json() for account in _run(system, request, kind, people)]
        except LinkedSystemUnavailable:
            _wait(deployment, request, system.name, actor)
            raise
        progress.pop("attempts", None)
        request = request._replace(progress=orjson.dumps(progress).decode())
        with deployment.data.write(request.workspace_id) as transaction:
            write(transaction, request, was=request.state)
    return request


def exported(system: LinkedSystem, people: Sequence[Identifier], counts: Counter[str]) -> Iterator[bytes]:
    """What a system gives out of a person: a line of JSON a row; counts the rows by table on the way.

    Raises:
        LinkedSystemUnavailable: it does not answer; what was written so far is no whole package.
    """
    rows = iter(_asked(system, lambda: system.export(people)))
    while (one := _asked(system, lambda: next(rows, None))) is not None:
        table, row = one
        counts[f"{system.name}: {table}"] += 1
        yield orjson.dumps({"table": table, "row": row}, default=str) + b"\n"


def accounts(request: StoredRequest) -> list[FieldAccount]:
    """What the linked systems did, as noted: every field of each."""
    noted: dict[str, list[dict[str, Any]]] = orjson.loads(request.progress).get("linked", {})
    return [
        FieldAccount(a["system"], a["table"], a["field"], Disposition(a["disposition"]), a["rows"], a.get("ground"))
        for told in noted.values()
        for a in told
    ]


def override(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, system: str, *, reason: str, actor: str
) -> StoredRequest:
    """Decide that a waiting request goes on without a system; its certificate will say so.

    Args:
        reason: in the clear, in the audit log and in the certificate.

    Raises:
        NotFound: no such request, or no such system.
        Conflict: the request is not waiting.
    """
    if system not in {linked.name for linked in deployment.linked}:
        raise NotFound("there is no such linked system")
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        if State(request.state) is not State.WAITING:
            raise Conflict(f"a request that is {request.state} waits for no system")
        progress = orjson.loads(request.progress)
        ground = f"not reached; decided by {actor}: {reason}"
        account = FieldAccount(system, "every table", "every field", Disposition.RETAINED, 0, ground)
        progress.setdefault("linked", {})[system] = [account.as_json()]
        request = request._replace(progress=orjson.dumps(progress).decode(), due_at=deployment.clock())
        write(transaction, request, was=request.state)
        add_to_history(deployment, transaction, request, OVERRIDE, actor, {"system": system, "reason": reason})
    return request


def _run(
    system: LinkedSystem, request: StoredRequest, kind: Kind, people: Sequence[Identifier]
) -> Sequence[FieldAccount]:
    done = _asked(system, lambda: system.run(text_id(request.request_id), kind, people))
    left = _asked(system, lambda: system.remaining(kind, people))
    if any(left.values()):
        raise LinkedSystemUnavailable(f"{system.name} still has rows of this person", extra={"remaining": dict(left)})
    return done


def _asked(system: LinkedSystem, ask: Callable[[], _T]) -> _T:
    """What a system answers; whatever it raises becomes one error, without the text, which may hold anything."""
    try:
        return ask()
    except RegistryError as error:
        raise LinkedSystemUnavailable(f"{system.name}: {error.code}", extra=error.extra) from None
    except Exception as error:  # noqa: BLE001 - a connector of somebody's own may raise anything
        raise LinkedSystemUnavailable(f"{system.name} failed: {type(error).__name__}") from None


def _wait(deployment: Deployment, request: StoredRequest, system: str, actor: str) -> None:
    progress = orjson.loads(request.progress)
    attempts = progress["attempts"] = int(progress.get("attempts", 0)) + 1
    pause = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY)
    waiting = request._replace(progress=orjson.dumps(progress).decode(), due_at=deployment.clock() + pause)
    with deployment.data.write(request.workspace_id) as transaction:
        details = {"system": system, "attempt": str(attempts)}
        moved(deployment, transaction, waiting, Move.WAIT, actor, details)
