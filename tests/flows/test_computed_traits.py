"""Computed traits, labels and audiences: kept up to date, for their purpose, through merges and erasure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import reviewed
from registry.flows.access import credentials
from registry.flows.ingest import pipeline, recounting
from registry.flows.ingest.admission import Delivery
from registry.flows.profiles import audiences
from registry.model.errors import DocumentInvalid, Forbidden, NotFound, PurposeDenied
from registry.model.provenance import Method
from registry.profiles.conditions import ComputedPolicy
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered
from tests.flows.test_concurrency import _at_once
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

YES = {"context": consent(Analytics=True)}
NO = {"context": consent(Analytics=False)}
ROOT = Path(__file__).parents[2]
ADA, BROWSER = ("user_id", "ada"), ("anonymous_id", "b1")


def computed(tenant: Tenant, *who: str, purpose: str = "analytics") -> dict[str, Any]:
    view = tenant.lookup(who[0], who[1], purpose)
    return {row["trait"]: row["value"] for row in view["computed"]}


def labels(tenant: Tenant, *who: str, purpose: str = "analytics") -> list[str]:
    found: list[str] = tenant.lookup(who[0], who[1], purpose)["labels"]
    return found


def members(tenant: Tenant, *, key: str | None = None, limit: int = 100) -> set[str]:
    found: set[str] = set()
    after = None
    while True:
        page = audiences.members(
            tenant.registry.deployment, tenant.workspace, tenant.principal(key), "recent_regulars",
            limit=limit, after=after,
        )  # fmt: skip
        found |= {row["profile_id"] for row in page["members"]}
        if page["cursor"] is None:
            return found
        after = bytes.fromhex(page["cursor"].replace("-", ""))  # type: ignore[assignment]


def test_events_are_counted_as_they_come_in_and_labels_follow(tenant: Tenant) -> None:
    tenant.send(ordered("ada", total=10.5, **YES), ordered("ada", total=2, **YES))
    assert computed(tenant, *ADA) == {"orders_count": 2, "orders_in_90_days": 2, "orders_total": 12.5}
    assert labels(tenant, *ADA) == []
    call = ordered("ada", total=1, **YES)
    tenant.send(call)
    tenant.send(call)
    assert computed(tenant, *ADA)["orders_count"] == 3
    assert labels(tenant, *ADA) == ["regular_customer"]


def test_a_window_passes_without_any_event(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(*[ordered("ada", **YES) for _ in range(3)])
    assert len(members(tenant)) == 1
    clock.pass_by(days=91)
    assert computed(tenant, *ADA) == {"orders_count": 3}
    assert members(tenant) == set()


def test_what_has_no_ground_is_not_counted_and_another_purpose_sees_nothing(tenant: Tenant) -> None:
    tenant.send(ordered("ada", **YES), ordered("bob", **NO), ordered("eve"))
    assert computed(tenant, *ADA)["orders_count"] == 1
    assert computed(tenant, *ADA, purpose="service") == {}
    withheld = tenant.lookup(*ADA, "service")["withheld"]
    assert {row["reason"]: row["count"] for row in withheld["reasons"]}["other_purpose"] >= 1
    for nobody in ("bob", "eve"):
        with pytest.raises(PurposeDenied):
            computed(tenant, "user_id", nobody)
    tenant.say("user_id", "eve", "analytics", "granted")
    assert computed(tenant, "user_id", "eve") == {}, "what came before the consent does not count"


def test_a_merge_adds_up_and_taking_it_apart_gives_each_side_its_own(tenant: Tenant) -> None:
    everything = {"context": consent(**ALL_YES)}
    tenant.send(ordered("ada", **everything), *[ordered(anonymous="b1", **everything) for _ in range(2)])
    tenant.send(alias("b1", "ada", **everything))
    assert computed(tenant, *ADA)["orders_count"] == 3
    tenant.keep_apart(ADA, BROWSER)
    assert computed(tenant, *ADA)["orders_count"] == 1
    assert computed(tenant, *BROWSER)["orders_count"] == 2


def test_an_erasure_leaves_nothing_computed(tenant: Tenant) -> None:
    tenant.send(ordered("ada", **YES))
    tenant.erase(*ADA)
    left = tenant.registry.rows("SELECT count(*) FROM trait_assertion WHERE workspace_id = ?", tenant.workspace_id)
    assert left == [(0,)]


def test_an_audience_holds_only_those_whose_consent_allows_its_purpose(tenant: Tenant, clock: SetClock) -> None:
    for who in ("ada", "bob", "eve"):
        tenant.send(*[ordered(who, **YES) for _ in range(3)])
    tenant.send(*[ordered("mallory", **NO) for _ in range(5)], ordered("new", **YES))
    assert len(members(tenant)) == len(members(tenant, limit=1)) == 3
    clock.pass_by(seconds=1)
    tenant.say("user_id", "bob", "analytics", "withdrawn")
    profiles = {who: tenant.lookup("user_id", who, "service")["profile_id"] for who in ("ada", "eve")}
    assert members(tenant) == set(profiles.values())
    with pytest.raises(Forbidden):
        members(tenant, key=tenant.keys.app)


def test_two_writers_at_once_lose_no_count(shared: RegistrySimulator) -> None:
    tenant = shared.tenant()
    tenant.send(ordered("ada", total=1, **YES))

    def write() -> None:
        for _ in range(8):
            tenant.send(ordered("ada", total=1, **YES), ordered("bob", total=1, **YES))

    _at_once(write, write)
    assert computed(tenant, *ADA)["orders_count"] == 17
    assert computed(tenant, "user_id", "bob")["orders_total"] == 16


def test_a_contact_point_says_whether_it_was_proven(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="Ada@example.com", phone="+14155550100"))
    deployment = tenant.registry.deployment
    plan = tenant.source.plan
    made = credentials.create_source(
        deployment, tenant.workspace_id, name="newsletter", plan=plan.name, version=plan.version,
        method=Method.DOUBLE_OPT_IN, actor="operator",
    )  # fmt: skip
    opted_in = Delivery(
        credentials.source_of(deployment, made.secret), [identify("ada", email="ada@example.com")], deployment.clock()
    )
    pipeline.ingest(deployment, tenant.workspace, [opted_in])
    view = tenant.lookup(*ADA, "service")
    states = {row["kind"]: row["verification"] for row in view["identifiers"]}
    assert states == {"user_id": None, "email": "double_opt_in", "phone": "unverified"}
    email = next(row for row in view["traits"] if row["trait"] == "email")
    assert (email["verification"], email["age_days"]) == ("double_opt_in", 0)


def test_shipped_traits_of_purposes_that_a_controller_does_not_have_are_left_out(tmp_path: Path) -> None:
    text = (ROOT / "policies" / "purposes.yaml").read_text().replace("name: analytics", "name: statistics")
    (tmp_path / "purposes.yaml").write_text(text)
    assert reviewed.load_policies(tmp_path).computed.audiences == {}
    (tmp_path / "computed.yaml").write_text((ROOT / "policies" / "computed.yaml").read_text())
    with pytest.raises(DocumentInvalid):
        reviewed.load_policies(tmp_path)


def test_a_trait_that_is_named_like_what_is_kept_is_only_a_trait(tenant: Tenant) -> None:
    deployment, plan = tenant.registry.deployment, tenant.source.plan
    made = credentials.create_source(
        deployment, tenant.workspace_id, name="open", plan=plan.name, version=plan.version,
        unplanned_properties="allow", actor="operator",
    )  # fmt: skip
    call = identify("ada", **{"@computed:analytics": {"orders_count": {"of": "x", "days": {"1": "many"}}}}, **YES)
    source = credentials.source_of(deployment, made.secret)
    pipeline.ingest(deployment, tenant.workspace, [Delivery(source, [call], deployment.clock())])
    tenant.send(ordered("ada", **YES))
    assert computed(tenant, *ADA)["orders_count"] == 1
    assert computed(tenant, *ADA, purpose="service") == {}
    names = {row["trait"] for purpose in ("service", "analytics") for row in tenant.lookup(*ADA, purpose)["traits"]}
    assert names <= {"@computed:analytics"}


def count_back(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return recounting.recount(tenant.registry.deployment, tenant.workspace, actor="operator", **more)


@contextmanager
def before_the_policy(tenant: Tenant) -> Iterator[None]:
    """Nothing is computed yet, as before a trait is declared."""
    own = tenant.registry.deployment
    tenant.registry.deployment = replace(own, policies=replace(own.policies, computed=ComputedPolicy({}, (), {})))
    try:
        yield
    finally:
        tenant.registry.deployment = own


def test_a_trait_that_is_declared_later_looks_back_and_goes_on_from_there(tenant: Tenant) -> None:
    with before_the_policy(tenant):
        tenant.send(*[ordered("ada", total=2.5, **YES) for _ in range(3)], ordered("bob", **NO), ordered("eve"))
        assert count_back(tenant) == {"traits": [], "fragments": 0, "finished": True}
    assert computed(tenant, *ADA) == {}
    tenant.send(ordered("ada", total=1, **YES))
    assert computed(tenant, *ADA)["orders_count"] == 1
    done = count_back(tenant)
    assert (done["traits"], done["finished"]) == (["orders_count", "orders_in_90_days", "orders_total"], True)
    assert computed(tenant, *ADA) == {"orders_count": 4, "orders_in_90_days": 4, "orders_total": 8.5}
    assert count_back(tenant)["traits"] == [], "once is enough"
    tenant.send(ordered("ada", total=1, **YES))
    assert count_back(tenant, names=["orders_count"])["traits"] == ["orders_count"]
    assert computed(tenant, *ADA) == {"orders_count": 5, "orders_in_90_days": 5, "orders_total": 9.5}
    tenant.say("user_id", "eve", "analytics", "granted")
    count_back(tenant, names=["orders_count"])
    assert computed(tenant, "user_id", "eve") == {}, "what came before the consent does not count"
    with pytest.raises(NotFound):
        count_back(tenant, names=["shoe_size"])


def test_counting_back_goes_on_where_it_was_interrupted(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    with before_the_policy(tenant):
        tenant.send(*[ordered(f"u{n}", **YES) for n in range(7)])
    monkeypatch.setattr(recounting, "PAGE", 2)
    first = count_back(tenant, pages=2)
    assert (first["fragments"], first["finished"]) == (4, False)
    second = count_back(tenant)
    assert (second["fragments"], second["finished"]) == (3, True)
    assert [computed(tenant, "user_id", f"u{n}")["orders_count"] for n in range(7)] == [1] * 7


def test_what_is_locked_stays_as_it_stands_and_counts_when_it_opens_again(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(ordered("ada", **YES), ordered("ada", **YES))
    tenant.say("user_id", "ada", "analytics", "withdrawn")
    count_back(tenant)
    clock.pass_by(seconds=1)
    tenant.say("user_id", "ada", "analytics", "granted")
    assert computed(tenant, *ADA)["orders_count"] == 2


def test_those_who_write_meanwhile_are_counted_once(tenant: Tenant) -> None:
    tenant.send(ordered("ada", **YES))

    def write() -> None:
        for _ in range(6):
            tenant.send(ordered("ada", **YES))

    def again() -> None:
        for _ in range(6):
            count_back(tenant, names=["orders_count"])

    _at_once(write, again)
    assert computed(tenant, *ADA)["orders_count"] == 7
