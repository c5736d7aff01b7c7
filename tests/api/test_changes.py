"""Changes of consent are followed as server-sent events, from a cursor on, by whoever still may."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from registry.api import changes
from registry.api.looks import Looks
from registry.consent.records import ConsentStatus
from registry.dsr.requests import Kind
from registry.flows.consent import ledger
from registry.model.message import Identifier
from registry.store.rows import execute
from tests.api.house import Desk
from tests.factories import consent as choices
from tests.factories import identify
from tests.simulator import ALL_YES

ADA = {"kind": "user_id", "value": "ada"}


def say(desk: Desk, purpose: str, status: str) -> str:
    body = {"subject": ADA, "purpose": purpose, "status": status}
    return str(desk.app.post("/v1/consent/records", json=body).json()["record_id"])


@contextmanager
def following(desk: Desk, cursor: str | None = None, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a stream, each with its id."""
    params = {"cursor": cursor} if cursor is not None else {}
    with desk.app.stream("GET", "/v1/consent/changes", params=params, headers=headers, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    seen: dict[str, Any] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line == "" and "data" in seen and seen["event"] == "consent":
            yield {"id": seen["id"], "event": seen["event"], **json.loads(seen["data"])}
            seen = {}
        elif name:
            seen[name] = value


def take(stream: Iterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [next(stream) for _ in range(count)]


def test_a_stream_tells_each_record_with_its_profile(desk: Desk) -> None:
    say(desk, "marketing", "granted")
    desk.send(identify("ada"))
    view = desk.app.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": "service"}).json()
    with following(desk, "0-0") as stream:
        [told] = take(stream, 1)
    assert told == {
        "id": told["id"], "event": "consent", "profile_id": view["profile_id"],
        "purpose": "marketing", "status": "granted",
    }  # fmt: skip


@pytest.mark.parametrize("how", ["cursor", "last-event-id"])
def test_a_stream_goes_on_where_the_last_one_ended(desk: Desk, how: str) -> None:
    for purpose in ("analytics", "marketing", "personalisation"):
        say(desk, purpose, "granted")  # all at one moment of the clock
    with following(desk, "0-0") as stream:
        first = take(stream, 2)
    last = first[-1]["id"]
    say(desk, "marketing", "withdrawn")
    resumed = {"cursor": last} if how == "cursor" else {"last_event_id": last}
    headers = {} if how == "cursor" else {"last-event-id": resumed["last_event_id"]}
    with following(desk, resumed.get("cursor"), **headers) as stream:
        rest = take(stream, 2)
    assert [row["purpose"] for row in first + rest] == ["analytics", "marketing", "personalisation", "marketing"]
    assert rest[-1]["status"] == "withdrawn"
    assert len({row["id"] for row in first + rest}) == 4


def test_without_a_cursor_a_stream_begins_now(desk: Desk) -> None:
    say(desk, "analytics", "granted")
    desk.house.clock.pass_by(seconds=1)
    with following(desk) as stream:
        desk.house.clock.pass_by(seconds=1)
        say(desk, "marketing", "granted")
        assert take(stream, 1)[0]["purpose"] == "marketing"


def test_what_messages_say_of_consent_is_streamed_too(desk: Desk) -> None:
    desk.send(identify("ada", context=choices(**ALL_YES)))
    with following(desk, "0-0") as stream:
        assert {row["purpose"] for row in take(stream, 3)} == {"analytics", "marketing", "personalisation"}


def test_more_records_than_a_page_come_without_a_gap(desk: Desk) -> None:
    people = [identify(f"user-{number}", context=choices(**ALL_YES)) for number in range(250)]
    desk.send(*people)
    assert len(people) * 3 > changes.PAGE
    with following(desk, "0-0") as stream:
        told = take(stream, 750)
    assert len({row["id"] for row in told}) == 750
    assert len({row["profile_id"] for row in told}) == 250


def test_a_key_that_is_revoked_ends_the_stream_that_it_began(desk: Desk) -> None:
    made = desk.admin.post("/v1/keys", json={"kind": "app", "role": "app", "name": "follower"}).json()
    with desk.house.caller(authorization=f"Bearer {made['secret']}") as client:
        with client.stream("GET", "/v1/consent/changes?cursor=0-0", timeout=10) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            assert desk.admin.delete(f"/v1/keys/{made['key_id']}").status_code == 204
            desk.house.clock.pass_by(seconds=3)
            assert "event: consent" not in list(lines)
        assert client.get("/v1/consent/changes").status_code == 401


def test_a_quiet_stream_says_that_it_is_still_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "ALIVE_EVERY_S", 0.25)
    with desk.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:
        lines = answer.iter_lines()
        assert ": still here" in lines
        assert next(lines).startswith(": at "), "when it was sent"


def test_a_stream_whose_looks_take_long_says_so_as_often(either_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    look = changes.Follower.news

    async def slow(follower: changes.Follower) -> Any:
        await asyncio.sleep(0.2)  # of a server that is busy
        return await look(follower)

    monkeypatch.setattr(changes.Follower, "news", slow)
    monkeypatch.setattr(changes, "ALIVE_EVERY_S", 0.5)
    with either_desk.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:
        lines = (line for line in answer.iter_lines() if line == ": still here")
        next(lines)
        before = time.monotonic()
        next(lines), next(lines)
        assert time.monotonic() - before < 4


def ended(desk: Desk) -> float:
    """How many streams have come to their end so far."""
    line = 'registry_http_requests_total{route="/v1/consent/changes",status="200"} '
    return sum(float(row.removeprefix(line)) for row in desk.nobody.get("/metrics").text.splitlines() if line in row)


def test_streams_that_nobody_reads_any_more_are_let_go(desk: Desk) -> None:
    before = ended(desk)
    for _ in range(20):
        with desk.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:
            assert answer.status_code == 200
    until = time.monotonic() + 10
    while ended(desk) < before + 20:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_record_is_told_however_old_it_was_when_it_was_committed(desk: Desk) -> None:
    clock = desk.house.clock
    with following(desk, "0-0") as stream:
        say(desk, "marketing", "granted")
        [young] = take(stream, 1)
        before, clock.now = clock.now, clock.now - 3_600_000_000  # a transaction that took an hour
        try:
            say(desk, "analytics", "granted")
        finally:
            clock.now = before
        [late] = take(stream, 1)
    assert (young["purpose"], late["purpose"]) == ("marketing", "analytics")
    with following(desk, young["id"]) as stream:
        assert take(stream, 1) == [late]


def test_one_who_began_first_and_commits_last_is_told_all_the_same(either_desk: Desk) -> None:
    """A cursor that has passed the younger commit has not passed the older act."""
    deployment, workspace = either_desk.house.registry.deployment, either_desk.tenant.workspace
    say(either_desk, "service", "granted")  # the workspace's keys are there
    began, go_on = threading.Event(), threading.Event()

    def slowly() -> bytes:
        began.set()
        go_on.wait(5)
        return deployment.new_id()

    slow = dataclasses.replace(deployment, new_id=slowly)
    act = ledger.Act("analytics", ConsentStatus.GRANTED)
    first = threading.Thread(
        target=ledger.record, args=(slow, workspace, Identifier("user_id", "bob"), [act]), kwargs={"actor": "app:slow"}
    )
    with following(either_desk) as stream:
        first.start()
        assert began.wait(5)
        second = threading.Thread(target=say, args=(either_desk, "marketing", "granted"))
        second.start()  # on SQLite it waits for the writer, on PostgreSQL it overtakes
        second.join(0.3)
        go_on.set()
        told = take(stream, 2)
    first.join()
    second.join()
    assert {one["purpose"] for one in told} == {"analytics", "marketing"}


def test_a_stream_says_when_it_has_come_up_to_the_present_and_by_which_policy(desk: Desk) -> None:
    say(desk, "marketing", "granted")
    with desk.app.stream("GET", "/v1/consent/changes?cursor=0-0", timeout=10) as answer:
        names = [line for line in itertools.islice(answer.iter_lines(), 12) if line.startswith(("event", "data"))]
    assert [name for name in names if name.startswith("event")] == ["event: consent", "event: current"]
    policies = desk.admin.get("/v1/policies").json()
    assert json.loads(names[-1].removeprefix("data: ")) == {"policy_version": policies["version"]}


def test_an_erasure_is_told_without_saying_whose(desk: Desk) -> None:
    say(desk, "marketing", "granted")
    with following(desk) as stream:
        desk.tenant.run(desk.tenant.request(Kind.ERASURE, "user_id", "ada"))
        [told] = take(stream, 1)
    assert (told["profile_id"], told["purpose"], told["status"]) == (None, "*", "erased")


@pytest.mark.parametrize("cursor", ["0-", "1700000000000000-00ff", "999999999999-0", "1-0", "x", "-1-0", "0-0 "])
def test_a_cursor_that_is_of_another_time_or_none_is_refused(desk: Desk, cursor: str) -> None:
    answer = desk.app.get("/v1/consent/changes", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/query/cursor")


def went_on_otherwise(desk: Desk, position: int) -> None:
    """What an older copy that was put back, and went on from there, has in the place of an entry."""
    with desk.house.registry.deployment.data.owner(writes=True) as transaction:
        sql = "UPDATE audit_node SET digest = ? WHERE workspace_id = ? AND level = 0 AND position = ?"
        assert execute(transaction, sql, b"\7" * 32, desk.tenant.workspace_id, position) == 1


def test_a_cursor_of_a_history_that_an_older_copy_replaced_is_refused(either_desk: Desk) -> None:
    with following(either_desk, "0-0") as stream:
        say(either_desk, "marketing", "granted")
        [told] = take(stream, 1)
    with either_desk.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:  # its end stands there as well
        current = next(line for line in answer.iter_lines() if line.startswith("id: ")).removeprefix("id: ")
    assert current.split("-")[::2] == told["id"].split("-")[::2]
    say(either_desk, "analytics", "granted")
    for cursor in (told["id"], current):
        with following(either_desk, cursor) as stream:
            assert take(stream, 1)[0]["purpose"] == "analytics"
    went_on_otherwise(either_desk, int(told["id"].split("-")[0]))
    for cursor in (told["id"], current):
        answer = either_desk.app.get("/v1/consent/changes", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["pointer"]) == (400, "/query/cursor")


@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "with news at once"])
def test_a_stream_beneath_which_an_older_copy_is_put_back_ends(
    either_desk: Desk, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    monkeypatch.setattr(changes, "CHECK_EVERY_S", 3600 if busy else 0.1)  # the first look comes at once
    monkeypatch.setattr(changes, "ALIVE_EVERY_S", 0.1)
    say(either_desk, "marketing", "granted")
    with either_desk.app.stream("GET", "/v1/consent/changes", timeout=10) as answer:
        lines = answer.iter_lines()
        current = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        next(line for line in lines if line.startswith("data: "))
        went_on_otherwise(either_desk, int(current.split("-")[0]))
        if busy:
            say(either_desk, "analytics", "granted")
        left = list(itertools.islice(lines, 40))
        assert len(left) < 40, "it ends"
        assert "event: consent" not in left, "and tells nothing of a history that the follower does not know"
    assert either_desk.app.get("/v1/consent/changes", params={"cursor": current}).status_code == 400


def test_many_who_look_at_once_share_a_read() -> None:
    reads = []

    async def read(number: int) -> int:
        reads.append(number)
        await asyncio.sleep(0.02)
        return number

    async def ask() -> list[int]:
        looks = Looks()
        first = await asyncio.gather(*[looks.shared("key", partial(read, 1)) for _ in range(50)])
        running = asyncio.ensure_future(looks.shared("key", partial(read, 2)))
        await asyncio.sleep(0.005)
        last = partial(read, 3)  # which sees what came since
        later = await asyncio.gather(*[looks.shared("key", last) for _ in range(50)])
        return [*first, await running, *later]

    answers = asyncio.run(ask())
    assert reads == [1, 2, 3]
    assert answers == [1] * 50 + [2] + [3] * 50
