"""The HTTP server, which tells the application that it is about to stop."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from registry.api.application import Application
from registry.api.connections import Connection, close_overdue

LONGEST_ANSWER_S = 10
"""How long an answer that was begun may go on once the server is to stop; then it breaks off."""
TICKS_BETWEEN_LOOKS = 20
"""Tenths of seconds after which it is looked for clients that are too slow."""


class Server(uvicorn.Server):
    """uvicorn's, which waits for answers under way: those that would go on for ever end by themselves.

    Args:
        app: the ASGI application of `create_app`.
        application: what it serves.
    """

    def __init__(self, app: object, application: Application) -> None:
        self._application = application
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]  # any ASGI application
                log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=LONGEST_ANSWER_S,
                http=Connection, ws="none",
            )
        )  # fmt: skip

    async def on_tick(self, counter: int) -> bool:
        """Once a tenth of a second: what is to be done then; whether to stop."""
        if counter % TICKS_BETWEEN_LOOKS == 0:
            close_overdue(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: take nothing on, and let end what is under way."""
        self._application.stopping = True
        await super().shutdown(sockets)
