"""A real registry behind a real server, and before it what a network does: overload, outages, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from registry.api import problems
from registry.model.errors import RegistryError
from tests.api.house import Desk, House, serving
from tests.conftest import SetClock
from tests.simulator import RegistrySimulator


class Weather:
    """Stands before the real application: counts what comes, and answers the first few itself, as it would."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.storm: list[RegistryError] = []
        self.seen: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        if scope["path"].endswith("/batch"):
            self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})

        async def noted(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        if self.storm and scope["path"].endswith("/batch"):
            while (await receive()).get("more_body"):
                pass
            await problems.render(self.storm.pop(0))(scope, receive, noted)
        else:
            await self.app(scope, receive, noted)
        self.seen.append((scope["path"], status))

    def statuses(self) -> list[int]:
        """The statuses of the batches so far; forgotten afterwards."""
        seen = [status for path, status in self.seen if path.endswith("/batch")]
        self.seen.clear()
        self.headers.clear()
        return seen


@contextmanager
def weathered(folder: Path) -> Iterator[tuple[Desk, Weather, str]]:
    """A registry behind a real server with the weather before it: a workspace, the weather, and the address."""
    registry = RegistrySimulator(folder, SetClock())
    app = registry._registry.server()
    weather = Weather(app)
    with serving(weather) as url, ExitStack() as stack:
        yield Desk(House(registry, app, url), stack), weather, url
    registry.close()
