"""A yes without an answer: only for purposes that the app names, and where nothing that is known speaks against it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.client import AsyncRegistry, Decision, Registry, Unavailable, email, user_id
from tests.unit.client.conftest import ALLOWED, DENIED, RECEIPT, Loopback, Ticks

PERSON, OTHER = email("shopper@example.com"), user_id("zz")
YES = {"allowed": True, "reason": "basis_without_consent", "purpose": "security", "policy_version": "1",
       "lawful_basis": "legitimate_interests"}  # fmt: skip
NO = YES | {"allowed": False, "reason": "objected"}
HOUR_S = 3600.0


@pytest.fixture
def registry(loopback: Loopback, ticks: Ticks) -> Iterator[Registry]:
    """A client whose answers are never young enough, so that each check of a server that is gone shows the rest."""
    names = ("security", "marketing")
    with Registry(loopback.url, "app-key", fail_open=names, cache_ttl=0, max_stale=0, clock=ticks) as client:
        yield client


def answered(loopback: Loopback, registry: Registry, body: dict[str, Any], who: Any = PERSON, *more: Any) -> None:
    """The server answers a check so, and is gone afterwards."""
    loopback.answers(body)
    registry.check(who, body["purpose"], *more)
    loopback.fails(503)


def source(registry: Registry, who: Any = PERSON, purpose: str = "security", *more: Any) -> str:
    return registry.check(who, purpose, *more).source


@pytest.mark.parametrize("wrong", [True, False, "security", b"security", None, 1, [1]])
def test_purposes_are_named(wrong: Any) -> None:
    for client in (Registry, AsyncRegistry):
        with pytest.raises(TypeError, match="names purposes"):
            client("http://127.0.0.1:1", "app-key", fail_open=wrong)


def test_a_named_purpose_is_open_in_an_outage_and_no_other(loopback: Loopback, registry: Registry) -> None:
    loopback.fails(503)
    assert registry.check(OTHER, "security") == Decision(
        True, "unavailable", "security", source="fail_open", problem="status-503"
    )
    assert source(registry, OTHER, "analytics") == "fail_closed"


def test_the_last_answer_counts_however_long_ago(loopback: Loopback, registry: Registry, ticks: Ticks) -> None:
    answered(loopback, registry, YES)
    ticks.now += HOUR_S
    assert source(registry) == "fail_open"
    answered(loopback, registry, NO)
    ticks.now += HOUR_S
    assert source(registry) == "fail_closed"
    assert source(registry, PERSON, "security", ["user.device"]) == "fail_closed"
    assert source(registry, OTHER) == "fail_open"
    answered(loopback, registry, YES)
    assert source(registry) == "fail_open"


def test_a_no_to_one_question_stays_after_a_yes_to_another(loopback: Loopback, registry: Registry) -> None:
    answered(loopback, registry, NO | {"reason": "category_not_covered"}, PERSON, ["user.device"])
    answered(loopback, registry, YES)
    assert source(registry) == "fail_open"
    assert source(registry, PERSON, "security", ["user.device"]) == "fail_closed"


@pytest.mark.parametrize("reason", ["granted", "withdrawn", "no_record"])
def test_a_purpose_that_rests_on_consent_is_closed_for_everybody(
    loopback: Loopback, registry: Registry, reason: str
) -> None:
    answered(loopback, registry, ALLOWED | {"allowed": reason == "granted", "reason": reason})
    assert source(registry, OTHER, "marketing") == "fail_closed"
    assert source(registry, PERSON, "marketing") == "fail_closed"


@pytest.mark.parametrize(
    "told", [{"reason": "granted"}, {"reason": "no_record", "allowed": False}, {"lawful_basis": None, "allowed": False}]
)
def test_so_is_one_that_asks_first_or_that_the_policy_lacks(
    loopback: Loopback, registry: Registry, told: dict[str, Any]
) -> None:
    answered(loopback, registry, YES | told)
    assert source(registry, OTHER) == "fail_closed"


def test_it_opens_when_another_policy_says_otherwise_not_another_place(loopback: Loopback, registry: Registry) -> None:
    answered(loopback, registry, YES | {"lawful_basis": "consent", "reason": "granted"})
    answered(loopback, registry, YES, OTHER)  # the ground of another place, perhaps
    assert source(registry, OTHER) == "fail_closed"
    answered(loopback, registry, YES | {"policy_version": "2"}, OTHER)
    assert source(registry, OTHER) == "fail_open"


@pytest.mark.parametrize("status", ["denied", "withdrawn", "objected", "expired"])
def test_after_a_recorded_refusal_nobody_is_let_through_unasked(
    loopback: Loopback, registry: Registry, status: str
) -> None:
    loopback.answers(RECEIPT, 201)
    registry.record(PERSON, "security", status)
    loopback.fails(503)
    assert source(registry) == "fail_closed"
    assert source(registry, OTHER) == "fail_closed", "it may be the same person under another identifier"
    answered(loopback, registry, YES, OTHER)
    assert source(registry, OTHER) == "fail_open"
    assert source(registry) == "fail_closed"


def test_so_it_is_after_one_that_may_not_have_arrived(loopback: Loopback, registry: Registry) -> None:
    answered(loopback, registry, YES)
    with pytest.raises(Unavailable):
        registry.record(PERSON, "security", "objected")
    assert source(registry) == "fail_closed"


def test_a_recorded_grant_lifts_no_known_no(loopback: Loopback, registry: Registry) -> None:
    answered(loopback, registry, NO)
    loopback.answers(RECEIPT, 201)
    registry.record(PERSON, "security", "granted")
    loopback.fails(503)
    assert source(registry) == "fail_closed"


def test_a_yes_that_was_asked_for_before_a_refusal_does_not_open(loopback: Loopback, registry: Registry) -> None:
    loopback.answers(YES)
    loopback.before_answer = lambda: registry._recorded(registry._question(PERSON, "security", ())[2], "objected")
    registry.check(PERSON, "security")
    loopback.before_answer = lambda: None
    loopback.fails(503)
    assert source(registry) == "fail_closed"


def test_a_yes_that_has_ended_does_not_open(loopback: Loopback, registry: Registry) -> None:
    end = datetime.now(UTC) + timedelta(seconds=2)
    answered(loopback, registry, YES | {"valid_until": end.isoformat()})
    assert source(registry) == "fail_open"
    time.sleep(2.1)
    assert source(registry) == "fail_closed"


def test_after_forget_only_an_answer_opens(loopback: Loopback, registry: Registry) -> None:
    answered(loopback, registry, YES)
    registry.forget()
    assert source(registry) == "fail_closed"
    assert source(registry, OTHER) == "fail_closed"
    answered(loopback, registry, YES)
    assert source(registry) == "fail_open"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_caller_is_denied_until_the_server_decides_again(
    loopback: Loopback, registry: Registry, status: int
) -> None:
    answered(loopback, registry, YES)
    loopback.fails(status)
    assert source(registry) == "fail_closed"
    loopback.fails(503)
    assert source(registry) == "fail_closed"
    assert source(registry, OTHER) == "fail_closed"
    answered(loopback, registry, YES, OTHER)
    assert source(registry, OTHER) == "fail_open"
    assert source(registry) == "fail_closed"


def test_what_had_to_be_let_go_of_denies_whoever_is_not_known(loopback: Loopback, ticks: Ticks) -> None:
    with Registry(
        loopback.url, "app-key", fail_open=["security"], cache_ttl=0, max_stale=0, cache_size=2, clock=ticks
    ) as registry:
        answered(loopback, registry, NO)
        for name in ("a", "b", "c"):
            answered(loopback, registry, YES, user_id(name))
        assert len(registry._cache._openings._last) == 4
        assert source(registry, user_id("c")) == "fail_open"
        assert source(registry) == "fail_closed"
        assert source(registry, OTHER) == "fail_closed"


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("purpose", ["security", "*"])
def test_a_change_that_was_heard_of_closes_until_the_next_answer(
    loopback: Loopback, ticks: Ticks, purpose: str
) -> None:
    with Registry(
        loopback.url, "app-key", fail_open=["security"], cache_ttl=HOUR_S, max_stale=0, follow=True, clock=ticks
    ) as registry:
        loopback.answers(YES)
        registry.check(PERSON, "security")
        loopback.tells("current", "7-0", policy_version="1")
        assert until(lambda: registry._cache.is_heard)
        registry.check(PERSON, "security")
        before = registry._cache.epoch
        loopback.tells("consent", "8-0", purpose=purpose, status="withdrawn")
        assert until(lambda: registry._cache.epoch > before)
        loopback.fails(503)
        assert source(registry) == "fail_closed"
        assert source(registry, OTHER) == "fail_closed"


def test_a_stream_that_begins_leaves_what_is_known(loopback: Loopback, ticks: Ticks, registry: Registry) -> None:
    answered(loopback, registry, NO)
    registry._cache.clear()
    assert source(registry) == "fail_closed"
    assert source(registry, OTHER) == "fail_open"


def test_the_asynchronous_client_opens_and_closes_alike(loopback: Loopback, ticks: Ticks) -> None:
    async def told() -> None:
        async with AsyncRegistry(
            loopback.url, "app-key", fail_open={"security", "marketing"}, cache_ttl=0, max_stale=0, clock=ticks
        ) as registry:
            loopback.answers(DENIED)
            await registry.check(PERSON, "marketing")
            loopback.fails(503)
            assert (await registry.check(OTHER, "marketing")).source == "fail_closed"
            assert (await registry.check(OTHER, "security")).source == "fail_open"
            loopback.answers(RECEIPT, 201)
            await registry.record(PERSON, "security", "objected")
            loopback.fails(503)
            assert (await registry.check(PERSON, "security")).source == "fail_closed"

    asyncio.run(told())
