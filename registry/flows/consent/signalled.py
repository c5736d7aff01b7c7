"""Signals that an app hands over for a person: put into purposes, and recorded where they change something."""

from __future__ import annotations

from typing import NamedTuple

from registry.consent.news import BY_SIGNAL, is_news, last_words, refusal, refused_otherwise_by, refuses_otherwise
from registry.consent.records import REFUSALS, ConsentStatus
from registry.consent.signals.spoken import Spoken
from registry.flows.consent import ledger
from registry.flows.consent.standing import FOREVER
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.message import Identifier
from registry.model.stored import StoredConsent
from registry.store import consents


class Signalled(NamedTuple):
    """What became of signals: records with their receipts, and the purposes whose earlier refusal stands."""

    records: list[tuple[StoredConsent, str]]
    refusal_stands: list[str]


def record_signals(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    spoken: Spoken,
    *,
    actor: str,
) -> Signalled:
    """Record what signals say of a person, where it is news (docs/decisions/0014-signals-and-records.md).

    What is news, `is_news` tells. A yes does not lift a refusal that was made by another way than signals, nor the
    browser's opt-out, and counts from when its string was made. Where nothing is said, nobody becomes known.

    Raises:
        KeyMissing, Forbidden: the person was erased.
    """
    if not spoken.said:
        return Signalled([], [])
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)  # a grant of the same moment waits, or is seen
        fragment = subjects.find_or_create(deployment, workspace, transaction, subject)
        person = [one.fragment_id for one in subjects.fragments_of(workspace, transaction, subject)]
        rows = consents.history(transaction, workspace.workspace_id, person)
        states = consents.states(transaction, workspace.workspace_id, person)
        elsewhere = {
            state.purpose for state in states
            if state.status in REFUSALS
            and refuses_otherwise((row for row in rows if row.fragment_id == state.fragment_id), state.purpose)
        }  # fmt: skip
        now, acts, repeated = deployment.clock(), [], set[str]()
        for name, yes in spoken.said.items():
            if yes and name in elsewhere:
                continue
            dated = spoken.given_by.get(name, now)
            given_at = dated if yes and dated < now else None
            at, objects = given_at if given_at is not None else FOREVER, name in spoken.objected
            words = last_words(rows, name, at)
            purpose = deployment.policies.purposes.purposes[name]
            if given_at is not None and refused_otherwise_by(rows, name, given_at):
                continue
            if is_news(purpose, words, fragment.fragment_id, yes=yes, objects=objects, at=min(at, now)):
                status = ConsentStatus.GRANTED if yes else refusal(words, fragment.fragment_id)
                status = ConsentStatus.OBJECTED if objects else status
                acts.append(ledger.Act(name, status, acted_at=given_at, channel=BY_SIGNAL))
            elif not yes:
                repeated.add(name)
        notes = {(fragment.fragment_id, name): now for name in repeated}
        consents.note_repeated(transaction, workspace.workspace_id, notes)
        made = ledger.append_acts(deployment, workspace, transaction, fragment, acts, actor=actor)
    stands = sorted(purpose for purpose, yes in spoken.said.items() if yes and purpose in elsewhere)
    return Signalled([(row, ledger.receipt_of(deployment, workspace, row)) for row in made], stands)
