"""The client hears of a withdrawal as it is made, and goes on through restarts and outages."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

from registry.client import AsyncRegistry, Registry, Subject, user_id
from tests.forked import command
from tests.live import Live, live, start

LONG_S = 3600.0


def granted(server: Live, name: str, purpose: str = "marketing") -> Subject:
    """Somebody who allowed a purpose."""
    person = user_id(name)
    with Registry(server.url, server.keys.app_key, timeout=10) as other:
        other.record(person, purpose, "granted", channel="web_form")
    return person


def withdrawn(server: Live, person: Subject) -> None:
    with Registry(server.url, server.keys.app_key, timeout=10) as other:
        other.record(person, "marketing", "withdrawn", channel="web_form")


def until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def following(server: Live) -> Registry:
    return Registry(server.url, server.keys.app_key, timeout=10, cache_ttl=LONG_S, max_stale=0, follow=True)


def hears(client: Registry) -> bool:
    return client._cache.is_heard


def test_a_withdrawal_recorded_elsewhere_ends_what_is_cached(server: Live) -> None:
    person, other = granted(server, "ada"), granted(server, "bob")
    with following(server) as client:
        client.check(person, "marketing")
        assert until(lambda: hears(client), 5)
        client.check(person, "marketing"), client.check(person, "service")
        assert client.check(person, "marketing").source == "cache"
        withdrawn(server, other)  # nobody that the cache knows, and dropped all the same: people are joined
        assert until(lambda: client.check(person, "marketing").source == "server", 3)
        withdrawn(server, person)
        assert until(lambda: not client.allows(person, "marketing"), 3)
        assert client.check(person, "service").source == "cache"


def test_the_asynchronous_client_hears_as_well(server: Live) -> None:
    person = granted(server, "cyd")

    async def story() -> None:
        async with AsyncRegistry(
            server.url, server.keys.app_key, timeout=10, cache_ttl=LONG_S, max_stale=0, follow=True
        ) as client:
            await client.check(person, "marketing")
            end = time.monotonic() + 5
            while (await client.check(person, "marketing")).source != "cache" or not client._cache.is_heard:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            await asyncio.to_thread(withdrawn, server, person)
            while await client.allows(person, "marketing"):
                assert time.monotonic() < end
                await asyncio.sleep(0.02)

    asyncio.run(story())


def test_a_forked_process_listens_for_itself(server: Live) -> None:
    person = granted(server, "eve")
    with following(server) as client:
        client.check(person, "marketing")
        assert until(lambda: hears(client), 5)
        child = os.fork()
        if child == 0:
            client.check(person, "marketing")
            heard = until(lambda: hears(client), 5) and client.allows(person, "marketing")
            withdrawn(server, person)
            os._exit(0 if heard and until(lambda: not client.allows(person, "marketing"), 3) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_goes_on_when_the_server_was_killed_and_comes_back(tmp_path: Path) -> None:
    with live(tmp_path / "data") as server:
        person = granted(server, "dee")
        with following(server) as client:
            assert client.allows(person, "marketing")
            assert until(lambda: hears(client), 5)
            assert client.allows(person, "marketing")
            server.process.kill()
            # What is cached counts for the short time only, and what is asked for is a no.
            assert until(lambda: not hears(client), 3)
            assert not client.allows(user_id("never-asked"), "marketing")
            port = int(server.url.rsplit(":", 1)[1])
            _, again = start(server.data_dir, port)
            try:
                withdrawn(server, person)
                assert until(lambda: hears(client) and not client.allows(person, "marketing"), 10)
            finally:
                again.terminate()
                again.wait(20)


def test_a_server_that_is_told_to_stop_ends_the_streams_and_the_clients_come_back(tmp_path: Path) -> None:
    with live(tmp_path / "data") as server:
        person = granted(server, "fay")
        with following(server) as client, server.client(server.keys.app_key) as plain:
            assert client.allows(person, "marketing")
            assert until(lambda: hears(client), 5)
            with (
                plain.stream("GET", "/v1/consent/changes") as behind,
                plain.stream("GET", "/v1/consent/changes") as other,
            ):
                told = other.iter_lines()
                next(told)
                asked = time.monotonic()
                server.process.terminate()
                server.process.wait(20)
                assert time.monotonic() - asked < 2
                assert behind.read().startswith(b"retry:"), "it has an end, and is not broken off"
            assert not (log := log_of(server)).count(b'"ERROR"'), log
            _, again = start(server.data_dir, int(server.url.rsplit(":", 1)[1]))
            try:
                withdrawn(server, person)
                assert until(lambda: hears(client) and not client.allows(person, "marketing"), 10)
            finally:
                again.terminate()
                again.wait(20)


def test_a_client_believes_nothing_of_a_history_that_an_older_copy_replaced(tmp_path: Path) -> None:
    with live(tmp_path / "data") as server:
        person = granted(server, "gil")
        operate(server, "backup", "--to", str(tmp_path / "copy"))
        for name in ("hal", "ida"):
            granted(server, name)
        with following(server) as client:
            assert client.allows(person, "marketing")
            assert until(lambda: hears(client), 5)
            assert client.allows(person, "marketing")
            granted(server, "joe")
            assert until(lambda: client.check(person, "marketing").source == "server", 3), "it stands after this"
            assert client.check(person, "marketing").source == "cache"
            server.process.kill()
            server.process.wait(20)
            operate(server, "restore", str(tmp_path / "copy"))
            url, behind = start(server.data_dir)  # elsewhere: the client comes back once others have been there
            try:
                other = dataclasses.replace(server, url=url)
                withdrawn(other, person)
                for name in ("kim", "lee", "mia", "ned"):
                    granted(other, name, "analytics")
            finally:
                behind.terminate()
                behind.wait(20)
            _, again = start(server.data_dir, int(server.url.rsplit(":", 1)[1]))
            try:
                assert until(lambda: hears(client), 30)
                assert not client.allows(person, "marketing")
            finally:
                again.terminate()
                again.wait(20)


def operate(server: Live, *words: str) -> None:
    done = command([*words, "--data-dir", str(server.data_dir)], os.environ)
    assert done.returncode == 0, done.stderr


def log_of(server: Live) -> bytes:
    return (server.data_dir.parent / f"{server.data_dir.name}-server.log").read_bytes()
