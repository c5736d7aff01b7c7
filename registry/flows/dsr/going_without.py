"""A request that goes on without a system outside, or an erasure that cannot read whom it is about: only by a decision
on the record, which its certificate tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import Disposition, FieldAccount, left_out, not_reached
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.requests import EFFECTS, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr.done_outside import accounts, awaited
from registry.flows.dsr.history import add_to_history, taken, told_by, write
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict, NotFound, SealBroken
from registry.model.ids import RequestId
from registry.model.stored import StoredRequest
from registry.store.database import Transaction

OVERRIDE = "override"
UNREAD = "unread"
"""The member of an erasure's progress that says by whom it was decided that identifiers are erased unread, and why."""


def override(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, system: str, *, reason: str, actor: str
) -> StoredRequest:
    """Decide that a waiting request goes on without a system; its certificate will say so.

    Args:
        system: a linked one; `registry` where an erasure waits for identifiers that do not open, for good.
        reason: in the clear, in the audit log and in the certificate.

    Raises:
        NotFound: no such request, or no such system.
        Conflict: the request is not waiting, or not for this system: what that has done is certified.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)  # or one decision undoes another of this moment
        progress = orjson.loads(request.progress)
        known = {*(one.name for one in deployment.linked), *awaited(request), *progress.get("linked", {}), OWN_SYSTEM}
        if system not in known:
            raise NotFound("there is no such linked system")
        if State(request.state) is not State.WAITING:
            raise Conflict(f"a request that is {request.state} waits for no system")
        if system not in dispensable(deployment, request):
            raise Conflict("this system has done its part, or it was decided before to go on without it")
        if system == OWN_SYSTEM:
            progress[UNREAD] = {"actor": actor, "reason": reason}
        else:
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
    done their part, or it is these that it waits for. `registry` is one where an erasure cannot read whom it is about.
    """
    progress: dict[str, Any] = orjson.loads(request.progress)
    noted = waiting.Wait.noted(progress)
    undone = {one.name for one in deployment.linked}.difference(progress.get("linked", {})) | awaited(request)
    asked_again = {noted.system} - {OWN_SYSTEM} if noted is not None else set[str]()
    is_unread = noted is not None and (noted.system, noted.code) == (OWN_SYSTEM, SealBroken.code)
    is_open = is_unread and EFFECTS[Kind(request.kind)] is Effect.ERASE and UNREAD not in progress
    own = {OWN_SYSTEM} if is_open else set[str]()
    return sorted(own | (undone | asked_again) - left_out(accounts(request)))


def unread(progress: Mapping[str, Any]) -> list[FieldAccount]:
    """The account of identifiers that an erasure destroyed unread; none where all of them opened."""
    told = progress.get(UNREAD, {})
    if not told.get("rows"):
        return []
    what = "erased unread, so neither suppressed nor told to other systems"
    ground = f"{what}; decided by {told['actor']}: {told['reason']}"
    return [FieldAccount(OWN_SYSTEM, "identifier", "what does not open", Disposition.ERASED, told["rows"], ground)]
