"""Who is answered in one turn of the event loop shares one look, and nobody is told what was before they asked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from threading import Lock

import pytest
import uvloop

from registry.api.looks import Turn

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
Loop = Callable[[], asyncio.AbstractEventLoop]


@LOOPS
def test_those_of_one_turn_share_a_look_and_the_next_looks_again(loop: Loop) -> None:
    looked: list[int] = []

    def look() -> int:
        looked.append(len(looked))
        return looked[-1]

    async def run() -> list[list[int]]:
        turn = Turn[int]()

        async def one() -> int:
            return turn.once(look)

        return [await asyncio.gather(*(one() for _ in range(5))) for _ in range(3)]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run()) == [[0] * 5, [1] * 5, [2] * 5]


@LOOPS
def test_a_look_that_fails_is_not_kept(loop: Loop) -> None:
    async def run() -> int:
        turn = Turn[int]()
        with pytest.raises(ZeroDivisionError):
            turn.once(lambda: 1 // 0)
        return turn.once(lambda: 7)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run()) == 7


@LOOPS
def test_nobody_is_told_what_was_before_they_asked(loop: Loop) -> None:
    """Many ask at once, each after it has changed what is looked at: each must see its own change."""
    stands, late, lock = 0, list[int](), Lock()

    async def run() -> None:
        turn = Turn[int]()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1):
                writer.write(turn.once(lambda: stands).to_bytes(8, "big"))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        askers = [asyncio.to_thread(asked, port) for _ in range(6)]
        await asyncio.gather(*askers)
        server.close()

    def asked(port: int) -> None:
        nonlocal stands
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(500):
                with lock:
                    stands += 1
                    own = stands
                connection.sendall(b"?")
                if int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big") < own:
                    late.append(own)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())
    assert stands == 6 * 500
    assert late == []
