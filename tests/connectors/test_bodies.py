"""Answers from outside that are small on the way: they are counted as they are once they are unpacked."""

from __future__ import annotations

import gzip
import zlib

import httpx
import pytest

from registry.connectors.bodies import bounded

TEXT = b'{"data": []}' * 1_000
WAYS = {"": TEXT, "gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT), "identity, gzip": gzip.compress(TEXT)}


def told(body: bytes, encoding: str, most: int) -> bytes | None:
    """What is read of an answer that is packed so."""
    headers = {"content-encoding": encoding} if encoding else {}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(body)))
    with httpx.Client(transport=transport) as client, client.stream("GET", "https://news.example/") as response:
        return bounded(response, most)


@pytest.mark.parametrize("encoding", WAYS)
def test_an_answer_is_as_long_as_what_was_packed(encoding: str) -> None:
    assert told(WAYS[encoding], encoding, len(TEXT)) == TEXT
    assert told(WAYS[encoding], encoding, len(TEXT) - 1) is None


@pytest.mark.parametrize("encoding", ["gzip, gzip", "GZIP,deflate", "gzip, identity, gzip", "br", "zstd"])
def test_what_is_packed_more_than_once_is_not_unpacked(encoding: str) -> None:
    assert told(gzip.compress(gzip.compress(b"{}")), encoding, len(TEXT)) is None
