"""Reading bodies: bounded before and after decompression, JSON whatever the content type says."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from registry.model.errors import InvalidInput, MalformedJson, TooLarge

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body, decompressed if it is gzip (some SDKs say so only in its first bytes).

    Raises:
        TooLarge: more than `limit` bytes, compressed or not.
        InvalidInput: broken gzip, or the sender went away.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect:
        raise InvalidInput("the sender went away before the body was complete") from None
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
    return inflated


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", hint="send smaller batches", extra={"limit_bytes": limit})
