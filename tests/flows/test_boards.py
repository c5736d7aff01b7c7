"""Who stands how, in memory: it says what the database says, at any moment and in every process, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from time import monotonic, sleep

import pytest

from registry import bootstrap
from registry.dsr.requests import Kind
from registry.flows.consent import boards as module
from registry.flows.consent import permitted
from registry.flows.consent.boards import Boards
from registry.flows.consent.given import Answers, Given, Question
from registry.flows.stewards import deciding
from registry.flows.upkeep import reindexing
from registry.flows.workspace import STORED_BEFORE_MOVE
from registry.identity.links import Verdict
from registry.model.clock import DAY, SECOND
from registry.model.decision import Decision
from registry.model.errors import RegistryError
from registry.model.ids import RecordId
from registry.store import standing_server
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered
from tests.simulator import RegistrySimulator, Tenant

USERS, BROWSERS = ("ada", "bob", "eve", "kim"), ("b1", "b2", "b3")
PEOPLE = [*(("user_id", one) for one in USERS), *(("anonymous_id", one) for one in BROWSERS), ("email", "a@b.example")]
PURPOSES = ("marketing", "service", "security", "analytics", "no such purpose")
CATEGORIES = (frozenset[str](), frozenset({"user.contact.email"}), frozenset({"user.biometric"}))
STATUSES = ("granted", "granted", "denied", "withdrawn", "objected", "expired")
WITHIN_S = 60


@pytest.fixture
def clock(shared: RegistrySimulator) -> Iterator[SetClock]:
    own = shared.clock
    assert isinstance(own, SetClock)
    before = own.now
    yield own
    own.now = max(own.now, before)


@pytest.fixture
def boards(tenant: Tenant) -> Iterator[Boards]:
    made = Boards(tenant.registry.deployment, 1_000)
    yield made
    made.close()


def caught_up(boards: Boards, tenant: Tenant) -> None:
    """Wait for the background thread, as a caller does who asks again."""
    deadline = monotonic() + WITHIN_S
    while not boards.ready(tenant.workspace):
        assert monotonic() < deadline, "the board never gets ready"
        sleep(0.005)


def from_memory(boards: Boards, tenant: Tenant, question: Question) -> Given:
    """A board's answer; while the background thread has the board, the database would be asked: ask again."""
    _, purpose, categories, _, _ = question
    workspace, index = tenant.workspace, tenant.workspace.indexer.index(*question.person)
    deadline = monotonic() + WITHIN_S
    while True:
        commits = boards.look(workspace)
        answer = boards.one(workspace, index, purpose, categories, boards._deployment.clock(), commits)
        if answer is not None:
            return answer
        assert monotonic() < deadline, "the board never answers"
        sleep(0.001)


def decisions(answers: Answers) -> list[Decision]:
    """Many answers, one after the other."""
    found = []
    for code, record, until in zip(answers.codes, answers.records.tolist(), answers.untils.tolist(), strict=True):
        outcome = answers.outcomes[code]
        rests = (RecordId(record), until or None) if outcome.rests else (None, None)
        found.append(Given(outcome, *rests, False).decision())
    return found


def agree(boards: Boards, tenant: Tenant) -> int:
    """Whatever the board says is what the database says; how many answers it gave."""
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    now, given = deployment.clock(), 0
    questions = [Question(tenant.person(*who), *one) for who, *one in product(PEOPLE, PURPOSES, CATEGORIES)]
    expected = permitted.check_many(deployment, workspace, questions)
    for question, decision in zip(questions, expected, strict=True):
        index = workspace.indexer.index(question.person.kind, question.person.value)
        commits = boards.look(workspace)
        answer = boards.one(workspace, index, question.purpose, question.categories, now, commits)
        if answer is not None:
            given += 1
            assert answer.decision() == decision
    indexes = [workspace.indexer.index(*tenant.person(*who)) for who in PEOPLE]
    every = b"".join(workspace.indexer.index(*question.person) for question in questions)
    many = boards.many(workspace, [(one.purpose, one.categories) for one in questions], every, now)
    assert many is None or decisions(many) == expected
    for purpose in PURPOSES:
        allowed = boards.allowed(workspace, purpose, "indexes", b"".join(indexes), now)
        filtered = permitted.filter_people(deployment, workspace, [tenant.person(*who) for who in PEOPLE], purpose)
        assert allowed is None or list(allowed) == filtered
        listed = [one for page in permitted.list_people(deployment, workspace, purpose) for one in page]
        page = boards.page(workspace, purpose, b"", 1_000, now)
        if page is not None:
            assert page.ids == b"".join(listed)
            own = boards.allowed(workspace, purpose, "profiles", page.ids + bytes(16), now)
            assert own == b"\1" * len(listed) + b"\0"
    return given


def _something(tenant: Tenant, clock: SetClock, chance: Random) -> None:
    """One of the things that change who stands how."""
    deployment, workspace, actor = tenant.registry.deployment, tenant.workspace, "person:steward"
    user, browser, who, other = (chance.choice(of) for of in (USERS, BROWSERS, PEOPLE, PEOPLE))
    said = consent(Advertising=chance.random() < 0.6, Analytics=chance.random() < 0.6)
    match chance.randrange(12):
        case 0:
            tenant.send(identify(user, context=said))
        case 1:
            tenant.send(ordered(anonymous=browser, context=said), identify(user, browser))
        case 2:
            tenant.send(identify(user, email="a@b.example"), alias(browser, user))
        case 3 | 4 | 5:
            ends = chance.choice((None, None, clock() + chance.randrange(5) * DAY + 1))
            at = chance.choice((None, None, clock() + 200 * SECOND, clock() - DAY))
            purpose = chance.choice(("marketing", "security", "analytics"))
            tenant.say(*who, purpose, chance.choice(STATUSES), acted_at=at, expires_at=ends)
        case 6:
            tenant.run(tenant.request(chance.choice((Kind.RESTRICTION, Kind.OBJECTION)), *who))
        case 7:
            tenant.erase(*who)
        case 8:
            deciding.merge(deployment, workspace, tenant.person(*who), tenant.person(*other), actor=actor)
        case 9:
            ends_of = tuple(tenant.fragment(tenant.person(*one)) for one in (who, other))
            profile = tenant.profile(*who)
            if profile is not None:
                deciding.unmerge(deployment, workspace, profile, ends_of, Verdict.RETRACTED, actor=actor)
        case 10:
            clock.pass_by(seconds=chance.choice((1, 150, 300)), days=chance.choice((0, 1, 3)))
        case 11:
            clock.now -= chance.choice((1, 100 * SECOND))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_the_board_says_what_the_database_says(
    tenant: Tenant, clock: SetClock, boards: Boards, seed: int
) -> None:
    chance, given = Random(seed), 0
    for step in range(30):
        try:
            _something(tenant, clock, chance)
        except (RegistryError, KeyError):  # nobody to do it to, or they were erased
            continue
        if chance.random() < 0.5:
            given += agree(boards, tenant)
        if step % 6 == 0 and not tenant.workspace.indexer.several:
            boards.tend()
            caught_up(boards, tenant)
            given += agree(boards, tenant)
    clock.pass_by(days=400)
    caught_up(boards, tenant)
    assert agree(boards, tenant)
    for who, purpose, categories in product(PEOPLE, PURPOSES, CATEGORIES):
        from_memory(boards, tenant, Question(tenant.person(*who), purpose, categories))
    assert given


def test_a_withdrawal_by_another_process_is_in_the_very_next_answer(tenant: Tenant, boards: Boards) -> None:
    tenant.send(identify("ada", context=consent(Advertising=True)))
    caught_up(boards, tenant)
    elsewhere = bootstrap.connect(tenant.registry.settings)
    try:
        theirs = Boards(elsewhere.deployment, 1_000)
        caught_up(theirs, tenant)
        question = Question(tenant.person("user_id", "ada"), "marketing", frozenset())
        before = from_memory(theirs, tenant, question)
        assert before.outcome.decision.allowed
        tenant.say("user_id", "ada", "marketing", "withdrawn")
        after = from_memory(theirs, tenant, question)
        assert after.outcome.decision.reason == "withdrawn"
        theirs.close()
    finally:
        elsewhere.close()


def test_after_an_erasure_no_process_holds_anything_of_the_person(tenant: Tenant, boards: Boards) -> None:
    tenant.send(identify("ada", "b1", email="a@b.example", context=consent(Advertising=True)), identify("bob"))
    caught_up(boards, tenant)
    workspace = tenant.workspace
    ids = {bytes(row[0]) for row in tenant.registry.rows(
        "SELECT fragment_id FROM fragment WHERE workspace_id = ?", tenant.workspace_id)}  # fmt: skip
    bob = tenant.profile("user_id", "bob")
    indexes = {workspace.indexer.index(*tenant.person(*who)) for who in PEOPLE[:1] + PEOPLE[4:5] + PEOPLE[7:]}
    board = boards._held[workspace.workspace_id].board
    assert board is not None
    assert _held(board) >= {bytes(tenant.profile("user_id", "ada") or b""), *indexes}
    tenant.erase("user_id", "ada")
    boards.tend()  # what the thread does every few seconds, asked or not
    assert not _held(board) & ((ids - {bob}) | indexes)
    records = b"".join(bytes(column._records) for column in board._columns)
    assert not records.strip(b"\0"), "the records of the erased are not there either"
    caught_up(boards, tenant)
    agree(boards, tenant)


def _held(board: object) -> set[bytes]:
    """Every key that a board holds anywhere."""
    tables = board.keys.values()  # type: ignore[attr-defined]
    ids = bytes(board._ids)  # type: ignore[attr-defined]
    found = {ids[at : at + 16] for at in range(0, len(ids), 16)}
    for table in tables:
        found |= set(table._later) | {table._sorted.key(place) for place in range(len(table._sorted.high))}
    return found


def test_while_identifiers_move_the_database_answers_and_after_it_the_board_again(
    tenant: Tenant, clock: SetClock, boards: Boards
) -> None:
    tenant.send(*(identify(user, context=consent(Advertising=True)) for user in USERS))
    caught_up(boards, tenant)
    reindexing.begin(tenant.registry.deployment, tenant.workspace, actor="person:admin")
    clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)
    assert tenant.workspace.indexer.several
    assert agree(boards, tenant) == 0
    reindexing.go_on(tenant.registry.deployment, tenant.workspace_id, actor="person:admin")
    clock.pass_by(seconds=60)
    caught_up(boards, tenant)
    assert agree(boards, tenant)


def test_who_is_too_far_behind_reads_everything_anew(
    tenant: Tenant, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST", 0)
    tenant.send(identify("ada", context=consent(Advertising=True)))
    caught_up(boards, tenant)
    first = boards._held[tenant.workspace_id].board
    _many_changes(tenant)
    [(kept,)] = tenant.registry.rows("SELECT count(*) FROM standing_change WHERE workspace_id = ?", tenant.workspace_id)
    assert module.WINDOW <= kept < module.WINDOW + 1_000, "what nobody needs any more is trimmed"
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    caught_up(boards, tenant)
    assert boards._held[tenant.workspace_id].board is not first
    agree(boards, tenant)


def _many_changes(tenant: Tenant) -> None:
    """More than are kept."""
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    if data.is_sqlite:
        with data.write(workspace_id) as transaction:
            execute(
                transaction,
                "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 22000) "
                "INSERT INTO standing_change (workspace_id, position) SELECT ?, n + (SELECT max(position) "
                "FROM standing_change WHERE workspace_id = ?) FROM n",
                workspace_id,
                workspace_id,
            )
        return
    for count in (2_000, 1, 20_000):  # one transaction after another, of which the older go first
        with data.write(workspace_id) as transaction:
            execute(
                transaction,
                "INSERT INTO standing_change (workspace_id, transaction_id) "
                "SELECT ?, pg_current_xact_id()::text::bigint FROM generate_series(1, ?)",
                workspace_id,
                count,
            )
    with data.write(workspace_id) as transaction:
        standing_server.trim(transaction, workspace_id)


def test_more_people_than_may_be_held_are_not_held(tenant: Tenant) -> None:
    tenant.send(*(identify(user) for user in USERS))
    few = Boards(tenant.registry.deployment, len(USERS) - 1)
    assert not few.ready(tenant.workspace)
    few.tend()
    assert agree(few, tenant) == 0
    enough = Boards(tenant.registry.deployment, len(USERS))
    caught_up(enough, tenant)
    tenant.send(identify("one more"))
    enough.tend()
    assert agree(enough, tenant) == 0
    few.close()
    enough.close()
