"""A request that goes on without a system outside: only by a decision on the record, which its certificate tells."""

from __future__ import annotations

from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import left_out, not_reached
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.requests import EFFECTS, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr.done_outside import accounts, awaited
from registry.flows.dsr.history import add_to_history, require, told_by, write
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict, NotFound
from registry.model.ids import RequestId
from registry.model.stored import StoredRequest
from registry.store.database import Transaction

OVERRIDE = "override"


def override(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, system: str, *, reason: str, actor: str
) -> StoredRequest:
    """Decide that a waiting request goes on without a system; its certificate will say so.

    Args:
        reason: in the clear, in the audit log and in the certificate.

    Raises:
        NotFound: no such request, or no such system.
        Conflict: the request is not waiting, or not for this system: what that has done is certified.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        progress = orjson.loads(request.progress)
        if system not in {*(one.name for one in deployment.linked), *awaited(request), *progress.get("linked", {})}:
            raise NotFound("there is no such linked system")
        if State(request.state) is not State.WAITING:
            raise Conflict(f"a request that is {request.state} waits for no system")
        if system not in dispensable(deployment, request):
            raise Conflict("this system has done its part, or it was decided before to go on without it")
        done, account = progress.setdefault("linked", {}), not_reached(system, actor, reason).as_json()
        # Beside what it did before; what was only counted there is not given out.
        done[system] = [*([] if EFFECTS[Kind(request.kind)] is Effect.GIVE else done.get(system, [])), account]
        progress.pop(waiting.NOTED, None)
        request = request._replace(progress=orjson.dumps(progress).decode(), due_at=deployment.clock())
        write(transaction, request, was=request.state)
        add_to_history(deployment, transaction, request, OVERRIDE, actor, {"system": system, "reason": reason})
    return request


def decided_without(transaction: Transaction, request: StoredRequest) -> list[str]:
    """The systems that it was decided to end a request without, also once it has ended."""
    return sorted({told["system"] for act, told in told_by(transaction, request) if act == OVERRIDE})


def dispensable(deployment: Deployment, request: StoredRequest) -> list[str]:
    """The systems of which it can be decided that a waiting request ends without them: connected or not, they have not
    done their part, or it is these that it waits for.
    """
    progress: dict[str, Any] = orjson.loads(request.progress)
    noted = waiting.Wait.noted(progress)
    undone = {one.name for one in deployment.linked}.difference(progress.get("linked", {})) | awaited(request)
    asked_again = {noted.system} - {OWN_SYSTEM} if noted is not None else set[str]()
    return sorted((undone | asked_again) - left_out(accounts(request)))
