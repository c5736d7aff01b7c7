"""Invariant 7: every value in a view names where it came from, and why it was chosen over its rivals."""

from __future__ import annotations

from typing import Any

from registry.flows.access import credentials
from registry.flows.ingest.admission import Delivery
from registry.flows.ingest.pipeline import ingest
from registry.model.clock import rfc3339
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.simulator import ALL_YES, PURPOSES, Tenant

ADA = ("user_id", "ada")


def _send_from(tenant: Tenant, name: str, method: str, *calls: dict[str, Any]) -> None:
    """Send from another source, which comes to know what it says in another way."""
    deployment = tenant.registry.deployment
    secret = credentials.create_source(
        deployment, tenant.workspace_id, name=name, plan="ecommerce", version="1.0.0", method=method, actor="operator"
    ).secret
    source = credentials.source_of(deployment, secret)
    ingest(deployment, tenant.workspace, [Delivery(source, calls, deployment.clock())])


def _trait(tenant: Tenant, name: str) -> dict[str, Any]:
    [trait] = [trait for trait in tenant.lookup(*ADA, "service")["traits"] if trait["trait"] == name]
    return trait  # type: ignore[no-any-return]


def test_every_value_in_every_view_names_source_message_times_method_and_trust(tenant: Tenant, clock: SetClock) -> None:
    happened = clock() - 3_000_000
    call = identify("ada", "browser", first_name="Ada", gender="f", loyalty_tier="gold", email="ada@example.com",
                    context=consent(**ALL_YES), timestamp=rfc3339(happened))  # fmt: skip
    tenant.send(call)
    tenant.send(ordered("ada", total=3.5))
    seen = 0
    for purpose in PURPOSES:
        view = tenant.lookup(*ADA, purpose)
        for trait in view["traits"]:
            seen += 1
            assert trait["provenance"] == {
                "source": "shop",
                "message_id": call["messageId"],
                "observed_at": rfc3339(happened),
                "received_at": rfc3339(clock()),
                "method": "self_declared",
                "trust": 60,
            }
            assert trait["why"]
            assert trait["because"]
        for identifier in view["identifiers"]:
            assert (identifier["source"], identifier["first_seen_at"]) == ("shop", rfc3339(clock()))
    assert seen >= 6
    for event in tenant.timeline(*ADA):
        assert all(event[name] for name in ("source", "plan", "observed_at", "received_at"))


def test_a_verified_word_wins_over_a_later_one_by_staff_and_says_so(tenant: Tenant, clock: SetClock) -> None:
    _send_from(tenant, "double-opt-in", "double_opt_in", identify("ada", first_name="Right"))
    clock.pass_by(days=1)
    _send_from(tenant, "call-centre", "typed_by_staff", identify("ada", first_name="Wrong"))
    trait = _trait(tenant, "first_name")
    assert (trait["value"], trait["provenance"]["source"], trait["provenance"]["method"]) == (
        "Right", "double-opt-in", "double_opt_in",
    )  # fmt: skip
    assert trait["rivals"]["count"] == 1
    [rival] = trait["rivals"]["values"]
    assert (rival["value"], rival["provenance"]["source"]) == ("Wrong", "call-centre")
    assert trait["why"] != _only_one(tenant)


def test_a_rival_that_the_purpose_may_not_see_is_counted_as_withheld_and_not_shown(
    tenant: Tenant, clock: SetClock
) -> None:
    yes = ALL_YES | {"Functional": True}
    _send_from(
        tenant, "website", "self_declared", identify("ada", favourite_category="shoes", context=consent(**yes))
    )  # fmt: skip
    clock.pass_by(days=1)
    refusing = consent(**yes | {"Advertising": False})
    _send_from(tenant, "app", "self_declared", identify("ada", favourite_category="hats", context=refusing))
    clock.pass_by(days=1)
    tenant.say(*ADA, "marketing", "granted")
    [seen] = tenant.lookup(*ADA, "personalisation")["traits"]
    assert (seen["value"], [rival["value"] for rival in seen["rivals"]["values"]]) == ("hats", ["shoes"])
    view = tenant.lookup(*ADA, "marketing")
    [seen] = [trait for trait in view["traits"] if trait["trait"] == "favourite_category"]
    assert (seen["value"], seen["rivals"]) == ("shoes", {"count": 0, "values": []})
    assert "hats" not in repr(view) and view["withheld"]["count"]


def _only_one(tenant: Tenant) -> str:
    tenant.send(identify("ada", last_name="L"))
    return str(_trait(tenant, "last_name")["why"])


def test_of_equally_trusted_words_the_more_recent_counts_whatever_the_order_of_arrival(
    tenant: Tenant, clock: SetClock
) -> None:
    day = 86_400_000_000
    new = identify("ada", first_name="New", timestamp=rfc3339(clock() - day))
    old = identify("ada", first_name="Old", timestamp=rfc3339(clock() - 2 * day))
    tenant.send(new)
    _send_from(tenant, "app", "self_declared", old)
    tenant.send(identify("ada", first_name="Older", timestamp=rfc3339(clock() - 3 * day)))
    trait = _trait(tenant, "first_name")
    assert (trait["value"], trait["provenance"]["message_id"]) == ("New", new["messageId"])
    assert trait["rivals"]["count"] == 1


def test_a_value_of_an_anonymous_side_keeps_its_own_provenance_after_a_merge(tenant: Tenant, clock: SetClock) -> None:
    first = identify(None, "browser", first_name="Guest")
    tenant.send(first)
    clock.pass_by(seconds=60)
    tenant.send(identify("ada", "browser", last_name="L"))
    assert _trait(tenant, "first_name")["provenance"]["message_id"] == first["messageId"]
