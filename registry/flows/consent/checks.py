"""May this person's data be used for this purpose? One indexed read and one pure decision."""

from __future__ import annotations

from collections.abc import Sequence

from registry.consent.decide import decide
from registry.flows.consent.standing import alike, standings_for
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.identity.history import fragments_at
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.message import Identifier
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store import consents


def check(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    purpose: str,
    categories: frozenset[str] = frozenset(),
    *,
    at: Micros | None = None,
    jurisdiction: str | None = None,
) -> Decision:
    """May this subject's data be used for this purpose, now or at a past moment?

    Args:
        jurisdiction: where the person is, whose lawful basis counts (ISO 3166-1 or -2); None where nobody knows.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    catalogue = deployment.policies.purposes
    if at is None:
        fragments, states = _standing_now(deployment, workspace, subject)
        standing = standings_for(deployment.policies.identity, fragments, states, (purpose,))[purpose]
        now = deployment.clock()
        return decide(purpose, categories, standing, catalogue, now=now, jurisdiction=jurisdiction)
    with deployment.data.read(workspace.workspace_id) as transaction:
        index = subjects.standing(workspace, transaction, [subject])[subject]
        fragments = fragments_at(transaction, workspace.workspace_id, index, at)
        ids = [fragment.fragment_id for fragment in fragments]
        rows = consents.history(transaction, workspace.workspace_id, ids)
    records = [row for row in rows if row.acted_at <= at]  # a later restriction did not hold yet
    standing = standings_for(deployment.policies.identity, fragments, records, (purpose,))[purpose]
    return decide(purpose, categories, standing, catalogue, now=at, jurisdiction=jurisdiction)


def answer(
    deployment: Deployment, workspace: OpenWorkspace, subject: Identifier, purpose: str, categories: frozenset[str]
) -> tuple[Decision, bool]:
    """The decision now, and whether it holds until something is written: it does not where time alone changes it.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    rules = deployment.policies.identity
    fragments, records = _standing_now(deployment, workspace, subject)
    standing, now = standings_for(rules, fragments, records, (purpose,))[purpose], deployment.clock()
    catalogue = deployment.policies.purposes
    decision = decide(purpose, categories, standing, catalogue, now=now)
    common = alike(rules, fragments, records, now, catalogue.last_change)
    lasting = decision.valid_until is None and common is not None
    return decision, lasting


def _standing_now(deployment: Deployment, workspace: OpenWorkspace, subject: Identifier) -> consents.Person:
    workspace_id = workspace.workspace_id
    if not workspace.indexer.several:
        index = workspace.indexer.index(subject.kind, subject.value)
        return consents.standing_now(deployment.data, workspace_id, index)
    with deployment.data.read(workspace_id) as transaction:
        index = subjects.standing(workspace, transaction, [subject])[subject]
        return consents.standing_of(transaction, workspace_id, index)


def matrix(
    deployment: Deployment, fragments: Sequence[Fragment], records: Sequence[ConsentState | StoredConsent]
) -> dict[str, Decision]:
    """The decision for every purpose of the policy, for one profile."""
    catalogue, rules, now = deployment.policies.purposes, deployment.policies.identity, deployment.clock()
    standings = standings_for(rules, fragments, records, catalogue.purposes)
    return {name: decide(name, frozenset(), standings[name], catalogue, now=now) for name in standings}
