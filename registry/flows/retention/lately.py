"""Grounds that were lost within the time of grace: what only they still keep waits for it, too.

Where all of a compartment's purposes have lost their ground it is locked, and waits. Where a shorter one still has its
own, what is older than that allows would go in the next sweep, although the person may press the wrong button here as
well. Nobody reads it meanwhile: for what is refused nothing is opened, and for the others its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.consent.decide import decide
from registry.consent.records import AGREED
from registry.flows.consent.locking import Refused
from registry.flows.consent.standing import standings_for
from registry.flows.deployment import Deployment
from registry.model.ids import WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.store import consents
from registry.store.database import Transaction


def changed_lately(deployment: Deployment, said: Sequence[ConsentState]) -> bool:
    """Whether a person's current records tell of anything that was recorded, or ended, within the time of grace."""
    now = deployment.clock()
    began = now - deployment.policies.retention.grace_for
    return any(
        began < row.recorded_at or (row.expires_at is not None and began < row.expires_at <= now) for row in said
    )


def refused_throughout(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    transaction: Transaction,
    person: Sequence[Fragment],
    refused: Refused,
) -> Refused:
    """Those of the purposes refused now that had no ground when the time of grace began, nor after a yes since.

    Args:
        person: every fragment of one person.
    """
    rules, catalogue, now = deployment.policies.identity, deployment.policies.purposes, deployment.clock()
    began = now - deployment.policies.retention.grace_for
    rows = consents.history(transaction, workspace_id, [fragment.fragment_id for fragment in person])
    in_order = sorted(rows, key=lambda row: row.recorded_at)
    said_yes = {row.purpose: row.recorded_at for row in in_order if row.status in AGREED}
    left = dict(refused)
    for at in sorted({began, *(at for name, at in said_yes.items() if name in refused and began < at <= now)}):
        known = [row for row in rows if row.recorded_at <= at]
        standings = standings_for(rules, person, known, left)
        for name, standing in standings.items():
            if decide(name, frozenset(), standing, catalogue, now=at).allowed:
                del left[name]
    return left
