"""Callbacks: controllers are told of each change of their requests, signed, at least once, in order.

Each address of a request is told by itself, as soon as there is something to tell; one that did not answer is tried
again later, each time after a longer wait, and forgotten after its own last attempt. After the last status all are.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from registry.connectors.outgoing import Verdict
from registry.dsr.opendsr import API_VERSION, LAST, Status, headers_of, statuses
from registry.dsr.requests import EFFECTS, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import lifecycle
from registry.flows.dsr.opendsr import signature
from registry.flows.outgoing.endpoints import (
    ATTEMPTS,
    forget_config,
    is_over,
    open_config,
    seal_config,
    wait_after,
    waits,
)
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.errors import KeyMissing
from registry.model.ids import FragmentId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_upkeep import OpenDsrRequest
from registry.store import opendsr as rows

REQUESTS = "/opendsr/v2/requests"
"""Where controllers find their requests, below the server's address."""


class _Address(NamedTuple):
    """One that is called back: how many statuses it took, how often in a row it did not answer, and when it is tried
    again.
    """

    url: str
    told: int
    attempts: int
    next_at: Micros


_MEMBERS = ("urls", "told", "attempts", "next_at")
"""The members of what is sealed, each a list: those of an address stand at the same place."""


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The requests, by the holders of their addresses, of which controllers do not know everything yet."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = rows.waiting(transaction, workspace.workspace_id, waits(deployment.clock()))
    return [row.holder_id for row in found]


def tell(deployment: Deployment, workspace: OpenWorkspace, holder_id: FragmentId) -> int:
    """Tell of one request what its controller does not know; how many callbacks were taken.

    Raises:
        StoreUnavailable, KmsUnavailable: what was taken meanwhile may be told again.
    """
    with deployment.data.sole(f"opendsr-{holder_id.hex()}") as alone:
        if not alone:
            return 0
        with deployment.data.read(workspace.workspace_id) as transaction:
            found = rows.waiting(transaction, workspace.workspace_id, waits(deployment.clock()))
        return sum(_tell(deployment, workspace, row) for row in found if row.holder_id == holder_id)


def status_json(row: OpenDsrRequest, request: StoredRequest, status: Status, base: str | None) -> dict[str, Any]:
    """What a controller is told of a request (specification section 8).

    Args:
        base: where the server is reached; a package is named only where that is known.
    """
    told: dict[str, Any] = {
        "controller_id": text_id(row.workspace_id),
        "expected_completion_time": rfc3339(request.respond_by),
        "subject_request_id": text_id(row.subject_request_id),
        "request_status": status.value,
        "api_version": API_VERSION,
    }
    if base is not None and status is Status.COMPLETED and EFFECTS[Kind(request.kind)] is Effect.GIVE:
        url = f"{base}{REQUESTS}/{text_id(row.subject_request_id)}/results"
        told |= {"results_url": url, "results_count": 1}  # one package holds everything
    return told


def signed_headers(deployment: Deployment, workspace: OpenWorkspace, domain: str, body: bytes) -> dict[str, str]:
    """The headers by which a controller checks that a body is ours (specification section 10)."""
    signed = base64.b64encode(signature(deployment, workspace, domain, body)).decode()
    return headers_of(domain, signed) | {"Content-Type": "application/json"}


def _tell(deployment: Deployment, workspace: OpenWorkspace, row: OpenDsrRequest) -> int:
    request, history = lifecycle.get(deployment, workspace, row.request_id)
    passed = statuses(State(event.state) for event in history)[1:]  # the first is the answer to the request itself
    try:
        config = open_config(deployment, workspace.workspace_id, row.holder_id, row.sealed or b"")
    except KeyMissing:  # told everything, and stopped before that was noted, or an older copy was put back
        _note(deployment, row._replace(sealed=None))
        return 0
    before = _addresses(config, row)
    known = [_told(deployment, workspace, row, request, passed, one) for one in before]
    count = sum(one.told for one in known) - sum(one.told for one in before)
    known = [one for one in known if one.attempts < ATTEMPTS]  # the others were tried for long enough
    row = _tried(row, [one for one in known if one.attempts], seen=len(history))
    if known and not (row.failure is None and passed and passed[-1] in LAST):
        kept = {name: [one[place] for one in known] for place, name in enumerate(_MEMBERS)}
        sealed = seal_config(deployment, row.workspace_id, row.holder_id, kept, is_new=False)
        _note(deployment, row._replace(sealed=sealed, told=min(one.told for one in known)))
    else:
        forget_config(deployment, row.workspace_id, row.holder_id)
        _note(deployment, row._replace(sealed=None))
    return count


def _told(
    deployment: Deployment,
    workspace: OpenWorkspace,
    row: OpenDsrRequest,
    request: StoredRequest,
    passed: Sequence[Status],
    one: _Address,
) -> _Address:
    """An address after it was told what it does not know, up to the first call that it does not take."""
    if one.attempts and not is_over(one.next_at, deployment.clock()):
        return one
    taken = 0
    for status in passed[one.told :]:
        if not _call(deployment, workspace, row, status_json(row, request, status, deployment.public_url), one.url):
            attempts = (0 if taken else one.attempts) + 1
            next_at = deployment.clock() + wait_after(attempts)
            return one._replace(told=one.told + taken, attempts=attempts, next_at=next_at)
        taken += 1
    return one._replace(told=one.told + taken, attempts=0)


def _addresses(config: dict[str, Any], row: OpenDsrRequest) -> list[_Address]:
    """The addresses of a request, each once, with how far it is told; an earlier version counted for all together."""
    count = len(config["urls"])
    former = {"told": [row.told] * count, "attempts": [row.attempts] * count, "next_at": [row.next_at] * count}
    members = zip(*((former | config)[name] for name in _MEMBERS), strict=True)
    return list({url: _Address(url, *more) for url, *more in members}.values())


def _tried(row: OpenDsrRequest, silent: Sequence[_Address], *, seen: int) -> OpenDsrRequest:
    """A request after a round of calls: looked at again as soon as an address that was silent is to be tried."""
    row = row._replace(seen=seen)
    if not silent:
        return row._replace(attempts=0, failure=None)
    attempts, next_at = max(one.attempts for one in silent), min(one.next_at for one in silent)
    return row._replace(attempts=attempts, next_at=next_at, failure="not taken")


def _call(
    deployment: Deployment, workspace: OpenWorkspace, row: OpenDsrRequest, told: dict[str, Any], url: str
) -> bool:
    body = orjson.dumps(told | {"status_callback_url": url})
    headers = signed_headers(deployment, workspace, row.domain, body)
    return deployment.outgoing.post(url, body, headers).verdict is Verdict.DELIVERED


def _note(deployment: Deployment, row: OpenDsrRequest) -> None:
    with deployment.data.write(row.workspace_id) as transaction:
        rows.note(transaction, row)
