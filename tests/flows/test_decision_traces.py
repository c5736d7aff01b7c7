"""Invariant 15: every message has a decision trace, found by its message id, without a value."""

from __future__ import annotations

import pytest

from registry.flows.traffic.trace import trace
from registry.model.errors import NotFound
from tests.factories import identify, ordered, track, viewed
from tests.simulator import Tenant

SECRET = "zq-secret-trace"


def _trace(tenant: Tenant, message_id: str) -> dict[str, object]:
    return trace(tenant.registry.deployment, tenant.workspace, message_id)


def test_the_trace_of_an_accepted_message_says_what_was_kept_for_which_purposes(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name=SECRET, gender=SECRET, unheard_of=SECRET, messageId="m-1"))
    found = _trace(tenant, "m-1")
    assert found["outcome"] == "accepted"
    assert (found["source"], found["plan"], found["type"]) == ("shop", "ecommerce@1.0.0", "identify")
    assert found["omitted"] == 1
    assert found["compartments"] == ["service"]
    assert set(found["without_lawful_ground"]) == {"marketing", "personalisation"}  # type: ignore[call-overload]
    assert found["profile_id"]
    assert [violation["code"] for violation in found["violations"]] == ["unplanned_property"]  # type: ignore[union-attr, attr-defined]
    assert SECRET not in repr(found)


def test_the_trace_of_a_rejected_message_says_which_rule_it_broke(tenant: Tenant) -> None:
    tenant.send(track(SECRET, "ada", messageId="m-2"))
    found = _trace(tenant, "m-2")
    assert (found["outcome"], found["source"]) == ("rejected", "shop")
    assert [violation["code"] for violation in found["violations"]] == ["unplanned_event"]  # type: ignore[union-attr, attr-defined]
    assert SECRET not in repr(found)


def test_the_trace_of_a_suppressed_message_says_that_it_was_refused(tenant: Tenant) -> None:
    tenant.send(ordered("ada"))
    tenant.erase("user_id", "ada")
    tenant.send(ordered("ada", messageId="m-3"))
    found = _trace(tenant, "m-3")
    assert (found["outcome"], found["source"], found["violations"]) == ("suppressed", "shop", [])


def test_a_duplicate_leaves_the_trace_of_the_first(tenant: Tenant) -> None:
    call = viewed("ada", messageId="m-4")
    tenant.send(call)
    before = _trace(tenant, "m-4")
    tenant.send(call)
    assert _trace(tenant, "m-4") == before


def test_the_trace_names_the_profile_as_it_is_now(tenant: Tenant) -> None:
    tenant.send(ordered(anonymous="browser", messageId="m-5"))
    alone = _trace(tenant, "m-5")["profile_id"]
    tenant.send(ordered("ada"))
    tenant.send(identify("ada", "browser"))
    assert tenant.profile("user_id", "ada") == tenant.profile("anonymous_id", "browser")
    assert bytes.fromhex(str(_trace(tenant, "m-5")["profile_id"]).replace("-", "")) == tenant.profile("user_id", "ada")
    assert alone


def test_the_trace_goes_with_the_person_who_is_erased(tenant: Tenant) -> None:
    tenant.send(ordered("ada", messageId="m-6"))
    tenant.erase("user_id", "ada")
    with pytest.raises(NotFound):
        _trace(tenant, "m-6")


def test_there_is_no_trace_of_a_message_that_never_came(tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        _trace(tenant, "m-7")
