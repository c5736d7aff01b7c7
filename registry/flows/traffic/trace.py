"""The decision trace of a message (invariant 15): what became of it and why, without values."""

from __future__ import annotations

from registry.flows.deployment import Deployment
from registry.flows.opening import API_SOURCE, source_names
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import NotFound
from registry.model.ids import text_id
from registry.model.stored import Quarantined, RefusedMessage, StoredEvent, StoredViolation
from registry.store import events, identities, quarantine


def trace(deployment: Deployment, workspace: OpenWorkspace, message_id: str) -> dict[str, object]:
    """What became of the message with this id: source, plan, omissions, consent, identity.

    Raises:
        NotFound: no such message came, or it was erased with its person.
    """
    workspace_id = workspace.workspace_id
    key = workspace.indexer.message_key(message_id)
    with deployment.data.read(workspace_id) as transaction:
        names = source_names(transaction, workspace_id)
        broken = quarantine.violations_of(transaction, workspace_id, key)
        event = events.by_message(transaction, workspace_id, key)
        if event is not None:
            profile = identities.fragments(transaction, workspace_id, [event.fragment_id])[event.fragment_id].profile_id
            return _accepted(event, text_id(profile), names, broken)
        shut = quarantine.of_message(transaction, workspace_id, key)
        if shut is not None:
            return _ended("rejected", shut, names, broken) | {"kept_until": rfc3339(shut.expires_at)}
        refused = quarantine.refused(transaction, workspace_id, key)
        if refused is not None:
            return _ended(refused.outcome, refused, names, broken)
    raise NotFound("no message with this id came, or it was erased with its person")


def violation_json(row: StoredViolation, names: dict[bytes, str]) -> dict[str, object]:
    """A violation as the feed shows it."""
    return {
        "violation_id": text_id(row.violation_id),
        "source": names.get(row.source_id, API_SOURCE),
        "type": row.call,
        "event": row.plan_event,
        "plan": row.plan_version,
        "app_version": row.app_version,
        "code": row.code,
        "path": row.path,
        "rule": row.rule,
        "expected": row.expected,
        "rejected": bool(row.rejected),
        "received_at": rfc3339(row.received_at),
    }


def _accepted(
    event: StoredEvent, profile_id: str, names: dict[bytes, str], broken: list[StoredViolation]
) -> dict[str, object]:
    return {
        "outcome": "accepted",
        "source": names.get(event.source_id, API_SOURCE),
        "received_at": rfc3339(event.received_at),
        "observed_at": rfc3339(event.observed_at),
        "plan": event.plan_version,
        "type": event.call,
        "event": event.plan_event,
        "omitted": event.omitted,
        "violations": [violation_json(row, names) for row in broken],
        "compartments": [name for name in event.compartments.split(",") if name],
        "without_lawful_ground": [name for name in event.ungrounded.split(",") if name],
        "transformed_by": [f"{event.plan_version}#{one}" for one in (event.transformed or "").split(",") if one],
        "profile_id": profile_id,
        "fragment_id": text_id(event.fragment_id),
        "event_id": text_id(event.event_id),
    }


def _ended(
    outcome: str, row: Quarantined | RefusedMessage, names: dict[bytes, str], broken: list[StoredViolation]
) -> dict[str, object]:
    return {
        "outcome": outcome,
        "source": names.get(row.source_id, API_SOURCE),
        "received_at": rfc3339(row.received_at),
        "violations": [violation_json(violation, names) for violation in broken],
    }
