"""Consent in bulk says what one check after the other says, and a withdrawal counts from its commit on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from registry.flows.consent import permitted
from registry.flows.consent.given import Question
from registry.model.errors import UnknownPurpose
from registry.model.ids import ProfileId
from registry.store import standings
from registry.store.rows import query
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.flows.conftest import new_database
from tests.simulator import RegistrySimulator, Tenant

PURPOSES = ("marketing", "service", "security", "legal", "analytics", "nothing")


@pytest.fixture
def people(tenant: Tenant, clock: SetClock) -> list[tuple[str, str]]:
    """People of every standing: silent, granted, ended, withdrawn, objecting, joined sides that differ, unknown."""
    for name in ("silent", "granted", "ending", "withdrawn", "objected", "joined"):
        tenant.send(identify(name))
    for name in ("granted", "withdrawn", "objected", "joined"):
        tenant.say("user_id", name, "marketing", "granted")
    tenant.say("user_id", "ending", "marketing", "granted", expires_at=clock() + 5_000_000)
    clock.pass_by(seconds=1)
    tenant.say("user_id", "withdrawn", "marketing", "withdrawn")
    tenant.say("user_id", "objected", "security", "objected")
    tenant.say("anonymous_id", "browser", "marketing", "granted")
    tenant.send(ordered(anonymous="browser"), identify("joined", "browser"))
    names = ("silent", "granted", "ending", "withdrawn", "objected", "joined", "stranger")
    return [("user_id", name) for name in names] + [("anonymous_id", "browser")]


def _listed(tenant: Tenant, purpose: str) -> set[ProfileId]:
    pages = permitted.list_people(tenant.registry.deployment, tenant.workspace, purpose)
    return {profile_id for page in pages for profile_id in page}


def _agree(tenant: Tenant, people: list[tuple[str, str]]) -> None:
    deployment = tenant.registry.deployment
    pairs = list(product(people, PURPOSES))
    questions = [Question(tenant.person(*one), purpose, frozenset()) for one, purpose in pairs]
    one_by_one = [tenant.check(*one, purpose) for one, purpose in pairs]
    assert permitted.check_many(deployment, tenant.workspace, questions) == one_by_one
    allowed = {(one, purpose) for (one, purpose), decision in zip(pairs, one_by_one, strict=True) if decision.allowed}
    assert allowed
    for purpose in PURPOSES:
        persons = [tenant.person(*one) for one in people]
        filtered = permitted.filter_people(deployment, tenant.workspace, persons, purpose)
        assert filtered == [(one, purpose) in allowed for one in people]
        profiles = {tenant.profile(*one) for one in people if (one, purpose) in allowed}
        assert _listed(tenant, purpose) == profiles


def test_many_answers_are_those_of_one_check_after_the_other(
    tenant: Tenant, clock: SetClock, people: list[tuple[str, str]]
) -> None:
    _agree(tenant, people)
    clock.pass_by(seconds=10)
    _agree(tenant, people)


def test_a_withdrawal_is_in_the_very_next_list_and_filter(tenant: Tenant, people: list[tuple[str, str]]) -> None:
    before = _listed(tenant, "marketing")
    tenant.say("user_id", "granted", "marketing", "withdrawn")
    assert before - _listed(tenant, "marketing") == {tenant.profile("user_id", "granted")}
    _agree(tenant, people)


def test_a_list_of_many_pages_is_whole(
    tenant: Tenant, people: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _listed(tenant, "service")
    monkeypatch.setattr(permitted, "PAGE", 2)
    assert _listed(tenant, "service") == whole
    assert len(whole) == len({tenant.profile(*one) for one in people} - {None})


def test_nobody_is_listed_for_a_purpose_that_the_policy_has_not(tenant: Tenant, people: list[tuple[str, str]]) -> None:
    with pytest.raises(UnknownPurpose):
        permitted.record_listing(tenant.registry.deployment, tenant.workspace, "nothing", actor="app:a test")
    assert (_listed(tenant, "nothing"), _listed(tenant, "*")) == (set(), set())


@pytest.fixture
def young(postgres_server: str, postgres_templates: tuple[str, str], tmp_path: Path) -> Iterator[RegistrySimulator]:
    """A registry on PostgreSQL whose tables are new: their statistics are of nobody else."""
    data_of, keys_of = postgres_templates
    with new_database(postgres_server, data_of) as data, new_database(postgres_server, keys_of) as keys:
        made = RegistrySimulator(tmp_path, SetClock(), database_url=data, keystore_url=keys)
        yield made
        made.close()


def test_postgresql_looks_up_each_of_many_by_index_before_it_knows_how_many_there_are(young: RegistrySimulator) -> None:
    """No statistics yet: by their absence it would read everybody's choices for each person, and throw most away."""
    tenant, names = young.tenant(), [f"user-{number}" for number in range(2_000)]
    tenant.send(*(identify(name, context=consent(Advertising=True)) for name in names))
    workspace_id, asked = tenant.workspace_id, ("marketing", "*")
    indexes = [tenant.workspace.indexer.index("user_id", name) for name in names]
    with tenant.registry.deployment.data.read(workspace_id) as transaction:
        found = standings.of_indexes(transaction, workspace_id, indexes, asked)
        profiles = sorted(lines[0].profile_id for lines in found.values())
        assert len(found) == 2_000 and {len(lines) for lines in found.values()} == {1}
        assert {*standings.of_profiles(transaction, workspace_id, profiles, asked)} == {*profiles}
        assert [*standings.of_page(transaction, workspace_id, asked, b"", profiles[-1])] == profiles
        for sql, parameters in (
            (standings._INDEXES_LOOKED_UP, (indexes, workspace_id, list(asked))),
            (standings._PROFILES_LOOKED_UP, (profiles, workspace_id, list(asked))),
            (standings._PAGE_LOOKED_UP, (list(asked), workspace_id, b"", profiles[-1])),
        ):
            plan = "\n".join(line for (line,) in query(transaction, f"EXPLAIN ANALYZE {sql}", *parameters))
            assert "Rows Removed" not in plan, plan
