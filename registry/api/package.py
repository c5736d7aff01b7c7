"""The package of an access or portability request, streamed to whoever fetches it while it is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Full, Queue
from threading import BoundedSemaphore, Event, Thread
from typing import Annotated, Any, Protocol

import structlog
from pydantic import ConfigDict, Field
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from registry.api.wire import Request
from registry.flows.deployment import Deployment
from registry.flows.dsr import export, reference
from registry.flows.workspace import OpenWorkspace
from registry.keys.parcels import OPEN, Lock
from registry.model.errors import Overloaded
from registry.model.ids import text_id
from registry.model.stored import StoredRequest

PIPE_CHUNKS = 16
PIPE_BYTES = 64 * 1024
PIPE_WAIT_S = 1.0
PIPE_PATIENCE, CHUNK_GOOD_FOR = 120, 8
"""Seconds that may be waited for a reader, and that each chunk makes good again: one who takes less than 8 KiB a second
holds a thread, a look at the database and a place among few.
"""
PIPE_RETRY_S = 10
PACKAGES_AT_ONCE = 8
"""Packages that one server process writes at the same time: each has a thread, and reads from the database."""

_AT_ONCE = BoundedSemaphore(PACKAGES_AT_ONCE)

_log = structlog.get_logger("registry.api")


class PackageLock(Request):
    """How a package is locked, so that only its requester opens it."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"recipients": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]}
        },
    )
    password: Annotated[
        str | None, Field(description="of an AES-256 ZIP; tell it by another way", min_length=12, max_length=200)
    ] = None
    recipients: Annotated[
        list[Annotated[str, Field(max_length=1000)]] | None,
        Field(description="public keys of age or SSH; the answer is an age file", min_length=1, max_length=20),
    ] = None


def lock_of(password: str | None, recipients: Sequence[str]) -> Lock:
    """The lock of a password or of public keys; open without either.

    Raises:
        InvalidInput: both are given, or one of them cannot be used.
    """
    return Lock(password, tuple(recipients))


class Giving(Protocol):
    """What has to be done as a package is given out, beside writing it."""

    def begin(self) -> StoredRequest:
        """Find the request; called once there is room to write its package, so that a refusal uses nothing up."""
        ...

    def count(self) -> None:
        """Allow the last bytes; without them the package is not whole."""
        ...

    def break_off(self) -> None:
        """Note that the package, counted or not, did not come to its end with its reader."""
        ...


def package_stream(
    deployment: Deployment, workspace: OpenWorkspace, row: StoredRequest, *, actor: str, lock: Lock = OPEN
) -> StreamingResponse:
    """The ZIP of a completed request, locked for its requester; no copy of it is kept.

    Raises:
        Conflict: the request is not one that has a package.
        Overloaded: too many are being written.
    """
    return _stream(deployment, workspace, lambda: row, None, actor, lock)


def giving_stream(
    deployment: Deployment, workspace: OpenWorkspace, giving: Giving, *, actor: str, lock: Lock = OPEN
) -> StreamingResponse:
    """The same of a request that is found once there is room to write it, and is given out so often.

    Raises:
        What `package_stream` and `giving.begin` raise.
    """
    return _stream(deployment, workspace, giving.begin, giving, actor, lock)


def _stream(
    deployment: Deployment,
    workspace: OpenWorkspace,
    begin: Callable[[], StoredRequest],
    giving: Giving | None,
    actor: str,
    lock: Lock,
) -> StreamingResponse:
    if not _AT_ONCE.acquire(blocking=False):
        raise Overloaded(f"{PACKAGES_AT_ONCE} packages are being written", retry_after_s=PIPE_RETRY_S)
    try:
        row = begin()
        reference.scope_of(deployment, workspace, row)
    except BaseException:
        _AT_ONCE.release()
        raise
    pipe = _Pipe(giving.count if giving is not None else None)

    def write() -> None:
        stream = io.BufferedWriter(pipe, PIPE_BYTES)
        try:
            export.write_package(deployment, workspace, row, stream, actor=actor, lock=lock)
            stream.flush()
            pipe.end(whole=True)
        except Exception as error:  # noqa: BLE001 - whatever it was, the reader must see that it ended badly
            _log.error("package broke off", error=type(error).__name__, request=text_id(row.request_id))
            pipe.end(whole=False)
        finally:
            _AT_ONCE.release()
        if giving is not None and not pipe.is_taken():
            giving.break_off()

    Thread(target=write, name="export", daemon=True).start()
    headers = {"Content-Disposition": f'attachment; filename="{text_id(row.request_id)}{lock.suffix}"'}
    media_type = "application/zip" if lock == OPEN else "application/octet-stream"
    return _Sent(pipe, media_type=media_type, headers=headers)


class _Sent(StreamingResponse):
    """The answer that a pipe's chunks go out in; however it ends, the writer learns of it."""

    def __init__(self, pipe: _Pipe, *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(pipe.chunks(), media_type=media_type, headers=headers)
        self._pipe = pipe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pipe.leave()


class _Pipe(io.RawIOBase):
    """What one thread writes, another sends: a few chunks at a time, so that memory stays bounded.

    Args:
        allow_last: called by the reader when all but the last chunk has been sent; what it raises breaks off.
    """

    def __init__(self, allow_last: Callable[[], None] | None = None) -> None:
        self._queue: Queue[bytes | bool] = Queue(PIPE_CHUNKS)
        self._allow_last = allow_last
        self._gone = False
        self._ended = Event()
        self._is_whole = False
        self._patience = PIPE_PATIENCE

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Hand a chunk over, waiting while the reader is behind."""
        chunk = bytes(data)
        self._put(chunk)
        return len(chunk)

    def end(self, *, whole: bool) -> None:
        """Tell the reader that this was all, or that it broke off."""
        with suppress(BrokenPipeError):
            self._put(whole)

    def is_taken(self) -> bool:
        """Whether all was sent, once that is known: nobody waits longer for it than for a chunk."""
        while not self._gone and not self._ended.wait(PIPE_WAIT_S):
            self._patience -= 1
            self._gone = self._patience < 0
        return self._is_whole and not self._gone

    def chunks(self) -> Iterator[bytes]:
        """The chunks, to the end; a response that broke off must not end as if it were whole."""
        try:
            held = b""
            while isinstance(chunk := self._queue.get(), bytes):
                if held:
                    yield held
                held = chunk
            if not chunk or self._gone:
                raise ConnectionError("the package could not be written to its end")
            if self._allow_last is not None:
                self._allow_last()
            yield held
            self._is_whole = True  # who goes away before it was sent never asks for what comes after
        finally:
            self.leave()

    def leave(self) -> None:
        """Tell the writer that nobody reads any more, since all was sent or since the reader went away."""
        self._gone = not self._is_whole
        self._ended.set()

    def _put(self, chunk: bytes | bool) -> None:
        while not self._gone and self._patience >= 0:
            with suppress(Full):
                self._queue.put(chunk, timeout=PIPE_WAIT_S)
                self._patience = min(PIPE_PATIENCE, self._patience + CHUNK_GOOD_FOR)
                return
            self._patience -= 1
        self._gone = True
        raise BrokenPipeError("the reader went away")
