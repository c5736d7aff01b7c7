"""Whatever several who write at once do to what people allow: no no is lost, and all who answer say the same.

Several writers, on the connections of two processes, record acts by every way there is, join people and part them, run
requests, lift restrictions and sweep. In CI two short races; `REGISTRY_TEST_RACES=n` runs n long ones (`make fuzz`),
`REGISTRY_TEST_RACE_SEEDS` those of its seeds: what each writer does hangs on the seed, who comes first does not.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from registry.consent.records import last_word
from registry.flows.consent import explaining, locking, permitted
from registry.flows.consent.boards import Boards
from registry.flows.consent.given import NO_CATEGORIES, Question
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.ids import FragmentId
from registry.model.stored import StoredConsent
from registry.store import consents, identities
from registry.store.rows import query
from tests.reliability.racing import PEOPLE, PURPOSES, Reference, Word, race, references, standing_noes
from tests.simulator import RegistrySimulator, Tenant

RACES = int(os.environ.get("REGISTRY_TEST_RACES", "0"))
GIVEN = [int(seed) for seed in os.environ.get("REGISTRY_TEST_RACE_SEEDS", "").split()]
SEEDS = GIVEN or [Random().randrange(10**6) for _ in range(RACES)] or [1, 2]
ACTS = 60 if RACES or GIVEN else 20
EVERYBODY = [reference for person in range(PEOPLE) for reference in references(person)]


def now() -> Micros:
    """The real time: a race has no other."""
    return time.time_ns() // 1_000


@pytest.fixture
def processes(registry_urls: tuple[str, str], tmp_path: Path) -> Iterator[list[RegistrySimulator]]:
    """Two that share the databases and nothing else, as two server processes do."""
    data, keystore = registry_urls
    both = [RegistrySimulator(tmp_path / "home", now, database_url=data, keystore_url=keystore) for _ in range(2)]
    yield both
    for one in both:
        one.close()


@pytest.mark.timeout(max(120, 60 * len(SEEDS)))
def test_a_race_loses_no_no_and_all_who_answer_agree(processes: list[RegistrySimulator]) -> None:
    for seed in SEEDS:
        tenant = processes[0].tenant()
        other, boards = tenant.elsewhere(processes[1]), Boards(processes[1].deployment, most=1_000)
        _until_ready(other, boards)
        words = race([tenant, other, tenant, other], seed, ACTS)
        _require_folded(tenant, seed)
        answers = {reference: _told(tenant, other, reference) for reference in EVERYBODY}
        _require_listed(tenant, answers)
        _require_on_boards(other, boards, answers)
        boards.close()
        for no in standing_noes(words):
            _require_in_force(no, answers[no.reference], seed)


def _require_folded(tenant: Tenant, seed: int) -> None:
    """What stands is what follows from the ledger; every record was told on; every lock is one that is needed."""
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    said: dict[tuple[FragmentId, str], list[StoredConsent]] = defaultdict(list)
    with deployment.data.write(workspace_id) as transaction:
        rows = query(transaction, "SELECT fragment_id, profile_id FROM fragment WHERE workspace_id = ?", workspace_id)
        ids = [FragmentId(bytes(row[0])) for row in rows]
        ledger = consents.history(transaction, workspace_id, ids)
        for row in ledger:
            said[row.fragment_id, row.purpose].append(row)
        words = {key: last_word(own) for key, own in said.items()}
        assert {
            (one.fragment_id, one.purpose): (one.status, one.acted_at, one.expires_at)
            for one in consents.states(transaction, workspace_id, ids)
        } == {key: (row.status, since, row.expires_at) for key, (row, since) in words.items()}, seed
        fed = query(transaction, "SELECT record_id FROM consent_feed WHERE workspace_id = ?", workspace_id)
        assert {bytes(row[0]) for row in fed} == {row.record_id for row in ledger}, seed
        profiles = {fragment.profile_id for fragment in identities.fragments(transaction, workspace_id, ids).values()}
        assert locking.relock(deployment, workspace_id, transaction, profiles) == (0, 0), seed


def _told(tenant: Tenant, other: Tenant, reference: Reference) -> dict[str, Decision]:
    """The decisions on one of the people, which are the same whoever is asked, and however."""
    deployment, workspace, person = tenant.registry.deployment, tenant.workspace, tenant.person(*reference)
    decisions = {purpose: tenant.check(*reference, purpose) for purpose in PURPOSES}
    for purpose, decision in decisions.items():
        assert other.check(*reference, purpose) == decision
        for also in (
            tenant.check(*reference, purpose, at=now()),
            explaining.explain(deployment, workspace, person, purpose).decision,
        ):
            assert (also.allowed, also.reason) == (decision.allowed, decision.reason)
        assert permitted.filter_people(deployment, workspace, [person], purpose) == [decision.allowed]
    questions = [Question(person, purpose, NO_CATEGORIES) for purpose in PURPOSES]
    assert permitted.check_many(deployment, workspace, questions) == list(decisions.values())
    return decisions


def _require_listed(tenant: Tenant, answers: dict[Reference, dict[str, Decision]]) -> None:
    with tenant.registry.http() as client:
        for purpose in PURPOSES:
            answer = client.post(
                "/v1/consent/list", json={"purpose": purpose}, headers=tenant.bearer(tenant.keys.admin)
            )
            listed = {bytes.fromhex(json.loads(line)["profile_id"].replace("-", "")) for line in answer.iter_lines()}
            for reference, decisions in answers.items():
                assert (tenant.profile(*reference) in listed) == decisions[purpose].allowed


def _until_ready(tenant: Tenant, boards: Boards) -> None:
    """The board is loaded in the background."""
    until = time.monotonic() + 60
    while not boards.ready(tenant.workspace):
        assert time.monotonic() < until
        time.sleep(0.01)


def _require_on_boards(tenant: Tenant, boards: Boards, answers: dict[Reference, dict[str, Decision]]) -> None:
    """The board that was there before the race says the same after it."""
    workspace = tenant.workspace
    _until_ready(tenant, boards)
    for (kind, value), decisions in answers.items():
        person = tenant.person(kind, value)
        index = workspace.indexer.index(person.kind, person.value)
        for purpose, decision in decisions.items():
            given = boards.one(workspace, index, purpose, NO_CATEGORIES, now(), boards.look(workspace))
            assert given is not None and given.decision() == decision


def _require_in_force(no: Word, decisions: dict[str, Decision], seed: int) -> None:
    for purpose in PURPOSES if no.purpose == "*" else (no.purpose,):
        assert not decisions[purpose].allowed, (seed, no)
        assert no.purpose != "*" or decisions[purpose].reason.value == "restricted", (seed, no)
