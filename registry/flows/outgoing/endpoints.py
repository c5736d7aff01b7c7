"""Addresses outside: sealed with their secrets under key bundles of their own, and how often they are tried."""

from __future__ import annotations

import random
from typing import Any

import orjson

from registry.connectors.outgoing import TIMEOUT_S
from registry.flows.deployment import Deployment
from registry.keys.envelope import open_sealed, record_aad, seal
from registry.model.clock import SECOND, Micros, goes_on
from registry.model.compartment import Compartment
from registry.model.errors import KeyMissing, SealBroken
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import FragmentId, RequestId, WorkspaceId

ENDPOINT = Compartment("@endpoint")
"""The reserved compartment of addresses outside and their secrets."""

ANSWERED_WITHIN: Micros = int((2 * TIMEOUT_S + 1) * SECOND)
"""By then what was on its way has been answered, or given up: for the connection, and for the answer."""
FIRST_WAIT: Micros = 2 * SECOND
LONGEST_WAIT: Micros = 6 * 3600 * SECOND
ATTEMPTS = 16
"""With these waits, four times as long each, a message is tried for more than two days before it is given up."""


UNKNOWN = "unknown: it does not open"
"""The origin of an endpoint that is damaged, or was removed, or made, since the copy was made that was put back."""
LOST = "it does not open any more"
"""Why nothing is sent to such a one."""
CLOSED = (KeyMissing, SealBroken)
"""What `open_config` raises of such a one."""


def seal_config(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    endpoint_id: FragmentId,
    config: dict[str, Any],
    *,
    is_new: bool = True,
) -> bytes:
    """An endpoint's address and secrets, under a key of its own; a new one, or the one that it has."""
    needs = {endpoint_id: (ENDPOINT,)}
    bundle = deployment.keyring.for_sealing(workspace_id, needs, new=needs if is_new else ())[endpoint_id]
    return seal(bundle.key(ENDPOINT), orjson.dumps(config), _aad(workspace_id, endpoint_id))


def open_config(
    deployment: Deployment, workspace_id: WorkspaceId, endpoint_id: FragmentId, sealed: bytes
) -> dict[str, Any]:
    """What `seal_config` was given.

    Raises:
        KeyMissing: its key is gone.
        SealBroken, KmsUnavailable, StoreUnavailable.
    """
    grant = OpenGrant(workspace_id, frozenset({ENDPOINT}), "delivery")
    bundle = deployment.keyring.for_opening(grant, {endpoint_id: (ENDPOINT,)}).get(endpoint_id)
    if bundle is None:
        raise KeyMissing("the key of an endpoint's address is gone", hint="remove it and create it again")
    plain = open_sealed(bundle.key(ENDPOINT), sealed, _aad(workspace_id, endpoint_id), grant, ENDPOINT)
    config: dict[str, Any] = orjson.loads(plain)
    return config


def origin_of(deployment: Deployment, workspace_id: WorkspaceId, endpoint_id: FragmentId, sealed: bytes) -> str:
    """Where an endpoint is, as it is shown; of one that does not open, that it does not, so that it can be found and
    removed.

    Raises:
        KmsUnavailable, StoreUnavailable.
    """
    try:
        origin: str = open_config(deployment, workspace_id, endpoint_id, sealed)["origin"]
    except CLOSED:
        return UNKNOWN
    return origin


def forget_config(deployment: Deployment, workspace_id: WorkspaceId, endpoint_id: FragmentId) -> None:
    """Destroy the key of an endpoint that was removed."""
    because = ShredGrant(workspace_id, RequestId(b"\0" * 16), "endpoint removed")
    deployment.keyring.sweep(because, [endpoint_id])


def sending_to(what: str, endpoint_id: FragmentId) -> str:
    """The name by which one process at a time sends to a `destination` or `webhook`."""
    return f"{what}-{endpoint_id.hex()}"


def wait_after(attempts: int, asked_s: float = 0) -> Micros:
    """How long to wait after so many attempts that failed: exponential, with jitter, and at least what was asked."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 4 ** min(max(attempts, 1) - 1, 20))
    jittered = int(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
    return max(jittered, min(int(asked_s * SECOND), LONGEST_WAIT))


def waits(now: Micros) -> tuple[Micros, Micros]:
    """Between which moments the end of every wait lies that goes on now, as `goes_on` tells it of one."""
    return now, now + LONGEST_WAIT


def is_over(until: Micros, now: Micros) -> bool:
    """Whether a wait is over."""
    return not goes_on(until, now, LONGEST_WAIT)


def _aad(workspace_id: WorkspaceId, endpoint_id: FragmentId) -> bytes:
    return record_aad(b"endpoint", workspace_id, endpoint_id, b"", b"config")
