"""A withdrawal, an objection or a restriction closes what has no ground any more, at once and for every process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from registry.dsr.requests import Kind
from registry.flows.consent import ledger
from registry.flows.retention import sweeping
from registry.flows.stewards import deciding
from registry.model.errors import NotFound, PurposeDenied
from registry.model.stored_upkeep import Sweep
from tests.conftest import SetClock
from tests.factories import consent as banner
from tests.factories import identify, ordered, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

GRACE_DAYS = 30


def person(tenant: Tenant, name: str = "ada") -> None:
    """Somebody who has agreed to everything, with data under several compartments."""
    said = identify(name, first_name="Ada", gender="f", loyalty_tier="gold", favourite_category="hats")
    tenant.send(said | {"context": banner(**ALL_YES)}, viewed(name), ordered(name))


def locks(tenant: Tenant) -> dict[str, tuple[str, int | None]]:
    sql = "SELECT compartment, reason, shred_at FROM compartment_lock WHERE workspace_id = ?"
    return {name: (reason, at) for name, reason, at in tenant.registry.rows(sql, tenant.workspace_id)}


def sweep(tenant: Tenant) -> Sweep:
    done = sweeping.sweep(tenant.registry.deployment, tenant.workspace, actor="operator")
    assert done is not None
    return done


def keys(tenant: Tenant) -> set[str]:
    fragments = [row[0] for row in tenant.registry.rows("SELECT fragment_id FROM fragment WHERE workspace_id = ?",
                                                        tenant.workspace_id)]  # fmt: skip
    tenant.registry.deployment.keyring.forget()
    held = tenant.registry.deployment.keyring.compartments(tenant.workspace_id, [bytes(one) for one in fragments])
    return {name for names in held.values() for name in names if not name.startswith("@")}


@contextmanager
def another_process(tenant: Tenant) -> Iterator[Tenant]:
    """The same workspace through databases, keyring and caches of its own, as a second server has them."""
    other = RegistrySimulator(
        tenant.registry.settings.data_dir, tenant.registry.clock,
        database_url=tenant.registry.settings.database_url, keystore_url=tenant.registry.settings.keystore_url,
    )  # fmt: skip
    seen = object.__new__(Tenant)
    seen.registry, seen.workspace_id, seen.keys = other, tenant.workspace_id, tenant.keys
    try:
        yield seen
    finally:
        other.close()


def test_from_the_commit_on_no_process_serves_the_data_for_that_purpose(tenant: Tenant) -> None:
    person(tenant)
    with another_process(tenant) as other:
        assert other.traits("user_id", "ada", "marketing")["loyalty_tier"] == "gold"
        tenant.say("user_id", "ada", "marketing", "withdrawn")
        for either in (tenant, other):
            assert not either.check("user_id", "ada", "marketing").allowed
            with pytest.raises(PurposeDenied):
                either.lookup("user_id", "ada", "marketing")
            assert either.traits("user_id", "ada")["first_name"] == "Ada"


def test_what_has_no_ground_left_is_locked_at_once_and_opens_again_with_a_new_one(
    tenant: Tenant, clock: SetClock
) -> None:
    person(tenant)
    assert locks(tenant) == {}
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    assert locks(tenant) == {"marketing": ("withdrawn", clock.now + GRACE_DAYS * 86_400_000_000)}
    since = clock.now
    clock.pass_by(days=3)
    tenant.say("user_id", "ada", "personalisation", "denied")
    assert locks(tenant)["marketing"][1] == since + GRACE_DAYS * 86_400_000_000, "its own time goes on"
    assert set(locks(tenant)) == {"marketing", "personalisation", "marketing+personalisation"}
    tenant.say("user_id", "ada", "marketing", "granted")
    assert set(locks(tenant)) == {"personalisation"}
    assert tenant.traits("user_id", "ada", "marketing") == {
        "loyalty_tier": "gold", "favourite_category": "hats", "first_name": "Ada",
    }  # fmt: skip


def test_a_refusal_that_comes_with_a_message_locks_too(tenant: Tenant) -> None:
    person(tenant)
    tenant.send(ordered("ada") | {"context": banner(Advertising=False, Functional=True, Analytics=True)})
    assert set(locks(tenant)) == {"marketing"}


def test_after_the_grace_time_the_key_is_destroyed_and_nothing_else(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    before = keys(tenant)
    tenant.say("user_id", "ada", "personalisation", "withdrawn")
    clock.pass_by(days=GRACE_DAYS - 1)
    sweep(tenant)
    assert keys(tenant) == before
    clock.pass_by(days=2)
    assert '"personalisation: withdrawn"' in sweep(tenant).report
    assert before - keys(tenant) == {"personalisation"}
    assert locks(tenant) == {}
    tenant.say("user_id", "ada", "personalisation", "granted")
    assert "gender" not in tenant.traits("user_id", "ada", "personalisation"), "it does not come back"
    assert tenant.traits("user_id", "ada")["first_name"] == "Ada"
    tenant.send(identify("ada", gender="x"))
    assert tenant.traits("user_id", "ada", "personalisation")["gender"] == "x", "under a new key"


def test_a_process_that_remembers_a_destroyed_key_seals_under_a_new_one(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    tenant.say("user_id", "ada", "personalisation", "withdrawn")
    clock.pass_by(days=GRACE_DAYS + 1)
    with another_process(tenant) as other:
        other.traits("user_id", "ada")  # its keyring holds the bundle, with the key in it
        other.send(ordered("ada"))
        sweep(tenant)
        tenant.say("user_id", "ada", "personalisation", "granted")
        other.send(identify("ada", gender="x"))
    assert tenant.traits("user_id", "ada", "personalisation")["gender"] == "x"


def test_a_restriction_locks_everything_but_what_may_go_on_and_nothing_of_it_is_destroyed(
    tenant: Tenant, clock: SetClock
) -> None:
    person(tenant)
    before = keys(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    tenant.run(tenant.request(Kind.RESTRICTION, "user_id", "ada"))
    assert {reason for reason, _ in locks(tenant).values()} == {"restricted"}
    assert not any("legal" in name.split("+") for name in locks(tenant))
    clock.pass_by(days=4000)
    sweep(tenant)
    assert keys(tenant) == before
    with pytest.raises(PurposeDenied):
        tenant.lookup("user_id", "ada", "service")


def test_lifting_a_restriction_opens_what_it_alone_had_locked(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    tenant.run(tenant.request(Kind.RESTRICTION, "user_id", "ada"))
    clock.pass_by(days=1)
    deployment, who = tenant.registry.deployment, tenant.person("user_id", "ada")
    ledger.lift_restriction(deployment, tenant.workspace, who, actor="operator")
    assert locks(tenant) == {"marketing": ("withdrawn", clock.now + GRACE_DAYS * 86_400_000_000)}
    assert tenant.traits("user_id", "ada")["first_name"] == "Ada"
    with pytest.raises(NotFound):
        ledger.lift_restriction(deployment, tenant.workspace, who, actor="operator")


def test_an_objection_locks_like_a_withdrawal(tenant: Tenant) -> None:
    person(tenant)
    tenant.run(tenant.request(Kind.OBJECTION, "user_id", "ada", purposes=["marketing"]))
    assert locks(tenant)["marketing"][0] == "objected"


def test_a_consent_that_expired_by_itself_is_locked_by_the_next_sweep(tenant: Tenant, clock: SetClock) -> None:
    tenant.say("user_id", "ada", "marketing", "granted", expires_at=clock.now + 1_000_000)
    tenant.send(identify("ada", loyalty_tier="gold"))
    clock.pass_by(days=1)
    assert locks(tenant) == {}
    sweep(tenant)
    assert locks(tenant)["marketing"][0] == "expired"


def test_who_is_taken_apart_by_a_steward_is_locked_and_opened_by_their_own_word_at_once(tenant: Tenant) -> None:
    person(tenant)
    person(tenant, "bob")
    tenant.say("user_id", "bob", "marketing", "withdrawn")
    bobs = set(locked_fragments(tenant))
    assert len(bobs) == 1
    people = [tenant.person("user_id", who) for who in ("ada", "bob")]
    deciding.merge(tenant.registry.deployment, tenant.workspace, *people, actor="person:steward")
    assert len(locked_fragments(tenant)) == 2, "together they allow what both allow"
    tenant.keep_apart(("user_id", "ada"), ("user_id", "bob"))
    assert locked_fragments(tenant) == bobs, "no sweep was waited for"
    assert tenant.traits("user_id", "ada", "marketing")["loyalty_tier"] == "gold"


def locked_fragments(tenant: Tenant) -> set[bytes]:
    sql = "SELECT DISTINCT fragment_id FROM compartment_lock WHERE workspace_id = ?"
    return {bytes(row[0]) for row in tenant.registry.rows(sql, tenant.workspace_id)}


def test_whoever_is_left_by_somebody_who_refused_is_open_again(tenant: Tenant, clock: SetClock) -> None:
    """A browser that turns out to be shared is nobody's: what it refused closes nothing of theirs any more."""
    tenant.say("user_id", "ada", "analytics", "granted")
    tenant.send(viewed("ada"))
    tenant.say("anonymous_id", "shared", "analytics", "denied")
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", "shared"))
    assert tenant.check("user_id", "ada", "analytics").reason.value == "merged_sides_differ"
    sql = "SELECT count(*) FROM compartment_lock WHERE workspace_id = ?"
    closed = tenant.registry.rows(sql, tenant.workspace_id)[0][0]
    assert closed
    tenant.send(identify("bob", "shared"))
    assert tenant.check("user_id", "ada", "analytics").allowed
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] < closed
    assert "product_viewed" in [event["event"] for event in tenant.timeline("user_id", "ada", "analytics")]
    tenant.erase("user_id", "bob")
    assert tenant.check("user_id", "ada", "analytics").reason.value == "merged_sides_differ"
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] == closed


def test_a_no_on_an_identifier_that_is_new_closes_what_the_person_s_others_hold(
    tenant: Tenant, clock: SetClock
) -> None:
    tenant.send(identify(None, "browser", email="ada@shop.example", context=banner(**ALL_YES)))
    tenant.send(viewed(None, "browser"))
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", email="ada@shop.example", context=banner(Analytics=False, Functional=False)))
    assert tenant.check("anonymous_id", "browser", "analytics").reason.value == "denied"
    sql = "SELECT count(*) FROM compartment_lock WHERE workspace_id = ?"
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0]
