"""Signals that an app hands over for a person: put into purposes, and recorded where they change something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from registry.consent.records import REFUSALS, ConsentStatus
from registry.flows.consent import ledger
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.message import Identifier
from registry.model.stored import StoredConsent
from registry.store import consents

BY_SIGNAL = "message"
"""The channel of what signals say, on events or handed over: one's yes may lift the other's no."""


AGREED = frozenset({ConsentStatus.GRANTED.value, ConsentStatus.UNATTESTED.value})
"""Records of a yes: the same yes again is no news."""


class Signalled(NamedTuple):
    """What became of signals: records with their receipts, and the purposes whose earlier refusal stands."""

    records: list[tuple[StoredConsent, str]]
    refusal_stands: list[str]


def record_signals(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    said: Mapping[str, bool],
    *,
    actor: str,
    opted_out: frozenset[str] = frozenset(),
) -> Signalled:
    """Record what signals say of a person, where it is news (docs/decisions/0014-signals-and-records.md).

    A no is recorded unless the last word is a refusal already. A yes is not recorded where one was given, and does not
    lift a refusal that was made by another way than signals, nor the browser's opt-out.

    Args:
        opted_out: the purposes that the browser's opt-out signal is about: an objection (GDPR Art. 21(5)).

    Raises:
        KeyMissing, Forbidden: the person was erased.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        fragment = subjects.find_or_create(deployment, workspace, transaction, subject)
        person = [one.fragment_id for one in subjects.fragments_of(workspace, transaction, subject)]
        rows = {row.record_id: row for row in consents.history(transaction, workspace.workspace_id, person)}
        states = consents.states(transaction, workspace.workspace_id, person)
        catalogue = deployment.policies.purposes.purposes
        own = {
            state.purpose: state.status for state in states
            if state.fragment_id == fragment.fragment_id
            and state.purpose in catalogue  # a restriction is of no one purpose, and purposes may leave the policy
            and state.acted_at >= catalogue[state.purpose].material_since
        }  # fmt: skip
        elsewhere = {
            state.purpose for state in states
            if state.status == ConsentStatus.OBJECTED
            or (ConsentStatus(state.status) in REFUSALS and rows[state.record_id].channel != BY_SIGNAL)
        }  # fmt: skip
        acts = []
        for purpose, yes in said.items():
            before, objects = own.get(purpose), purpose in opted_out
            if objects and before != ConsentStatus.OBJECTED:
                acts.append(ledger.Act(purpose, ConsentStatus.OBJECTED, channel=BY_SIGNAL))
                continue
            if (yes and purpose in elsewhere) or (before is not None and (before in AGREED) == yes):
                continue
            refusal = ConsentStatus.DENIED if before is None else ConsentStatus.WITHDRAWN
            status = ConsentStatus.GRANTED if yes else refusal
            acts.append(ledger.Act(purpose, status, channel=BY_SIGNAL))
        made = ledger.append_acts(deployment, workspace, transaction, fragment, acts, actor=actor)
    stands = sorted(purpose for purpose, yes in said.items() if yes and purpose in elsewhere)
    return Signalled([(row, ledger.receipt_of(deployment, workspace, row)) for row in made], stands)
