"""Violations as a feed: counted by what one asks for, and followed as they come. Never with a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from registry.flows.deployment import Deployment
from registry.flows.opening import API_SOURCE, source_names
from registry.flows.traffic.trace import violation_json
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros, rfc3339
from registry.model.errors import InvalidInput
from registry.store import quarantine

PAGE = 5_000
LATE = 5_000
"""Milliseconds that a writer's transaction may take between giving an id and committing."""
DIMENSIONS = tuple(quarantine.SUMMARY_DIMENSIONS)


def summary(
    deployment: Deployment, workspace: OpenWorkspace, by: Sequence[str], *, since: Micros, limit: int
) -> list[dict[str, object]]:
    """How often violations came, by some of `DIMENSIONS`, with the first and last time that each was seen.

    Raises:
        InvalidInput: one is not of `DIMENSIONS`, or none is given.
    """
    chosen = list(dict.fromkeys(by))
    if not chosen or not set(chosen) <= set(DIMENSIONS):
        raise InvalidInput(f"violations are counted by {', '.join(DIMENSIONS)}")
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = quarantine.violation_summary(transaction, workspace.workspace_id, chosen, since, limit)
        names = source_names(transaction, workspace.workspace_id)
    return [_row(chosen, row, names) for row in rows]


def _row(by: Sequence[str], row: tuple[object, ...], names: dict[bytes, str]) -> dict[str, object]:
    *values, count, first, last = row
    said: dict[str, object] = {}
    for name, value in zip(by, values, strict=True):
        if name == "source":
            said[name] = names.get(bytes(value), API_SOURCE) if isinstance(value, bytes | memoryview) else API_SOURCE
        elif name == "day":
            said[name] = rfc3339(int(str(value)) * DAY)[:10]
        else:
            said[name] = value
    return said | {"count": count, "first_seen_at": rfc3339(int(str(first))), "last_seen_at": rfc3339(int(str(last)))}


def follow(
    deployment: Deployment, workspace: OpenWorkspace, *, wait: Callable[[], bool]
) -> Iterator[dict[str, object]]:
    """Violations as they come, from now on.

    Args:
        wait: called when there is no new one; False ends it.
    """
    shown, after = _shown_already(deployment, workspace)
    while True:
        with deployment.data.read(workspace.workspace_id) as transaction:
            rows = quarantine.violations_after(transaction, workspace.workspace_id, after, PAGE)
            names = source_names(transaction, workspace.workspace_id) if rows else {}
        new = [row for row in rows if row.violation_id not in shown]
        for row in new:
            yield violation_json(row, names)
        shown.update(row.violation_id for row in new)
        if len(rows) == PAGE:
            after = rows[-1].violation_id
        elif rows:
            after = _before(rows[-1].violation_id)
            shown = {identity for identity in shown if identity > after}
        if not new and len(rows) < PAGE and not wait():
            return


def _shown_already(deployment: Deployment, workspace: OpenWorkspace) -> tuple[set[bytes], bytes]:
    with deployment.data.read(workspace.workspace_id) as transaction:
        latest = quarantine.violations(transaction, workspace.workspace_id, PAGE)
    return {row.violation_id for row in latest}, _before(latest[0].violation_id) if latest else b""


def _before(identity: bytes) -> bytes:
    """An id (UUIDv7) of some seconds earlier: whoever writes beside others may commit older ids later."""
    at = int.from_bytes(identity[:6]) - LATE
    return max(at, 0).to_bytes(6) + bytes(10)
