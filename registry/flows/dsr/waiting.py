"""A request that waits, for a system outside or for what stopped it here: noted in the request, its history and the
audit log, with the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.requests import Move, State
from registry.dsr.waiting import Wait
from registry.flows.deployment import Deployment
from registry.flows.dsr import moves
from registry.flows.dsr.history import taken
from registry.flows.dsr.moves import moved
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.errors import KmsUnavailable, LinkedSystemUnavailable, RegistryError, StoreUnavailable
from registry.model.ids import RequestId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.store.database import Transaction

WITHHELD = "what it says names somebody, and is withheld"
NAMING = 4
"""Characters from which on an identifier in a cause names somebody: shorter ones stand in any text."""


def wait(
    deployment: Deployment,
    request: StoredRequest,
    system: str,
    people: Sequence[Identifier],
    error: LinkedSystemUnavailable,
    *,
    actor: str,
) -> LinkedSystemUnavailable:
    """Let a request wait for a system, which is tried again with growing intervals; the error that says so.

    The words of a cause are ours, but for a connector of somebody's own: what names the person is not kept.
    """
    cause, hint, told = without_names(system, people, error)
    with deployment.data.write(request.workspace_id) as transaction:
        noted, next_at = _note(
            deployment, transaction, request, system, error.code, cause, hint, told.get("retry_after_s"), actor
        )
    shown = noted.as_json(next_at)
    names = ("system", "since", "attempts", "next_at")
    about = {"request_id": text_id(request.request_id)} | {name: shown[name] for name in names}
    raised = LinkedSystemUnavailable(noted.cause, hint=hint, extra=told | about)
    raised.waiting = system
    return raised


def stop(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, error: RegistryError, *, actor: str
) -> bool:
    """Note what stopped a request here, so that whoever looks sees it; it is tried again as one that waits is.

    What a driver or a key service says may name addresses, and is not kept. What a system outside stopped is noted
    already (`wait`); of a request that was not begun, whoever runs it is told. Whether the request says it now.
    """
    if getattr(error, "waiting", None) is not None:
        return True
    cause = error.title if isinstance(error, StoreUnavailable | KmsUnavailable) else error.detail
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        if State(request.state) is State.WAITING:  # it could not even be taken up
            request = moved(deployment, transaction, request, Move.START, actor)
        if State(request.state) is not State.ACTING:
            return False
        _note(deployment, transaction, request, OWN_SYSTEM, error.code, cause, error.hint, None, actor)
    return True


def _note(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    system: str,
    code: str,
    cause: str,
    hint: str | None,
    wanted_s: object,
    actor: str,
) -> tuple[Wait, Micros]:
    """Note one more try that failed; what is noted, and when the next one is."""
    progress: dict[str, Any] = orjson.loads(request.progress)
    now = deployment.clock()
    noted = waiting.after(Wait.noted(progress), system, code=code, cause=cause, hint=hint, now=now)
    progress[waiting.NOTED] = noted.as_noted()
    next_at = now + waiting.pause(noted.attempts, wanted_s)
    held = request._replace(progress=orjson.dumps(progress).decode(), due_at=next_at)
    moved(deployment, transaction, held, Move.WAIT, actor, noted.as_event())
    return noted, next_at


def without_names(
    system: str, people: Sequence[Identifier], error: RegistryError
) -> tuple[str, str | None, dict[str, object]]:
    """What an error says, its hint, and what more it has; nothing of it where any of that names somebody."""
    if _names(f"{error.detail} {error.hint} {orjson.dumps(error.extra, default=str).decode()}", people):
        return f"{system}: {WITHHELD}", None, {}
    return error.detail, error.hint, error.extra


def wait_of(request: StoredRequest) -> dict[str, object] | None:
    """What a waiting request waits for, as interfaces show it; None of any other."""
    noted = moves.waits_for(request)
    return noted.as_json(request.due_at) if noted is not None else None


def _names(text: str, people: Sequence[Identifier]) -> bool:
    values = {one.value.casefold() for one in people if "." not in one.kind}
    return any(value in text.casefold() for value in values if len(value) >= NAMING)
