"""Reading bodies: bounded before and after decompression, JSON whatever the content type says.

JSON is read strictly (RFC 8259, by orjson): no NaN, no number beyond a double, no lone surrogates, no
nesting that could not be written again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Coroutine, Mapping
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

MAX_NESTING = 64
"""Objects and lists inside each other, where the whole body is kept or written again."""


class JsonRoute(APIRoute):
    """A route that knows its caller before it reads a body, and whose body is one bounded JSON object."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with both in front of it."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            self.admit(request)
            if takes_body:
                raw = await read_body(request, JSON_BYTES)
                value = decode_object(raw)
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


async def receive_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """As `read_body`, for an endpoint that has no request object.

    Raises: as `read_body`.
    """
    declared = headers.get("content-length", "").lstrip("0")
    if len(declared) > len(str(limit)) or (declared.isascii() and declared.isdigit() and int(declared) > limit):
        raise _too_large(limit)
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


def _inflate(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise InvalidInput("the body's gzip cannot be read") from None
    if len(inflated) > limit or inflater.unconsumed_tail:
        raise _too_large(limit)
    if not inflater.eof:
        raise InvalidInput("the body's gzip is cut short")
    if inflater.unused_data:  # a second member: no SDK sends one, and passing it over would lose events
        raise InvalidInput("the body goes on after its gzip ends")
    return inflated


def nested_deeper(value: object, levels: int) -> bool:
    """Whether there are more than so many objects and lists inside each other."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(nested_deeper(one, levels - 1) for one in inner)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", hint="send smaller batches", extra={"limit_bytes": limit})
