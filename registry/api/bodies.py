"""Reading bodies: bounded before and after decompression, JSON whatever the content type says.

JSON is read strictly (RFC 8259, by orjson): no NaN, no number beyond a double, no lone surrogates, no
nesting that could not be written again.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from registry.api.application import bearer, of
from registry.model.errors import InvalidInput, MalformedJson, TooLarge

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

JSON_BYTES = 256 * 1024
"""The largest body of the routes that take one JSON object."""

LINES_BYTES = 1024 * 1024
"""A block of lines, and the longest line."""

MAX_NESTING = 64
"""Objects and lists inside each other, where the whole body is kept or written again."""


class JsonRoute(APIRoute):
    """A route that knows its caller before it reads a body, and whose body is one bounded JSON object."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with both in front of it."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def guarded(request: Request) -> Response:
            await of(request).awaited(self.admit, request)
            if takes_body:
                raw = await read_body(request, JSON_BYTES)
                value = decode_object(raw) if raw or needs_body else {}  # a body that may be left out says nothing
                if nested_deeper(value, MAX_NESTING):
                    raise InvalidInput(f"more than {MAX_NESTING} objects and lists inside each other")
                request = _Decoded(request, value)
                request.state.raw = raw
            return await handle(request)

        return guarded

    def admit(self, request: Request) -> None:
        """Go on only for somebody whom a key stands for.

        Raises:
            Unauthenticated: no key, or one that is unknown, expired or revoked.
        """
        of(request).principal(request)


class PersonRoute(JsonRoute):
    """As `JsonRoute`, for a person with a token of their own, which the endpoint itself looks into."""

    def admit(self, request: Request) -> None:
        """Go on only with a token.

        Raises:
            Unauthenticated: there is none.
        """
        bearer(request.headers)


class _Decoded(Request):
    """A request whose body has been read, as FastAPI asks for it: by `body` and `json`."""

    def __init__(self, request: Request, value: dict[str, Any]) -> None:
        headers = MutableHeaders(raw=list(request.scope["headers"]))
        headers["content-type"] = "application/json"
        super().__init__({**request.scope, "headers": headers.raw}, request.receive)
        self._value = value

    async def body(self) -> bytes:
        """Only that there is one."""
        return b"{}"

    async def json(self) -> Any:
        """The decoded object."""
        return self._value


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body, decompressed if it is gzip (some SDKs say so only in its first bytes).

    Raises:
        TooLarge: more than `limit` bytes, compressed or not.
        InvalidInput: broken gzip, or the sender went away.
    """
    return await receive_body(request.receive, request.headers, limit)


async def receive_lines(receive: Receive, headers: Mapping[str, str], limit: int) -> AsyncIterator[bytes]:
    """A body of lines as it comes, in blocks of whole ones, decompressed if it is gzip; the last may lack its end.

    Raises:
        TooLarge: more than `limit` bytes, compressed or not, or a line of more than `LINES_BYTES`.
        InvalidInput: broken gzip, or the sender went away.
    """
    _refuse_declared(headers, limit)
    held: list[bytes] = []
    size = waiting = 0
    async for part in _inflated(receive):
        held.append(part)
        size, waiting = size + len(part), waiting + len(part)
        if size > limit:
            raise _too_large(limit)
        if waiting >= LINES_BYTES:
            block = b"".join(held)
            end = block.rfind(b"\n") + 1
            if not end:
                raise TooLarge(f"a line is longer than {LINES_BYTES} bytes")
            yield block[:end]
            held, waiting = [block[end:]], len(block) - end
    if waiting:
        yield b"".join(held)


async def _inflated(receive: Receive) -> AsyncIterator[bytes]:
    """The parts of a body as they come, decompressed if it is gzip."""
    inflater, head, begun, more = None, b"", False, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("the sender went away before the body was complete")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        if not begun:
            head += chunk
            if len(head) < len(GZIP_MAGIC) and more:
                continue
            begun, chunk = True, head
            inflater = _Inflater() if chunk.startswith(GZIP_MAGIC) else None
        if inflater is None:
            yield chunk
        else:
            for part in inflater.parts(chunk):
                yield part
    if inflater is not None:
        inflater.close()


async def receive_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """As `read_body`, for an endpoint that has no request object.

    Raises: as `read_body`.
    """
    _refuse_declared(headers, limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("the sender went away before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    body = b"".join(chunks)
    return _inflate(body, limit) if body[:2] == GZIP_MAGIC else body


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        MalformedJson: no JSON, or no object; the place is named, the content is not.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"the body is not JSON: line {error.lineno}, column {error.colno}") from None
    if not isinstance(value, dict):
        raise MalformedJson("the body is JSON, but not an object")
    return value


def _refuse_declared(headers: Mapping[str, str], limit: int) -> None:
    declared = headers.get("content-length", "").lstrip("0")
    if len(declared) > len(str(limit)) or (declared.isascii() and declared.isdigit() and int(declared) > limit):
        raise _too_large(limit)


def _inflate(body: bytes, limit: int) -> bytes:
    inflater, inflated = _Inflater(), b""
    for part in inflater.parts(body, limit + 1):
        inflated += part
        if len(inflated) > limit:
            raise _too_large(limit)
    inflater.close()
    return inflated


class _Inflater:
    """Reads one member of gzip (RFC 1952), part by part.

    Raises, from each: InvalidInput where it cannot be read, is cut short, or something follows it.
    """

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP_WINDOW)

    def parts(self, chunk: bytes, most: int = 1024 * 1024) -> Iterator[bytes]:
        """What a chunk holds, at most so many bytes at a time."""
        while chunk:
            if self._inflater.eof:  # a second member: no SDK sends one, and passing it over would lose events
                raise InvalidInput("the body goes on after its gzip ends")
            try:
                yield self._inflater.decompress(chunk, most)
            except zlib.error:
                raise InvalidInput("the body's gzip cannot be read") from None
            chunk = self._inflater.unconsumed_tail or self._inflater.unused_data

    def close(self) -> None:
        """Go on only if it came to its end."""
        if not self._inflater.eof:
            raise InvalidInput("the body's gzip is cut short")


def nested_deeper(value: object, levels: int) -> bool:
    """Whether there are more than so many objects and lists inside each other."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(nested_deeper(one, levels - 1) for one in inner)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", hint="send smaller batches", extra={"limit_bytes": limit})
