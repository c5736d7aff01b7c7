"""Subjects of a long body are hashed in other processes: the answers are the same, and the processes keep nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from registry.api import bodies, filtering, subject_lines
from registry.api.hashers import Hashers
from registry.keys.blind_index import BlindIndexer, KindKeys
from tests.api.house import Desk
from tests.api.test_consent_from_memory import filtered, from_the_database, in_memory, people, user
from tests.live import live
from tests.unit.identity.identity_rules import shipped_rules

RULES = shipped_rules()
INDEXER = BlindIndexer(b"r" * 32)
KEYS = INDEXER.kind_keys(RULES.kinds)
BLOCKS = [b'{"kind":"user_id","value":"u-%d"}\n{"kind":"email","value":"U-%d@b.test"}\n' % (n, n) for n in range(9)]
EXPECTED = [INDEXER.index("user_id", f"u-{n}") + INDEXER.index("email", f"u-{n}@b.test") for n in range(9)]
Hashed = list[tuple[bytes, bytes | None]]


def workers(of: int) -> list[int]:
    """The processes that one started to hash for it."""
    children = Path(f"/proc/{of}/task").glob("*/children")
    return [child for listed in children for child in map(int, listed.read_text().split()) if hashes(child)]


def hashes(process: int) -> bool:
    """Whether a process is one of those; one that has ended and waits to be asked how has no command line."""
    try:
        return b"anyio.to_process" in Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


async def sent(blocks: list[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def through(hashers: Hashers, blocks: list[bytes]) -> Hashed:
    async with aclosing(hashers.ahead(sent(blocks), RULES, lambda: KEYS)) as hashed:
        return [one async for one in hashed]


def once_there(use: Callable[[Hashers], Awaitable[None]]) -> None:
    """Use processes that have started."""

    async def run() -> None:
        hashers, deadline = Hashers(), monotonic() + 60
        while (await through(hashers, BLOCKS[:2]))[1][1] is None:
            assert monotonic() < deadline
            await asyncio.sleep(0.01)
        await use(hashers)

    asyncio.run(run())


def test_blocks_come_back_in_their_order_with_their_indexes() -> None:
    async def use(hashers: Hashers) -> None:
        assert await through(hashers, BLOCKS) == list(zip(BLOCKS, [None, *EXPECTED[1:]], strict=True))
        others = [BLOCKS[0], b'{"profile_id":"x"}\n', b'{"kind":"user_id","value":"null"}\n', b'{"kind":7}\n', b"\n"]
        assert await through(hashers, others) == [(block, None) for block in others]
        assert await through(hashers, []) == []

    once_there(use)


def test_whoever_has_no_use_for_indexes_starts_no_process() -> None:
    async def run() -> None:
        hashers = Hashers()
        async with aclosing(hashers.ahead(sent(BLOCKS), RULES, lambda: None)) as hashed:
            assert [one async for one in hashed] == [(block, None) for block in BLOCKS]
        assert await through(hashers, BLOCKS[:1]) == [(BLOCKS[0], None)]
        assert not workers(os.getpid())

    asyncio.run(run())


def test_processes_that_are_killed_are_done_without_and_others_come_for_them() -> None:
    async def use(hashers: Hashers) -> None:
        for _ in range(2):
            for process in workers(os.getpid()):
                os.kill(process, signal.SIGKILL)
            given = await through(hashers, BLOCKS)
            assert [block for block, _ in given] == BLOCKS
            assert all(index in (None, right) for (_, index), right in zip(given, EXPECTED, strict=True))
        assert await through(hashers, BLOCKS) == list(zip(BLOCKS, [None, *EXPECTED[1:]], strict=True))

    once_there(use)


@pytest.mark.parametrize("cut", [False, True])
def test_when_a_body_is_through_each_process_was_told_nothing_last(monkeypatch: pytest.MonkeyPatch, cut: bool) -> None:
    """What a process was told last, its block and its keys, stays in its memory."""
    told: list[tuple[bytes, KindKeys]] = []
    really = Hashers._told

    async def tell(self: Hashers, block: bytes, rules: object, keys: KindKeys) -> bytes | None:
        told.append((block, keys))
        return await really(self, block, RULES, keys)

    async def use(hashers: Hashers) -> None:
        monkeypatch.setattr(Hashers, "_told", tell)
        if cut:
            with pytest.raises(ConnectionError):
                async with aclosing(hashers.ahead(sent(BLOCKS), RULES, lambda: KEYS)) as hashed:
                    async for block, _ in hashed:
                        if block == BLOCKS[2]:
                            raise ConnectionError
        else:
            await through(hashers, BLOCKS)
        last = told[-len(workers(os.getpid())) :]
        assert [block for block, _ in told].count(BLOCKS[2]) == 1
        assert [block for block, _ in last] == [b""] * len(last) and last
        with pytest.raises(KeyError):
            last[0][1].index_each(["user_id"], ["u-1"])

    once_there(use)


def test_a_long_filter_gets_the_same_from_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    people(desk)
    in_memory(desk)
    names = ["ada", "bob", "kim", "nobody", "eve"] * 100
    lines = "".join(json.dumps(user(name), separators=(",", ":")) + "\n" for name in names).encode()
    with from_the_database(desk):
        expected = filtered(desk, lines).content
    assert expected.count(b"\n") == 200
    monkeypatch.setattr(bodies, "LINES_BYTES", 1_000)
    here, deadline = 0, monotonic() + 60

    def read(rules: object, block: bytes) -> object:
        nonlocal here
        here += 1
        return subject_lines.read(RULES, block)

    monkeypatch.setattr(filtering, "read", read)
    while here != 1:  # the first block; all others in the processes, once they are there
        assert monotonic() < deadline
        here = 0
        assert filtered(desk, lines).content == expected
    wrong = filtered(desk, lines + b'{"kind":"user_id","value":"null"}\n' + lines)
    assert (wrong.status_code, "line 501: the value cannot" in wrong.json()["detail"]) == (400, True)


def test_they_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    with live(tmp_path / "data") as server:
        bearer = {"Authorization": f"Bearer {server.keys.app_key}"}
        lines = b'{"kind":"user_id","value":"nobody-of-that-name"}\n' * 50_000
        deadline = monotonic() + 60
        while len(found := workers(server.process.pid)) < 1:
            url = f"{server.url}/v1/consent/filter?purpose=marketing"
            assert httpx.post(url, headers=bearer, content=lines, timeout=60).content == b""
            assert monotonic() < deadline
        os.kill(server.process.pid, signal.SIGKILL)
        while any(map(hashes, found)):
            assert monotonic() < deadline
            sleep(0.02)
