"""A request that waits for a system outside: noted in the request, its history and the audit log, with the cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.requests import Move, State
from registry.dsr.waiting import Wait
from registry.flows.deployment import Deployment
from registry.flows.dsr.moves import moved
from registry.model.errors import LinkedSystemUnavailable, RegistryError
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest

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
    progress: dict[str, Any] = orjson.loads(request.progress)
    cause, hint, told = without_names(system, people, error)
    now = deployment.clock()
    noted = waiting.after(Wait.noted(progress), system, code=error.code, cause=cause, hint=hint, now=now)
    progress[waiting.NOTED] = noted.as_noted()
    next_at = now + waiting.pause(noted.attempts, told.get("retry_after_s"))
    held = request._replace(progress=orjson.dumps(progress).decode(), due_at=next_at)
    with deployment.data.write(request.workspace_id) as transaction:
        moved(deployment, transaction, held, Move.WAIT, actor, noted.as_event())
    shown = noted.as_json(next_at)
    names = ("system", "since", "attempts", "next_at")
    about = {"request_id": text_id(request.request_id)} | {name: shown[name] for name in names}
    raised = LinkedSystemUnavailable(noted.cause, hint=hint, extra=told | about)
    raised.waiting = system
    return raised


def without_names(
    system: str, people: Sequence[Identifier], error: RegistryError
) -> tuple[str, str | None, dict[str, object]]:
    """What an error says, its hint, and what more it has; nothing of it where any of that names somebody."""
    if _names(f"{error.detail} {error.hint} {orjson.dumps(error.extra, default=str).decode()}", people):
        return f"{system}: {WITHHELD}", None, {}
    return error.detail, error.hint, error.extra


def wait_of(request: StoredRequest) -> dict[str, object] | None:
    """What a waiting request waits for, as interfaces show it; None of any other."""
    if State(request.state) is not State.WAITING:
        return None
    noted = Wait.noted(orjson.loads(request.progress))
    return noted.as_json(request.due_at) if noted is not None else None


def _names(text: str, people: Sequence[Identifier]) -> bool:
    values = {one.value.casefold() for one in people if "." not in one.kind}
    return any(value in text.casefold() for value in values if len(value) >= NAMING)
