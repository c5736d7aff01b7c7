"""Invariant 4: no read without a purpose that the caller's policy and the person's consent both allow."""

from __future__ import annotations

import pytest

from registry.model.errors import Forbidden, PurposeDenied, RegistryError, UnknownPurpose
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, viewed
from tests.simulator import ALL_YES, Tenant

ADA = ("user_id", "ada")


@pytest.fixture
def shopper(tenant: Tenant) -> Tenant:
    """A person who agreed to everything, with a trait and an event for most purposes."""
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", gender="f", loyalty_tier="gold",
                 context=consent(**ALL_YES))
    )  # fmt: skip
    tenant.send(viewed("ada", context={"ip": "192.0.2.7"}), ordered("ada", coupon="SPRING"))
    return tenant


def test_an_unknown_purpose_opens_nothing(shopper: Tenant) -> None:
    with pytest.raises(UnknownPurpose):
        shopper.lookup(*ADA, "curiosity")


def test_a_caller_whose_key_does_not_cover_the_purpose_reads_nothing(shopper: Tenant) -> None:
    with pytest.raises(Forbidden):
        shopper.lookup(*ADA, "marketing", shopper.keys.app)
    assert shopper.lookup(*ADA, "service", shopper.keys.app)["purpose"] == "service"


def test_a_write_key_reads_nothing(shopper: Tenant) -> None:
    with pytest.raises(RegistryError):
        shopper.lookup(*ADA, "service", shopper.keys.write)


def test_a_purpose_that_the_person_did_not_agree_to_opens_nothing(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"))
    with pytest.raises(PurposeDenied):
        tenant.lookup(*ADA, "marketing")


@pytest.mark.parametrize(
    ("purpose", "seen"),
    [
        ("service", {"email", "first_name"}),
        ("marketing", {"email", "first_name", "loyalty_tier"}),
        ("personalisation", {"gender"}),
        ("analytics", set()),
        ("security", set()),
    ],
)
def test_a_purpose_sees_its_own_traits_and_the_others_are_counted(
    shopper: Tenant, purpose: str, seen: set[str]
) -> None:
    view = shopper.lookup(*ADA, purpose)
    assert {trait["trait"] for trait in view["traits"]} == seen
    assert all(purpose in trait["consent_tags"] for trait in view["traits"])
    hidden = {"email", "first_name", "gender", "loyalty_tier"} - seen
    assert view["withheld"]["count"] >= len(hidden)


def test_a_purpose_sees_its_own_part_of_an_event_and_the_rest_is_counted(shopper: Tenant) -> None:
    def order(purpose: str) -> dict[str, object]:
        [event] = [e for e in shopper.timeline(*ADA, purpose) if e["event"] == "order_completed"]
        return event

    assert order("service")["content"]["properties"].keys() == {"order_id", "products"}  # type: ignore[index]
    assert order("marketing")["content"]["properties"] == {"coupon": "SPRING"}  # type: ignore[index]
    [reason] = order("marketing")["withheld"]["reasons"]  # type: ignore[index]
    assert reason["reason"] == "other_purpose" and reason["count"] > 0
    assert order("personalisation")["content"] == {}


def test_consent_withdrawn_denies_the_next_read(shopper: Tenant) -> None:
    assert shopper.traits(*ADA, "marketing")
    shopper.say(*ADA, "marketing", "withdrawn")
    with pytest.raises(PurposeDenied):
        shopper.lookup(*ADA, "marketing")
    with pytest.raises(PurposeDenied):
        shopper.timeline(*ADA, "marketing")
    assert shopper.traits(*ADA, "service")


def test_consent_withdrawn_by_a_message_denies_the_next_read(shopper: Tenant) -> None:
    shopper.send(ordered("ada", context=consent(Advertising=False)))
    with pytest.raises(PurposeDenied):
        shopper.lookup(*ADA, "marketing")


def test_consent_that_has_run_out_denies_the_next_read(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada", first_name="Ada"))
    tenant.say(*ADA, "marketing", "granted", expires_at=clock() + 60_000_000)
    assert tenant.lookup(*ADA, "marketing")
    clock.pass_by(seconds=61)
    with pytest.raises(PurposeDenied):
        tenant.lookup(*ADA, "marketing")


def test_a_restriction_denies_every_purpose_that_does_not_go_on_despite_it(shopper: Tenant) -> None:
    from registry.dsr.requests import Kind

    shopper.run(shopper.request(Kind.RESTRICTION, *ADA))
    for purpose in ("service", "security", "analytics", "marketing", "personalisation"):
        with pytest.raises(PurposeDenied):
            shopper.lookup(*ADA, purpose)
    assert shopper.lookup(*ADA, "legal")


def test_what_has_no_lawful_ground_when_it_arrives_is_never_stored(tenant: Tenant) -> None:
    tenant.send(viewed("ada", product_id="p-77"))
    tenant.say(*ADA, "analytics", "granted")
    tenant.say(*ADA, "personalisation", "granted")
    [event] = tenant.timeline(*ADA, "analytics")
    assert event["content"] == {}
    assert tenant.registry.rows("SELECT body FROM event WHERE workspace_id = ?", tenant.workspace_id) == [(b"",)]


def test_every_read_is_in_the_audit_log_before_it_is_given_out(shopper: Tenant) -> None:
    count = "SELECT count(*) FROM audit_entry WHERE workspace_id = ?"
    before = shopper.registry.rows(count, shopper.workspace_id)[0][0]
    shopper.lookup(*ADA, "service")
    shopper.timeline(*ADA, "marketing")
    assert shopper.registry.rows(count, shopper.workspace_id)[0][0] == before + 2
