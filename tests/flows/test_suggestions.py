"""Suggestions of duplicates: likely pairs only, decided by a steward, never merged or shown again by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.flows.stewards import comparing, deciding, suggestions
from registry.identity.likeness import FEATURES
from registry.identity.links import Verdict
from registry.model.errors import Conflict, Forbidden
from registry.model.ids import FragmentId, parse_id
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import Tenant

STEWARD = "person:steward"
ADA = {"first_name": "Ada", "last_name": "Lovelace", "birthday": "1990-01-02"}
HOME = {"address": {"postalCode": "10115", "street": "Sample Street 1"}}


def suggested(tenant: Tenant, purpose: str = "service", key: str | None = None) -> list[dict[str, Any]]:
    found = suggestions.suggest(tenant.registry.deployment, tenant.workspace, tenant.principal(key), purpose, limit=50)
    listed: list[dict[str, Any]] = found["suggestions"]
    return listed


def ends(suggestion: dict[str, Any]) -> tuple[FragmentId, FragmentId]:
    one, other = (FragmentId(parse_id(suggestion[end]["fragment_id"])) for end in ("one", "other"))
    return one, other


@pytest.fixture
def town(tenant: Tenant) -> Tenant:
    """Two accounts of one synthetic person, a sibling with the same address, and strangers."""
    tenant.send(
        identify("ada", **ADA, **HOME),
        identify("ada-2", **ADA | {"first_name": "Ada."}, **HOME),
        identify("sibling", first_name="Byron", last_name="Lovelace", birthday="1993-11-12", **HOME),
        *[
            identify(f"u{n}", first_name=f"First{n}", last_name=f"Last{n}", birthday=f"19{n}-05-05")
            for n in range(60, 80)
        ],
    )
    return tenant


def test_two_accounts_of_one_person_are_suggested_and_a_sibling_is_not(town: Tenant) -> None:
    before = town.people()
    [only] = suggested(town)
    assert {only["one"]["profile_id"], only["other"]["profile_id"]} == {
        town.lookup("user_id", who, "service")["profile_id"] for who in ("ada", "ada-2")
    }
    assert only["certain"]
    weights = {row["feature"]: row["weight"] for row in only["because"]}
    assert weights["birthday"] > 8
    assert town.people() == before, "nobody is merged by a suggestion"


def test_an_accepted_suggestion_is_a_merge_that_can_be_taken_back(town: Tenant) -> None:
    before = town.people()
    [only] = suggested(town)
    deciding.accept(town.registry.deployment, town.workspace, ends(only), actor=STEWARD)
    assert town.profile("user_id", "ada") == town.profile("user_id", "ada-2")
    assert suggested(town) == []
    town.keep_apart(("user_id", "ada"), ("user_id", "ada-2"))
    assert town.people() == before


def test_a_rejected_suggestion_never_comes_back(town: Tenant) -> None:
    [only] = suggested(town)
    deciding.decide(town.registry.deployment, town.workspace, ends(only), Verdict.APART, actor=STEWARD)
    assert suggested(town) == []
    town.send(identify("ada-2", **ADA, email="ada@example.com"), identify("ada", email="ada@example.com"))
    assert suggested(town) == []


def test_only_what_the_purpose_may_see_of_whom_it_may_use_is_compared(town: Tenant) -> None:
    assert suggested(town, "analytics") == []
    with pytest.raises(Forbidden):
        suggested(town, "analytics", town.keys.app)


def test_what_is_kept_for_other_purposes_only_is_not_compared_any_more(town: Tenant, clock: SetClock) -> None:
    days = town.registry.deployment.policies.purposes.purposes["service"].retention_days
    clock.pass_by(days=days - 1)
    assert len(suggested(town)) == 1
    clock.pass_by(days=2)
    assert suggested(town) == []


def test_who_is_suggested_to_be_one_all_together_has_one_number(town: Tenant) -> None:
    other = {"first_name": "Grace", "last_name": "Example", "birthday": "1985-04-05", **HOME}
    town.send(identify("ada-3", **ADA, **HOME), *[identify(f"grace-{n}", **other) for n in (1, 2)])
    found = suggested(town)
    people = [frozenset({one["one"]["profile_id"], one["other"]["profile_id"]}) for one in found]
    adas = {town.lookup("user_id", who, "service")["profile_id"] for who in ("ada", "ada-2", "ada-3")}
    numbers = {one["group"] for one, pair in zip(found, people, strict=True) if pair <= adas}
    assert len(numbers) == 1
    assert {one["group"] for one in found} == {0, 1}
    assert found[0]["group"] == 0


def test_more_people_than_fit_into_memory_are_not_compared(town: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "MOST_PEOPLE", 5)
    with pytest.raises(Conflict):
        suggested(town)


def test_a_comparison_that_has_no_room_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MEMORY", "1MB")
    nothing = dict.fromkeys(FEATURES)
    crowd = {n: nothing | {"email": f"{n % 50}@example.com", "birthday": f"1990-01-{n % 28:02}"} for n in range(5000)}
    with pytest.raises(Conflict) as refused:
        comparing.compare(crowd)
    assert refused.value.hint and "@" not in str(refused.value)


def test_what_is_compared_never_reaches_the_disk(town: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert suggested(town)
    assert list(tmp_path.iterdir()) == []
