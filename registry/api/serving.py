"""The HTTP server, which tells the application that it is about to stop."""

from __future__ import annotations

import socket

import uvicorn

from registry.api.application import Application

LONGEST_ANSWER_S = 10
"""How long an answer that was begun may go on once the server is to stop; then it breaks off."""


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
            )
        )  # fmt: skip

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: take nothing on, and let end what is under way."""
        self._application.stopping = True
        await super().shutdown(sockets)
