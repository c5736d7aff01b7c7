"""The deferred erasure in systems outside, once a hold has ended: the steps of any, under the holds that are left.

What each system did is noted in the request's row, which has ended, before the next is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from registry.dsr.accounting import FieldAccount
from registry.dsr.held import under
from registry.flows.deployment import Deployment
from registry.flows.dsr import held, linked
from registry.flows.dsr.history import write
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase

ENDING = "ending"
"""The member of an ended request's progress that says which systems have erased by now."""


def erase_outside(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, request: StoredRequest
) -> tuple[StoredRequest, list[FieldAccount]]:
    """Erase what a case kept outside; the request as it is to be written then, and every field that was looked at.

    Raises:
        LinkedSystemUnavailable: a system does not answer, or is connected no longer; the case stays as it is.
    """
    progress: dict[str, Any] = orjson.loads(request.progress)
    if held.NOTED not in progress:
        return request, []
    names: list[str] = progress[held.NOTED]["systems"]
    if set(names) - progress.get(ENDING, {}).keys():
        people = held.people_in(deployment, workspace, case)
        if not people:  # this case kept nothing outside
            return request, []
        request = _erased(deployment, workspace, case, request, names, people)
        progress = orjson.loads(request.progress)
    done = progress.pop(ENDING, {})
    accounts = linked.read_accounts(done)
    request = request._replace(progress=orjson.dumps(progress).decode())
    standing = {one.hold_id for one in held.on(deployment, workspace, request, ())}
    return held.settle(deployment, workspace, request, accounts, only=standing)[0], accounts


def _erased(
    deployment: Deployment,
    workspace: OpenWorkspace,
    case: RetainedCase,
    request: StoredRequest,
    names: Sequence[str],
    people: Sequence[Identifier],
) -> StoredRequest:
    systems = [system for system in deployment.linked if system.name in names]
    if gone := sorted(set(names) - {system.name for system in systems}):
        raise _waits(gone[0], case, f"{gone[0]} keeps what a hold covered, and is connected no longer")
    for system in systems:
        try:
            people = linked.reach_of([system], people, begun=())  # who became known since is somebody else
        except LinkedSystemUnavailable as error:
            raise _waits(system.name, case, error.detail) from None
    holds = held.on(deployment, workspace, request, people)
    request = held.note(deployment, workspace, request, holds, people, systems=names)
    standing = list(map(held.as_held, holds))
    for system in systems:
        progress: dict[str, Any] = orjson.loads(request.progress)
        done: dict[str, Any] = progress.setdefault(ENDING, {})
        if system.name in done:
            continue
        try:
            told = linked.ran(under(system, standing), request, people, {})
        except LinkedSystemUnavailable as error:
            raise _waits(system.name, case, error.detail) from None
        done[system.name] = [account.as_json() for account in told]
        request = _noted(deployment, request, progress)
    return request


def _noted(deployment: Deployment, request: StoredRequest, progress: Mapping[str, Any]) -> StoredRequest:
    noted = request._replace(progress=orjson.dumps(progress).decode())
    with deployment.data.write(request.workspace_id) as transaction:
        write(transaction, noted, was=request.state)
    return noted


def _waits(system: str, case: RetainedCase, detail: str) -> LinkedSystemUnavailable:
    hint = "the hold has ended: the erasure that it deferred is tried again by itself"
    raised = LinkedSystemUnavailable(detail, hint=hint, extra={"case": text_id(case.case_id), "system": system})
    raised.waiting = system
    return raised
