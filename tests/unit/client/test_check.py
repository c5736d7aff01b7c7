"""A check: asked once, remembered shortly, and a no whenever there is no answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.client import Decision, Refused, Registry, Unavailable, email, user_id
from registry.client.asking import AT_ONCE
from tests.unit.client.conftest import ALLOWED, DENIED, RECEIPT, Loopback, Ticks, serve

PERSON = email("shopper@example.com")


@pytest.fixture
def registry(loopback: Loopback, ticks: Ticks) -> Iterator[Registry]:
    with Registry(loopback.url, "app-key", timeout=20, cache_ttl=5, max_stale=30, clock=ticks) as client:
        yield client


@pytest.fixture
def impatient(loopback: Loopback) -> Iterator[Registry]:
    with Registry(loopback.url, "app-key", timeout=0.3) as client:
        yield client


def test_a_check_asks_as_the_http_interface_wants_it(loopback: Loopback, registry: Registry) -> None:
    decision = registry.check(PERSON, "marketing", ["user.contact.email"])
    [(path, headers, body)] = loopback.asked
    assert path == "/v1/consent/check"
    assert headers["Authorization"] == "Bearer app-key"
    assert body == {
        "subject": {"kind": "email", "value": "shopper@example.com"},
        "purpose": "marketing",
        "categories": ["user.contact.email"],
    }
    assert decision == Decision(
        True, "granted", "marketing", "consent", ALLOWED["record_id"], None, "1", "server", None
    )


def test_subjects_may_be_written_as_mappings(loopback: Loopback, registry: Registry) -> None:
    assert registry.allows({"kind": "email", "value": "shopper@example.com"}, "marketing")
    assert registry.allows(PERSON, "marketing")
    assert len(loopback.asked) == 1


def test_a_denial_is_false_in_a_condition(loopback: Loopback, registry: Registry) -> None:
    loopback.answers(DENIED)
    decision = registry.check(PERSON, "marketing")
    assert not decision
    assert decision.reason == "withdrawn"


def test_an_answer_is_used_again_until_it_is_too_old(loopback: Loopback, registry: Registry, ticks: Ticks) -> None:
    registry.check(PERSON, "marketing")
    ticks.now += 4.9
    assert registry.check(PERSON, "marketing").source == "cache"
    ticks.now += 0.2
    loopback.answers(DENIED)
    assert registry.check(PERSON, "marketing").source == "server"
    assert not registry.allows(PERSON, "marketing")
    assert len(loopback.asked) == 2


def test_answers_of_one_question_are_not_given_to_another(loopback: Loopback, registry: Registry) -> None:
    assert registry.allows(PERSON, "marketing")
    loopback.answers(DENIED)
    assert not registry.allows(user_id("shopper@example.com"), "marketing")
    assert not registry.allows(PERSON, "marketing", ["user.location"])
    loopback.answers(DENIED | {"purpose": "analytics"})
    assert not registry.allows(PERSON, "analytics")
    assert registry.allows(PERSON, "marketing")


def test_the_order_of_categories_does_not_matter(loopback: Loopback, registry: Registry) -> None:
    registry.check(PERSON, "marketing", ["b", "a", "b"])
    registry.check(PERSON, "marketing", ("a", "b"))
    assert len(loopback.asked) == 1


def test_one_text_is_not_taken_for_categories(registry: Registry) -> None:
    with pytest.raises(TypeError):
        registry.check(PERSON, "marketing", "user.contact.email")


@pytest.mark.parametrize("status", [500, 502, 503, 429, 301, 204])
def test_a_failing_server_is_a_no(loopback: Loopback, registry: Registry, status: int) -> None:
    loopback.fails(status)
    decision = registry.check(PERSON, "marketing")
    assert (decision.allowed, decision.reason, decision.source) == (False, "unavailable", "fail_closed")
    assert decision.problem == f"status-{status}"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"null", b"[]", b"true", b"{}", b"\xff", b"[" * 50_000, b"NaN",
        json.dumps(ALLOWED | {"allowed": 1}).encode(),
        json.dumps(ALLOWED | {"allowed": "true"}).encode(),
        json.dumps(ALLOWED | {"allowed": None}).encode(),
        json.dumps(ALLOWED | {"purpose": "analytics"}).encode(),
        json.dumps(ALLOWED | {"reason": 7}).encode(),
        json.dumps(ALLOWED | {"record_id": ["x"]}).encode(),
        json.dumps(ALLOWED | {"valid_until": "tomorrow"}).encode(),
        json.dumps(ALLOWED | {"valid_until": "2099-01-01T00:00:00"}).encode(),
        json.dumps(ALLOWED | {"padding": "x" * 300_000}).encode(),
    ],
)  # fmt: skip
def test_garbage_is_a_no(loopback: Loopback, registry: Registry, body: bytes) -> None:
    loopback.fails(200, body)
    decision = registry.check(PERSON, "marketing")
    assert (decision.allowed, decision.reason, decision.problem) == (False, "unavailable", "bad-answer")


def test_a_server_that_lags_is_a_no(loopback: Loopback, impatient: Registry) -> None:
    loopback.delay = 0.6
    assert impatient.check(PERSON, "marketing").problem == "timeout"


def test_an_answer_that_drips_in_is_a_no(loopback: Loopback, impatient: Registry) -> None:
    loopback.drip = True
    assert impatient.check(PERSON, "marketing").problem == "timeout"


def test_a_server_that_hangs_up_is_a_no(loopback: Loopback, registry: Registry) -> None:
    loopback.hang_up = True
    assert registry.check(PERSON, "marketing").problem == "unreachable"


def test_a_server_that_is_not_there_is_a_no() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Registry(url, "app-key", timeout=0.3) as registry:
            assert registry.check(PERSON, "marketing").problem == "unreachable"


def test_a_young_answer_stands_in_for_a_server_that_is_gone(
    loopback: Loopback, registry: Registry, ticks: Ticks
) -> None:
    registry.check(PERSON, "marketing")
    loopback.fails(503)
    ticks.now += 29
    assert registry.check(PERSON, "marketing") == Decision(
        True, "granted", "marketing", "consent", ALLOWED["record_id"], None, "1", "cache"
    )
    ticks.now += 1
    assert registry.check(PERSON, "marketing").source == "fail_closed"


def test_a_grant_is_not_used_past_its_end(loopback: Loopback, registry: Registry) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    loopback.answers(ALLOWED | {"valid_until": past})
    registry.check(PERSON, "marketing")
    loopback.fails(503)
    assert not registry.allows(PERSON, "marketing")


def test_a_grant_with_its_end_ahead_is_remembered(loopback: Loopback, registry: Registry) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    loopback.answers(ALLOWED | {"valid_until": later})
    registry.check(PERSON, "marketing")
    assert registry.check(PERSON, "marketing").source == "cache"


@pytest.mark.parametrize(("status", "code"), [(401, "unauthenticated"), (403, "forbidden"), (400, "invalid-input")])
def test_a_refused_caller_gets_no_old_yes(
    loopback: Loopback, registry: Registry, ticks: Ticks, status: int, code: str
) -> None:
    registry.check(PERSON, "marketing")
    ticks.now += 6
    loopback.answers({"code": code, "detail": "no"}, status)
    assert registry.check(PERSON, "marketing").problem == code
    loopback.fails(503)
    assert registry.check(PERSON, "marketing").source == "fail_closed"


def test_recording_a_withdrawal_drops_the_cached_yes(loopback: Loopback, registry: Registry) -> None:
    assert registry.allows(PERSON, "marketing")
    assert registry.allows(PERSON, "marketing", ["user.location"])
    loopback.answers(RECEIPT, 201)
    receipt = registry.record(PERSON, "marketing", "withdrawn", channel="web")
    assert receipt.receipt == "header.claims.signature"
    assert loopback.asked[-1][2] == {
        "subject": {"kind": "email", "value": "shopper@example.com"},
        "purpose": "marketing",
        "status": "withdrawn",
        "channel": "web",
    }
    loopback.answers(DENIED)
    assert not registry.allows(PERSON, "marketing")
    assert not registry.allows(PERSON, "marketing", ["user.location"])


@pytest.mark.parametrize(("told", "more"), [("unattested", {}), ("granted", {"expires_at": "2026-01-02T00:00:00Z"})])
def test_recording_a_yes_that_ends_or_lacks_an_age_drops_what_others_of_the_person_have(
    loopback: Loopback, registry: Registry, told: str, more: dict[str, str]
) -> None:
    also = email("the.same.person@example.com")
    registry.check(also, "marketing")
    loopback.answers(RECEIPT | {"status": told}, 201)
    registry.record(PERSON, "marketing", "granted", **more)
    loopback.answers(DENIED)
    assert not registry.allows(also, "marketing")


def test_a_withdrawal_whose_answer_is_lost_drops_the_cached_yes(loopback: Loopback, registry: Registry) -> None:
    registry.check(PERSON, "marketing")
    loopback.hang_up = True
    with pytest.raises(Unavailable):
        registry.record(PERSON, "marketing", "withdrawn")
    keys = [headers["Idempotency-Key"] for path, headers, _ in loopback.asked if path == "/v1/consent/records"]
    assert len(keys) == 2 and len(set(keys)) == 1, "an act that may have arrived is sent again as the same act"
    loopback.hang_up = False
    loopback.answers(DENIED)
    assert not registry.allows(PERSON, "marketing")


def test_a_yes_asked_for_before_a_withdrawal_is_not_kept(loopback: Loopback, registry: Registry) -> None:
    def withdraw_meanwhile() -> None:
        loopback.before_answer = lambda: None
        body, loopback.body = loopback.body, json.dumps(RECEIPT).encode()
        loopback.status = 201
        thread = threading.Thread(target=registry.record, args=(PERSON, "marketing", "withdrawn"))
        thread.start()
        thread.join()
        loopback.status, loopback.body = 200, body

    loopback.before_answer = withdraw_meanwhile
    registry.check(PERSON, "marketing")
    loopback.answers(DENIED)
    assert not registry.allows(PERSON, "marketing")


def test_a_refusal_ends_what_is_cached_of_the_person_under_other_identifiers(
    loopback: Loopback, registry: Registry
) -> None:
    registry.check(PERSON, "marketing")
    registry.check(user_id("the same person"), "marketing")
    loopback.answers(RECEIPT, 201)
    registry.record(PERSON, "marketing", "withdrawn")
    loopback.answers(DENIED)
    assert not registry.allows(user_id("the same person"), "marketing")


def test_threads_that_begin_together_share_one_pool_of_connections(loopback: Loopback) -> None:
    made: list[object] = []
    with Registry(loopback.url, "app-key", timeout=10, cache_ttl=0) as registry:
        together = threading.Barrier(16)

        def ask() -> None:
            together.wait()
            made.append(registry._connected())

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, made))) == 1


def test_threads_that_time_out_together_take_no_connection_along(loopback: Loopback) -> None:
    threads = 3 * AT_ONCE
    with (
        Registry(loopback.url, "app-key", cache_ttl=0) as registry,
        ThreadPoolExecutor(threads) as together,
    ):
        loopback.delay = 3
        for _ in range(4):
            list(together.map(lambda n: registry.check(user_id(str(n)), "marketing"), range(threads)))
        loopback.delay = 0
        until = time.monotonic() + 20
        while not registry.allows(PERSON, "marketing"):
            assert time.monotonic() < until, "it never answers again"


def test_forget_asks_again(loopback: Loopback, registry: Registry) -> None:
    registry.check(PERSON, "marketing")
    registry.forget()
    registry.check(PERSON, "marketing")
    assert len(loopback.asked) == 2


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago(loopback: Loopback) -> None:
    with Registry(loopback.url, "app-key", cache_size=2) as registry:
        for person in ("a", "b", "a", "c", "a"):
            registry.check(user_id(person), "marketing")
        assert [body["subject"]["value"] for _, _, body in loopback.asked] == ["a", "b", "c"]
        registry.check(user_id("b"), "marketing")
        assert len(loopback.asked) == 4


def test_a_restarted_server_is_found_again() -> None:
    server, first = serve()
    with Registry(first.url, "app-key", timeout=1, cache_ttl=0, max_stale=0) as registry:
        assert registry.allows(PERSON, "marketing")
        server.shutdown()
        server.server_close()
        again, _ = serve(server.server_address[1])
        assert registry.allows(PERSON, "marketing")
        again.shutdown()
        again.server_close()


def test_a_profile_is_read_for_a_purpose_and_never_cached(loopback: Loopback, registry: Registry) -> None:
    view: dict[str, Any] = {"profile_id": "p", "traits": {"plan": {"value": "gold"}}}
    loopback.answers(view)
    for _ in range(2):
        assert registry.profile(PERSON, "service", include=("traits",)) == view
    assert [path for path, _, _ in loopback.asked] == ["/v1/profiles/lookup"] * 2
    assert loopback.asked[0][2]["include"] == ["traits"]


def test_a_refused_read_says_why_in_the_servers_words(loopback: Loopback, registry: Registry) -> None:
    loopback.answers({"code": "purpose-denied", "detail": "not permitted: withdrawn"}, 403)
    with pytest.raises(Refused) as error:
        registry.profile(PERSON, "marketing")
    assert (error.value.status, error.value.code) == (403, "purpose-denied")
    assert str(error.value) == "the registry refused (403 purpose-denied): not permitted: withdrawn"


def test_the_error_page_of_a_gateway_is_not_passed_on(loopback: Loopback, registry: Registry) -> None:
    loopback.fails(400, b"<html>bad request: shopper@example.com")
    with pytest.raises(Refused) as error:
        registry.record(PERSON, "marketing", "granted")
    assert str(error.value) == "the registry refused (400 status-400): no problem document"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>"])
def test_a_receipt_that_is_none_is_unavailable(loopback: Loopback, registry: Registry, body: bytes) -> None:
    loopback.fails(201, body)
    with pytest.raises(Unavailable) as error:
        registry.record(PERSON, "marketing", "granted")
    assert error.value.problem == "bad-answer"


def test_a_forked_process_does_not_share_its_parents_connection() -> None:
    script = (
        "import os; from registry.client import Registry\n"
        "registry = Registry('http://127.0.0.1:1', 'app-key'); parents = registry._connected()\n"
        "if os.fork() == 0: os._exit(7 if registry._connected() is not parents else 0)\n"
        "assert os.waitstatus_to_exitcode(os.wait()[1]) == 7 and registry._connected() is parents\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "registry.example"}, {"url": "ftp://h"}, {"url": "http://user:pw@h"}, {"api_key": ""},
        {"api_key": "a\nb"}, {"timeout": 0}, {"timeout": float("inf")}, {"cache_ttl": -1},
        {"max_stale": float("nan")}, {"cache_size": 0},
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Registry(**({"url": "http://h", "api_key": "k"} | arguments))


def test_a_child_that_was_forked_while_a_thread_held_the_cache_answers(registry: Registry) -> None:
    assert registry.allows(PERSON, "marketing")
    with registry._cache._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            os._exit(0 if registry.allows(PERSON, "marketing") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
