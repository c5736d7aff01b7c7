"""What officers look at that no other flow gives: the overview, and lists of the workspace's own things.

Nothing here opens a person's data; that is `flows.read`, for a purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from registry.access.policy import Principal
from registry.dsr.requests import ENDED, State
from registry.flows.deployment import Deployment
from registry.flows.identity.subjects import fragments_of, fragments_of_profile
from registry.flows.opening import source_names
from registry.flows.profiles import read
from registry.flows.traffic.trace import violation_json
from registry.flows.upkeep import rotation
from registry.flows.upkeep.rotation import KeyStatus
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros
from registry.model.errors import NotFound, RegistryError
from registry.model.ids import ProfileId, RequestId
from registry.model.message import Identifier
from registry.model.stored import Credential, Source, StoredConsent, StoredRequest, Workspace
from registry.store import administration, audit_log, consents, quarantine, requests, schema, stewardship

OPEN_STATES = [state.value for state in State if state not in ENDED]
LATEST_ENTRIES = 2_000
"""How far back the overview reads the audit log: a bounded look, however long the log is."""

DAYS = 14
RUNAWAY_DAYS = 7


class Check(NamedTuple):
    """One thing that must work: whether it does, and what to do when it does not."""

    name: str
    good: bool
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What an officer sees first.

    Attributes:
        waiting: the open requests, the next deadline first.
        by_day: accepted and rejected messages per day (days since the epoch), oldest first, of
            the audit log's latest entries.
        counted_since: the time of the oldest entry that was counted, None for an empty log.
    """

    waiting: Sequence[StoredRequest]
    by_day: Mapping[int, tuple[int, int]]
    counted_since: Micros | None
    states: Sequence[Check]
    now: Micros


def overview(deployment: Deployment, workspace: OpenWorkspace) -> Overview:
    """Open requests with their deadlines, what came in lately, and whether everything works."""
    now = deployment.clock()
    with deployment.data.read(workspace.workspace_id) as transaction:
        waiting = requests.in_states(transaction, workspace.workspace_id, OPEN_STATES)
        runaways = len(stewardship.runaways_since(transaction, workspace.workspace_id, now - RUNAWAY_DAYS * DAY))
        size, _ = audit_log.head(transaction, workspace.workspace_id)
        first = max(0, size - LATEST_ENTRIES)
        entries = audit_log.entries(transaction, workspace.workspace_id, first, LATEST_ENTRIES)
    accepted: Counter[int] = Counter()
    rejected: Counter[int] = Counter()
    since = None
    for _, data in entries:
        entry = orjson.loads(data)
        since = entry["at"] if since is None else since
        if entry["action"] == "events:batch:ingested" and entry["at"] > now - DAYS * DAY:
            accepted[entry["at"] // DAY] += entry["fields"].get("accepted", 0)
            rejected[entry["at"] // DAY] += entry["fields"].get("rejected", 0)
    days = {day: (accepted[day], rejected[day]) for day in range(now // DAY - DAYS + 1, now // DAY + 1)}
    ordered = sorted(waiting, key=lambda request: request.respond_by)
    return Overview(ordered, days, since, _states(deployment, ordered, runaways, now), now)


def requests_sought(
    deployment: Deployment,
    workspace: OpenWorkspace,
    states: Sequence[str],
    *,
    kind: str | None = None,
    jurisdiction: str | None = None,
    limit: int,
    after: RequestId | None = None,
) -> list[StoredRequest]:
    """A page of the requests in any of these states, the next deadline first, so that what is overdue leads.

    Raises:
        NotFound: the request that the page comes after is not there.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        last = requests.get(transaction, workspace.workspace_id, after) if after is not None else None
        if after is not None and last is None:
            raise NotFound("the page before is not there", hint="begin at the first page")
        return requests.sought(
            transaction, workspace.workspace_id, states, kind=kind, jurisdiction=jurisdiction, limit=limit, after=last
        )


def find_profile(
    deployment: Deployment, workspace: OpenWorkspace, principal: Principal, person: Identifier, purpose: str
) -> ProfileId:
    """The opaque id of the person behind an identifier, for whoever may read for the purpose.

    Raises:
        Forbidden, UnknownPurpose: not for this caller.
        NotFound: nobody is known under this identifier.
    """
    read.require(deployment, principal, purpose)
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_of(workspace, transaction, person)
    if not fragments:
        raise NotFound("nobody is known under this identifier")
    return fragments[0].profile_id


def consent_history(deployment: Deployment, workspace: OpenWorkspace, profile_id: ProfileId) -> list[StoredConsent]:
    """Every consent record of a profile, in the order of the acts.

    Raises:
        NotFound: there is no such profile.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_of_profile(workspace, transaction, profile_id)
        ids = [fragment.fragment_id for fragment in fragments]
        return consents.history(transaction, workspace.workspace_id, ids)


def violations(
    deployment: Deployment, workspace: OpenWorkspace, limit: int, before: bytes | None
) -> tuple[list[dict[str, Any]], list[tuple[str | None, str, str, int]], bytes | None]:
    """A page of violations, newest first; how often each was seen; and where the next page begins."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = quarantine.violations(transaction, workspace.workspace_id, limit + 1, before)
        counts = quarantine.violation_counts(transaction, workspace.workspace_id)
        names = source_names(transaction, workspace.workspace_id)
    page = found[:limit]
    return [violation_json(row, names) for row in page], counts, page[-1].violation_id if len(found) > limit else None


def audit_entries(
    deployment: Deployment, workspace: OpenWorkspace, limit: int, before: int | None
) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    """A page of audit entries with their positions, newest first; and how long the log is.

    Args:
        before: the position that the page ends before; the log's end if absent.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        size, _ = audit_log.head(transaction, workspace.workspace_id)
        end = size if before is None else max(0, min(before, size))
        start = max(0, end - limit)
        found = audit_log.entries(transaction, workspace.workspace_id, start, end - start) if end else []
    return [(position, orjson.loads(entry)) for position, entry in reversed(found)], size


def sources(deployment: Deployment, workspace: OpenWorkspace) -> list[Source]:
    """The workspace's sources, oldest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return administration.sources(transaction, workspace.workspace_id)


def keys(deployment: Deployment, workspace: OpenWorkspace) -> tuple[list[Credential], KeyStatus]:
    """The workspace's API keys, and its generations of key-encrypting keys.

    Raises:
        KmsUnavailable: the key service does not answer.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = administration.credentials(transaction, workspace.workspace_id)
    return found, rotation.status(deployment, workspace.workspace_id)


def workspaces(deployment: Deployment) -> list[Workspace]:
    """Every workspace, oldest first."""
    with deployment.data.directory() as transaction:
        return administration.workspaces(transaction)


def _runaways(count: int) -> Check:
    """Identifiers that were linked with more others than a person can have, lately."""
    mend = "see who is who: they join nobody; block what is no person's" if count else ""
    return Check("Runaway identifiers, last 7 days", not count, str(count), mend)


def _states(deployment: Deployment, waiting: Sequence[StoredRequest], runaways: int, now: Micros) -> list[Check]:
    checks = {
        "Data database": lambda: schema.require_current(deployment.data, "data"),
        "Keystore": lambda: schema.require_current(deployment.keystore, "keystore"),
        "Key service": deployment.kms.check,
    }
    states = []
    for name, check in checks.items():
        try:
            check()
        except RegistryError as error:
            states.append(Check(name, False, error.title, error.hint or "run: registry doctor"))
        else:
            states.append(Check(name, True, "answers", ""))
    stuck = sum(request.state == State.ACTING.value for request in waiting)
    states.append(Check("Interrupted requests", not stuck, str(stuck), "open each, and run it again" if stuck else ""))
    late = sum(request.respond_by < now for request in waiting)
    states.append(_runaways(runaways))
    states.append(Check("Overdue requests", not late, str(late), "answer them first" if late else ""))
    return states
