"""Requests that were asked for in one call, one for each person, found again by the id of the first."""

from __future__ import annotations

from collections.abc import Sequence

from registry.dsr.requests import Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import proving
from registry.flows.dsr.history import require
from registry.flows.dsr.intake import Wish, reference_key, take
from registry.flows.workspace import OpenWorkspace
from registry.model.ids import RequestId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.store import intake

MOST = 100
"""People in one call: each request is opened and verified while the caller waits."""


def open_together(
    deployment: Deployment,
    workspace: OpenWorkspace,
    kind: Kind,
    people: Sequence[Identifier],
    *,
    actor: str,
    owner: str | None,
) -> RequestId:
    """Open a request for each of `MOST` people at most, whom the caller vouches for; the id of the first.

    Killed in between, those that were opened stand in the list of requests, each by itself.

    Raises:
        InvalidInput: as `intake.take`.
    """
    first = RequestId(deployment.new_id())
    for place, person in enumerate(dict.fromkeys(people)):
        wish = Wish(kind, person, reference=_reference(first, place) if place else None)
        request, _ = take(
            deployment, workspace, wish, actor=actor, owner=owner, request_id=first if not place else None
        )
        if State(request.state) is State.RECEIVED:  # a kind that needs no proof is verified by now
            proving.by_controller(deployment, workspace, request.request_id, actor=actor)
    return first


def opened_with(deployment: Deployment, workspace: OpenWorkspace, first: RequestId) -> list[StoredRequest]:
    """The first request, and those that were opened with it.

    Raises:
        NotFound: there is no such request.
    """
    keys = [reference_key(workspace, _reference(first, place)) for place in range(1, MOST)]
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = intake.references(transaction, workspace.workspace_id, keys)
        ids = [first, *(found[key].request_id for key in keys if key in found)]
        return [require(transaction, workspace, RequestId(one)) for one in ids]


def _reference(first: RequestId, place: int) -> str:
    return f"with {text_id(first)} {place}"
