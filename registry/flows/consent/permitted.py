"""Consent in bulk: many questions in few reads, and who may be contacted for a purpose.

Where a process holds a board of the workspace, it answers (`boards`); here the database does. Nothing is kept between
two calls: each answer rests on what the database holds when it is read, so a withdrawal counts from its commit on in
every process. People who have the same in common share a decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.consent.decide import decide
from registry.consent.records import WHOLE_PERSON
from registry.flows.acts import trail
from registry.flows.consent.boards import Boards
from registry.flows.consent.given import Question
from registry.flows.consent.standing import Alike, alike, standings_for
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.ids import ProfileId
from registry.model.message import Identifier
from registry.store import identities, standings
from registry.store.consents import Person
from registry.store.standings import Lines

BOARD_PAGE = 50_000
PAGE = 5_000
"""People decided on in one read while listing: between two pages nothing is held open."""

NOBODY: Lines = []

_Plain = tuple[str, str | None, str | None]
"""Kind of the one fragment; purpose and word of its one record."""


def check_many(deployment: Deployment, workspace: OpenWorkspace, questions: Sequence[Question]) -> list[Decision]:
    """The decision on each question, in their order, all as of one moment.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    purposes = {question.purpose for question in questions} | {WHOLE_PERSON}
    with deployment.data.read(workspace.workspace_id) as transaction:
        index_of = subjects.standing(workspace, transaction, {question.person for question in questions})
        indexes = [index_of[question.person] for question in questions]
        people = standings.of_indexes(transaction, workspace.workspace_id, set(indexes), purposes)
    now, answers = deployment.clock(), dict[tuple[str, frozenset[str], str | None], _Answers]()
    decisions = []
    for index, (_, purpose, categories, place, _) in zip(indexes, questions, strict=True):
        asked = answers.get((purpose, categories, place))
        if asked is None:
            made = _Answers(deployment, workspace, purpose, categories, now, place)
            asked = answers[purpose, categories, place] = made
        decisions.append(asked.decision(people.get(index, NOBODY)))
    return decisions


def filter_people(
    deployment: Deployment,
    workspace: OpenWorkspace,
    people: Sequence[Identifier],
    purpose: str,
    jurisdiction: str | None = None,
) -> list[bool]:
    """Which of these people may be used for a purpose, in their order.

    Args:
        jurisdiction: where all of them are, whose lawful basis counts (ISO 3166-1 or -2); None where nobody knows.

    Raises:
        StoreUnavailable: no decision; the caller must take it as a no.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        index_of = subjects.standing(workspace, transaction, people)
        indexes = [index_of[person] for person in people]
        asked = (purpose, WHOLE_PERSON)
        found = standings.of_indexes(transaction, workspace.workspace_id, set(indexes), asked)
    answers = _Answers(deployment, workspace, purpose, frozenset(), deployment.clock(), jurisdiction)
    allowed = {index: answers.allowed(person) for index, person in found.items()}
    return [allowed.get(index, False) for index in indexes]


def filter_profiles(
    deployment: Deployment,
    workspace: OpenWorkspace,
    profiles: Sequence[ProfileId],
    purpose: str,
    jurisdiction: str | None = None,
) -> list[bool]:
    """Which of these profiles, as a list names them, may be used for a purpose, in their order: as `filter_people`.

    Raises: as `filter_people`.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        asked = (purpose, WHOLE_PERSON)
        found = standings.of_profiles(transaction, workspace.workspace_id, set(profiles), asked)
    answers = _Answers(deployment, workspace, purpose, frozenset(), deployment.clock(), jurisdiction)
    allowed = {profile: answers.allowed(person) for profile, person in found.items()}
    return [allowed.get(profile, False) for profile in profiles]


def decide_profiles(
    deployment: Deployment,
    workspace: OpenWorkspace,
    profiles: Sequence[ProfileId],
    purpose: str,
    jurisdiction: str | None = None,
) -> list[Decision]:
    """As `filter_profiles`, each decision whole.

    Raises: as `filter_people`.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        asked = (purpose, WHOLE_PERSON)
        found = standings.of_profiles(transaction, workspace.workspace_id, set(profiles), asked)
    answers = _Answers(deployment, workspace, purpose, frozenset(), deployment.clock(), jurisdiction)
    return [answers.decision(found.get(profile, NOBODY)) for profile in profiles]


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


def list_people(
    deployment: Deployment, workspace: OpenWorkspace, purpose: str, boards: Boards | None = None
) -> Iterator[list[ProfileId]]:
    """The profiles that may be used for a purpose, in the order of their ids, a page at a time.

    Each page is decided as of when it is read, by the workspace's board where there is one.

    Raises:
        StoreUnavailable: the list broke off; what has come is no whole list.
    """
    for ids in list_ids(deployment, workspace, purpose, boards):
        yield [ProfileId(ids[at : at + 16]) for at in range(0, len(ids), 16)]


def list_ids(
    deployment: Deployment, workspace: OpenWorkspace, purpose: str, boards: Boards | None = None
) -> Iterator[bytes]:
    """As `list_people`, the ids of a page one after the other.

    Raises: as `list_people`.
    """
    after = b""
    while True:
        page = boards.page(workspace, purpose, after, BOARD_PAGE, deployment.clock()) if boards is not None else None
        if page is not None:
            if not page.last:
                return
            yield page.ids
            after = page.last
            continue
        with deployment.data.read(workspace.workspace_id) as transaction:
            ids = identities.profiles_after(transaction, workspace.workspace_id, after, PAGE)
            if not ids:
                return
            asked = (purpose, WHOLE_PERSON)
            people = standings.of_page(transaction, workspace.workspace_id, asked, after, ids[-1])
        answers = _Answers(deployment, workspace, purpose, frozenset(), deployment.clock())
        yield b"".join(profile_id for profile_id, person in people.items() if answers.allowed(person))
        after = ids[-1]


class _Answers:
    """What one question has for an answer for people, at one moment; those who have the same in common are decided
    once. Their lines hold the records for the purpose and for the whole person.
    """

    def __init__(
        self,
        deployment: Deployment,
        workspace: OpenWorkspace,
        purpose: str,
        categories: frozenset[str],
        now: Micros,
        jurisdiction: str | None = None,
    ) -> None:
        self._rules, self._catalogue = deployment.policies.identity, deployment.policies.purposes
        self._workspace_id = workspace.workspace_id
        self._purpose, self._categories, self._now = purpose, categories, now
        self._jurisdiction = jurisdiction
        self._decided: dict[_Plain, Decision] = {}
        self._allowed: dict[Alike, bool] = {}

    def decision(self, lines: Lines) -> Decision:
        """The decision on one person. Those who are plainly alike differ in the record alone that it rests on."""
        plain = self._plain(lines)
        if plain is None:
            return self._decide(standings.person_of(self._workspace_id, lines))
        known = self._decided.get(plain)
        if known is None:
            known = self._decided[plain] = self._decide(standings.person_of(self._workspace_id, lines))
        if known.record_id is None:
            return known
        return Decision(
            known.allowed, known.reason, known.purpose, known.lawful_basis, lines[0].record_id, None,
            known.policy_version,
        )  # fmt: skip

    def allowed(self, lines: Lines) -> bool:
        """Whether the answer for one person is yes."""
        plain = self._plain(lines)
        if plain is not None:
            known = self._decided.get(plain)
            return known.allowed if known is not None else self.decision(lines).allowed
        person = standings.person_of(self._workspace_id, lines)
        common = alike(self._rules, *person, self._now, self._catalogue.last_change)
        if common is None:
            return self._decide(person).allowed
        if common not in self._allowed:
            self._allowed[common] = self._decide(person).allowed
        return self._allowed[common]

    def _plain(self, lines: Lines) -> _Plain | None:
        """What `alike` says of somebody of one fragment and at most one record, without putting the rows together."""
        if len(lines) != 1:
            return None
        line = lines[0]
        if line.purpose is None:
            return line.kind, None, None
        if line.expires_at is not None or not self._catalogue.last_change <= line.acted_at <= self._now:
            return None
        return line.kind, line.purpose, line.status

    def _decide(self, person: Person) -> Decision:
        standing = standings_for(self._rules, *person, (self._purpose,))[self._purpose]
        return decide(
            self._purpose, self._categories, standing, self._catalogue, now=self._now, jurisdiction=self._jurisdiction
        )
