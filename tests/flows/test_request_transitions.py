"""Every move in every state: made, it has one line in the history and one in the audit log; refused, it leaves none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from registry.dsr.requests import Kind, Move, State, allowed, move
from registry.flows.dsr import lifecycle, moves
from registry.flows.dsr.history import require
from registry.model.errors import Conflict
from registry.model.stored import StoredRequest
from tests.simulator import Tenant

WITH_AND_WITHOUT_APPROVAL = (Kind.ERASURE, Kind.RESTRICTION)


def ways(kind: Kind) -> dict[State, tuple[Move, ...]]:
    """To each state, the shortest row of moves."""
    found: dict[State, tuple[Move, ...]] = {State.RECEIVED: ()}
    queue = [State.RECEIVED]
    for state in queue:
        for by in map(Move, allowed(state, kind)):
            after = move(state, by, kind)
            if after not in found:
                found[after] = (*found[state], by)
                queue.append(after)
    return found


def apply(tenant: Tenant, request: StoredRequest, by: Move) -> StoredRequest:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    with deployment.data.write(workspace.workspace_id) as transaction:
        now = require(transaction, workspace, request.request_id)
        return moves.moved(deployment, transaction, now, by, "person:somebody")


def brought_to(tenant: Tenant, kind: Kind, way: tuple[Move, ...]) -> StoredRequest:
    request = lifecycle.open_request(
        tenant.registry.deployment, tenant.workspace, kind=kind, person=tenant.person("user_id", "ada"),
        actor="person:first",
    )  # fmt: skip
    for by in way:
        request = apply(tenant, request, by)
    return request


def written(tenant: Tenant, request: StoredRequest) -> tuple[str, list[str], list[tuple[Any, Any]]]:
    """The state of a request, the acts of its history, and the moves that the audit log has of it."""
    row, events = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ? ORDER BY position"
    found = tenant.registry.rows(sql, tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in found]
    own = [one["fields"] for one in entries if one["action"] == "dsr:request:moved"]
    identity = request.request_id.hex()
    mine = [one for one in own if str(one["request"]).replace("-", "") == identity]
    return row.state, [event.action for event in events], [(one["move"], one["state"]) for one in mine]


@pytest.mark.parametrize("kind", WITH_AND_WITHOUT_APPROVAL)
def test_each_move_is_written_down_once_and_what_is_refused_not_at_all(tenant: Tenant, kind: Kind) -> None:
    tried = 0
    for state, way in ways(kind).items():
        request = brought_to(tenant, kind, way)
        for by in Move:
            if by.value in allowed(state, kind):
                continue
            before = written(tenant, request)
            with pytest.raises(Conflict):
                apply(tenant, request, by)
            assert written(tenant, request) == before
            tried += 1
        for by in map(Move, allowed(state, kind)):
            request = brought_to(tenant, kind, way)
            _, history, log = written(tenant, request)
            after = apply(tenant, request, by)
            told = [] if after.state == state.value else [(by.value, after.state)]  # a start again is no news
            assert written(tenant, request) == (
                after.state, [*history, *(act for act, _ in told)], [*log, *told]
            )  # fmt: skip
            tried += 1
    assert tried == len(State) * len(Move), "from every state, every move"


def test_what_gives_out_is_certified_and_completed_in_one_commit(tenant: Tenant) -> None:
    request = brought_to(tenant, Kind.ACCESS, (Move.VERIFY, Move.APPROVE))
    commits = list[object]()

    def note(connection: sa.Connection) -> None:
        commits.append(connection)

    writer = tenant.registry.deployment.data._writer
    sa.event.listen(writer, "commit", note)
    try:
        done = lifecycle.run(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:second")
    finally:
        sa.event.remove(writer, "commit", note)
    state, acts, _ = written(tenant, request)
    assert (state, acts[-2:], bool(done.certificate)) == (State.COMPLETED, [Move.START, Move.COMPLETE], True)
    assert len(commits) == 2, "begun, so that it is resumed; and all of its end"
