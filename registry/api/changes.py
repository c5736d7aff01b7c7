"""Changes of consent as server-sent events, so that what apps have cached is dropped when it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.flows.consent import ledger
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND, Micros
from registry.model.errors import Forbidden, InvalidInput, Unauthenticated
from registry.model.ids import text_id

PAGE = 500
LOOK_EVERY_S = 0.02
"""How often a stream looks for news: microseconds on SQLite, which tells whether anybody has committed."""
ASK_EVERY_S = 0.1
"""The same on PostgreSQL, where looking is a query, one for all streams that stand at the same place."""
ALIVE_EVERY_S = 15.0
"""After so long without a record a comment is sent, so that proxies keep the connection open."""
CHECK_EVERY_S = 1.0
"""How often it is looked whether the follower is still there, and still may follow."""
LATE: Micros = 5 * SECOND
"""A record is dated before its transaction commits, so that one may come after a younger one: by so much at most."""

_CURSOR = re.compile(r"([0-9]{1,18})-((?:[0-9a-f]{2}){0,16})")

Cursor = tuple[Micros, bytes]


class Follower:
    """One stream's place among the records: new are those after its cursor, and unseen ones shortly before it."""

    def __init__(self, application: Application, workspace: OpenWorkspace, start: Cursor) -> None:
        self._application = application
        self._workspace = workspace
        self._after = start
        self._seen: dict[bytes, Micros] = {}
        self._commits: int | None = None
        self._more = True

    async def begin(self) -> None:
        """Take what lies before the cursor for seen."""
        rows = await self._read()
        self._seen = {row.record_id: row.at for row in rows if (row.at, bytes(row.record_id)) <= self._after}

    async def news(self) -> list[tuple[Cursor, ledger.Change]]:
        """The records that have not been told, each with the cursor to go on from; none if nobody has committed.

        Raises:
            StoreUnavailable: they cannot be read.
        """
        commits = self._application.deployment.data.commits()
        if commits is not None and commits == self._commits and not self._more:
            return []
        self._commits = commits
        fresh = [row for row in await self._read() if row.record_id not in self._seen]
        self._more = len(fresh) >= PAGE
        told = []
        for row in fresh:
            self._after = max(self._after, (row.at, bytes(row.record_id)))
            self._seen[row.record_id] = row.at
            told.append((self._after, row))
        oldest = self._after[0] - LATE
        self._seen = {record: at for record, at in self._seen.items() if at >= oldest}
        return told

    async def _read(self) -> list[ledger.Change]:
        place = (max(self._after[0] - LATE - 1, 0), b"\xff" * 16)
        return await self._application.looks.shared(
            (self._workspace.workspace_id, place, len(self._seen)),
            ledger.changes, self._application.deployment, self._workspace, place, PAGE + len(self._seen),
        )  # fmt: skip


async def follow_consent_changes(request: Request) -> Response:
    """`GET /v1/consent/changes`: consent records as server-sent events, from a cursor on."""
    application = of(request)
    _, workspace = application.caller(request, Action.CONSENT_CHECK)
    cursor = request.headers.get("last-event-id") or request.query_params.get("cursor", "")
    start = _cursor(cursor) if cursor else (application.deployment.clock(), b"")
    pause = LOOK_EVERY_S if application.deployment.data.is_sqlite else ASK_EVERY_S

    async def stream() -> AsyncIterator[bytes]:
        follower, quiet, checked = Follower(application, workspace, start), 0.0, 0.0
        yield b"retry: 1000\n\n"
        await follower.begin()
        while True:
            if checked <= 0:
                if await request.is_disconnected() or not _still_may(application, request):
                    return
                checked = CHECK_EVERY_S
            news = await follower.news()
            for (at, record_id), row in news:
                data = {"profile_id": text_id(row.profile_id), "purpose": row.purpose, "status": row.status}
                yield b"id: %d-%s\nevent: consent\ndata: %s\n\n" % (at, record_id.hex().encode(), orjson.dumps(data))
            quiet = 0.0 if news else quiet + pause
            if quiet >= ALIVE_EVERY_S:
                quiet = 0.0
                yield b": still here\n\n"
            if not news:
                checked -= pause
                await asyncio.sleep(pause)

    return StreamingResponse(stream(), media_type="text/event-stream")


def _still_may(application: Application, request: Request) -> bool:
    """Whether a stream that was begun may go on: a key that is revoked ends it within seconds."""
    try:
        application.caller(request, Action.CONSENT_CHECK)
    except (Unauthenticated, Forbidden):
        return False
    return True


def _cursor(text: str) -> Cursor:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput("the cursor is not one of ours", pointer="/query/cursor")
    return int(found[1]), bytes.fromhex(found[2])


ROUTES = [Route("/v1/consent/changes", follow_consent_changes, methods=["GET"])]
