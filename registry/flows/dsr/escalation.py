"""Warnings of deadlines to officers: by webhook, and by mail to the mailboxes of the settings; once each.

What was warned of is written in the transaction that puts the warnings into the outbox and among the letters: a
server that is killed has given a warning and remembers it, or neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from registry.dsr.escalation import Warned, warnings
from registry.dsr.notices import deadline_lines
from registry.dsr.requests import ENDED, State
from registry.flows.acts import outbox
from registry.flows.acts.outbox import Notice, Topic
from registry.flows.deployment import Deployment
from registry.flows.dsr import letters
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.ids import text_id
from registry.store import requests
from registry.store import webhooks as rows

LINES = 50
"""Requests that one letter names; of more, it says how many."""


def warn(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Warn of every deadline whose day has come; of how many. Nobody to be told: nothing is remembered."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    open_states = [state.value for state in State if state not in ENDED]
    with deployment.data.read(workspace_id) as transaction:
        to = outbox.subscribed(transaction, workspace_id, Topic.DSR_DEADLINE)
        found = requests.in_states(transaction, workspace_id, open_states) if to or deployment.officers else []
    law_of = deployment.policies.jurisdictions.of_request
    due = {one.name: one for one in warnings(((r, law_of(r.jurisdiction)) for r in found), now)}
    if not due:
        return 0
    with deployment.data.write(workspace_id) as transaction:
        fresh = [due[name] for name in rows.alerted(transaction, workspace_id, due.keys(), now)]
        notices = [Notice(_told(one)) for one in fresh]
        outbox.announce(deployment, transaction, workspace_id, Topic.DSR_DEADLINE, notices, to=to)
        if fresh:
            shown = deadline_lines([_told(one) for one in fresh[:LINES]], deployment.public_url)
            more = f"\nand {len(fresh) - LINES} more: registry dsr list" if len(fresh) > LINES else ""
            letters.add_to_officers(deployment, transaction, workspace, shown + more, len(fresh))
    return len(fresh)


def without_law(deployment: Deployment, workspace: OpenWorkspace) -> Mapping[str, int]:
    """The laws that left the policy while requests under them are open, each with how many."""
    open_states = [state.value for state in State if state not in ENDED]
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = requests.in_states(transaction, workspace.workspace_id, open_states)
    known = deployment.policies.jurisdictions.by_name
    return Counter(request.jurisdiction for request in found if request.jurisdiction not in known)


def _told(one: Warned) -> dict[str, object]:
    request = one.request
    return {
        "request_id": text_id(request.request_id),
        "kind": request.kind,
        "state": request.state,
        "jurisdiction": request.jurisdiction,
        "due": one.due.value,
        "by": rfc3339(one.by),
        "respond_by": rfc3339(request.respond_by),
        "days_left": one.left,
        "late": one.left < 0,
    }
