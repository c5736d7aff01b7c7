"""Changes of consent as server-sent events, so that what apps have cached is dropped when it ends."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from functools import partial

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.flows.consent import changes
from registry.flows.consent.changes import Change, Place
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Forbidden, InvalidInput, NotFound, StoreUnavailable, Unauthenticated
from registry.model.ids import text_id

PAGE = 500
LOOK_EVERY_S = 0.02
"""How often a stream looks for news: microseconds on SQLite, which tells whether anybody has committed."""
ASK_EVERY_S = 0.05
"""The same on PostgreSQL, where looking is a query, one for all streams that stand at the same place."""
ALIVE_EVERY_S = 2.0
"""After so long without a change a comment is sent: whoever hears neither knows that the stream is dead."""
CHECK_EVERY_S = 1.0
"""How often it is looked whether the follower is still there, and still may follow."""

_CURSOR = re.compile(r"([0-9]{1,12})-([0-9]{1,9})(?:-([0-9a-f]{16}))?")


class Follower:
    """One stream's place in the feed."""

    def __init__(self, application: Application, workspace: OpenWorkspace, start: Place) -> None:
        self._application = application
        self._workspace = workspace
        self.cursor = start
        self._commits: int | None = None
        self._more = True

    async def news(self) -> list[Change]:
        """The changes that have not been told; none if nobody has committed.

        Raises:
            NotFound: they are of another history than what was told.
            StoreUnavailable: they cannot be read.
        """
        deployment, workspace = self._application.deployment, self._workspace
        commits = deployment.data.commits()
        if commits is not None and commits == self._commits and not self._more:
            return []
        self._commits = commits
        read = partial(run_in_threadpool, changes.following, deployment, workspace, self.cursor, PAGE)
        fresh = await self._application.looks.shared((workspace.workspace_id, self.cursor), read)
        self._more = len(fresh) >= PAGE
        if fresh:
            self.cursor = fresh[-1].at
        return fresh

    async def is_known(self) -> bool:
        """Whether what was told is of the history that the database holds now: one may be put back beneath a server.

        Raises:
            StoreUnavailable: nobody can say.
        """
        workspace = self._workspace
        read = partial(run_in_threadpool, changes.is_known, self._application.deployment, workspace, self.cursor)
        return await self._application.looks.shared(("known", workspace.workspace_id, self.cursor), read)

    @property
    def has_caught_up(self) -> bool:
        """Whether everything has been told that was there when it last looked."""
        return not self._more


async def follow_consent_changes(request: Request) -> Response:
    """`GET /v1/consent/changes`: changes of consent as server-sent events, from a cursor on."""
    application = of(request)
    _, workspace = await application.awaited(application.caller, request, Action.CONSENT_CHECK)
    text = request.headers.get("last-event-id") or request.query_params.get("cursor", "")
    given = application.deployment, workspace
    start = _place(text) if text else await run_in_threadpool(changes.end, *given)
    if text and not await run_in_threadpool(changes.is_known, *given, start):
        hint = "an older copy of the data was put back: drop what you hold, and follow without a cursor"
        raise InvalidInput("the cursor is of another history than this", hint=hint, pointer="/query/cursor")

    async def stream() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async for part in _told(application, request, Follower(application, workspace, start)):
            yield part

    return StreamingResponse(stream(), media_type="text/event-stream")


async def _told(application: Application, request: Request, follower: Follower) -> AsyncIterator[bytes]:
    """Each change, then once that the stream has come up to the present, and signs of life, until it may not go on, or
    an older copy replaces the data, or the server stops: the follower comes back by itself, and is told.
    """
    pause = LOOK_EVERY_S if application.deployment.data.is_sqlite else ASK_EVERY_S
    told, checked, behind = time.monotonic(), -CHECK_EVERY_S, True  # by the clock: a look of a busy server takes long
    while not application.stopping:
        now = time.monotonic()
        if now - checked >= CHECK_EVERY_S:
            may = await application.awaited(_still_may, application, request)
            if not may or await request.is_disconnected():
                return
        try:
            if now - checked >= CHECK_EVERY_S:
                if not await follower.is_known():
                    return
                checked = now
            news = await follower.news()
        except (NotFound, StoreUnavailable):  # whoever comes back is told so
            return
        for change in news:
            yield _event("consent", change.at, _change_json(change))
        if behind and follower.has_caught_up:
            behind = False
            version = application.deployment.policies.purposes.version
            yield _event("current", follower.cursor, {"policy_version": version})
        if news:
            told = time.monotonic()
            continue
        if time.monotonic() - told >= ALIVE_EVERY_S:
            told = time.monotonic()
            yield b": still here\n%s\n" % _sent()
        await asyncio.sleep(pause)


def _change_json(change: Change) -> dict[str, str | None]:
    who = text_id(change.profile_id) if change.profile_id is not None else None
    return {"profile_id": who, "purpose": change.purpose, "status": change.status}


def _event(name: str, at: Place, data: dict[str, str | None]) -> bytes:
    cursor = "-".join(str(part) for part in at if part != "")
    return b"%sid: %s\nevent: %s\ndata: %s\n\n" % (_sent(), cursor.encode(), name.encode(), orjson.dumps(data))


def _sent() -> bytes:
    """A comment that says when this was sent, by a clock of this process: whether it was held up on the way."""
    return b": at %.3f\n" % time.monotonic()


def _still_may(application: Application, request: Request) -> bool:
    """Whether a stream that was begun may go on: a key that is revoked ends it within seconds."""
    try:
        application.caller(request, Action.CONSENT_CHECK)
    except (Unauthenticated, Forbidden):
        return False
    return True


def _place(text: str) -> Place:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput("the cursor is not one of ours", pointer="/query/cursor")
    return Place(int(found[1]), int(found[2]), found[3] or "")


ROUTES = [Route("/v1/consent/changes", follow_consent_changes, methods=["GET"])]
