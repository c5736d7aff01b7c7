"""Consent in bulk: many questions in few reads, and who may be contacted for a purpose.

Nothing is kept between two calls: each answer rests on what the database holds when it is read, so a
withdrawal counts from its commit on in every process. People who have the same in common share a decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.consent.decide import decide
from registry.consent.records import WHOLE_PERSON
from registry.flows.acts import trail
from registry.flows.consent.standing import Alike, alike, standings_for
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.ids import ProfileId
from registry.model.message import Identifier
from registry.store import consents, identities
from registry.store.consents import Person

PAGE = 5_000
"""People decided on in one read while listing: between two pages nothing is held open."""

NOBODY: Person = ([], [])


class Question(NamedTuple):
    """May these categories (fideslang keys; none asks about the purpose alone) of a person be used for a purpose?"""

    person: Identifier
    purpose: str
    categories: frozenset[str]


def check_many(deployment: Deployment, workspace: OpenWorkspace, questions: Sequence[Question]) -> list[Decision]:
    """The decision on each question, in their order, all as of one moment.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    rules = deployment.policies.identity
    with deployment.data.read(workspace.workspace_id) as transaction:
        index_of = subjects.standing(workspace, transaction, {question.person for question in questions})
        indexes = [index_of[question.person] for question in questions]
        people = consents.standings_of(transaction, workspace.workspace_id, set(indexes))
    catalogue, now = deployment.policies.purposes, deployment.clock()
    decisions = []
    for index, (_, purpose, categories) in zip(indexes, questions, strict=True):
        standing = standings_for(rules, *people.get(index, NOBODY), (purpose,))[purpose]
        decisions.append(decide(purpose, categories, standing, catalogue, now=now))
    return decisions


def filter_people(
    deployment: Deployment, workspace: OpenWorkspace, people: Sequence[Identifier], purpose: str
) -> list[bool]:
    """Which of these people may be used for a purpose, in their order.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        index_of = subjects.standing(workspace, transaction, people)
        indexes = [index_of[person] for person in people]
        found = consents.standings_of(transaction, workspace.workspace_id, set(indexes))
    answers = _Answers(deployment, purpose)
    allowed = {index: answers.allowed(person) for index, person in found.items()}
    return [allowed.get(index, False) for index in indexes]


def record_listing(deployment: Deployment, workspace: OpenWorkspace, purpose: str, *, actor: str) -> None:
    """Write into the audit log that somebody asks who may be contacted for a purpose.

    Raises:
        UnknownPurpose: the policy has no such purpose; nothing is written.
        StoreUnavailable: it could not be written, so nothing may be listed.
    """
    found = deployment.policies.purposes.purpose(purpose)
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="consent:people:listed",
            outcome="listed", fields={"purpose": found.name},
        )  # fmt: skip


def list_people(deployment: Deployment, workspace: OpenWorkspace, purpose: str) -> Iterator[list[ProfileId]]:
    """The profiles that may be used for a purpose, in the order of their ids, a page at a time.

    Each page is decided as of when it is read.

    Raises:
        StoreUnavailable: the list broke off; what has come is no whole list.
    """
    after = b""
    while True:
        with deployment.data.read(workspace.workspace_id) as transaction:
            ids = identities.profiles_after(transaction, workspace.workspace_id, after, PAGE)
            if not ids:
                return
            asked = (purpose, WHOLE_PERSON)
            people = consents.page_for_purpose(transaction, workspace.workspace_id, asked, after, ids[-1])
        answers = _Answers(deployment, purpose)
        yield [profile_id for profile_id, person in people.items() if answers.allowed(person)]
        after = ids[-1]


class _Answers:
    """Whether a purpose is allowed for people, at one moment; those who have the same in common are decided once."""

    def __init__(self, deployment: Deployment, purpose: str) -> None:
        self._rules, self._catalogue = deployment.policies.identity, deployment.policies.purposes
        self._purpose = purpose
        self._now: Micros = deployment.clock()
        self._known: dict[Alike, bool] = {}

    def allowed(self, person: Person) -> bool:
        """Whether the purpose is allowed for one."""
        common = alike(self._rules, *person, self._now, self._catalogue.last_change)
        if common is None:
            return self._decide(person)
        if common not in self._known:
            self._known[common] = self._decide(person)
        return self._known[common]

    def _decide(self, person: Person) -> bool:
        standing = standings_for(self._rules, *person, (self._purpose,))[self._purpose]
        return decide(self._purpose, frozenset(), standing, self._catalogue, now=self._now).allowed
