"""Exchanges that end in time: httpx bounds each read by itself, so that an answer that drips takes as long as it likes.

Connectors use it, too. httpx has no place for what its connections are made by: those of a client are wrapped.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any, TypeVar

import httpcore
import httpx

_Options = Iterable[httpcore.SOCKET_OPTION] | None
_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)


def punctual(client: _Client, seconds: float) -> _Client:
    """The client, in which a question and its whole answer take at most so long once there is a connection.

    What takes longer is a `httpx.TimeoutException`. Not for streams that are followed.
    """
    made: list[Any] = [client._transport, *client._mounts.values()]  # noqa: SLF001 - mounts are the environment's proxies
    for pool in (transport._pool for transport in made if transport is not None):  # noqa: SLF001
        before = pool._network_backend  # noqa: SLF001
        awaited = isinstance(before, httpcore.AsyncNetworkBackend)
        pool._network_backend = (_AsyncBackend if awaited else _Backend)(before, seconds)  # noqa: SLF001
    return client


class _Allowance:
    """What is left of an exchange's time, which begins with the first write after something was read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._asking = False

    def to_write(self, timeout: float | None) -> float:
        if not self._asking:
            self._asking, self._until = True, time.monotonic() + self._seconds
        return self._left(timeout, httpcore.WriteTimeout)

    def to_read(self, timeout: float | None) -> float:
        self._asking = False
        return self._left(timeout, httpcore.ReadTimeout)

    def _left(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise late("the exchange takes too long")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, seconds: float) -> None:
        self._stream, self._seconds, self._allowance = stream, seconds, _Allowance(seconds)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._allowance.to_read(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._allowance.to_write(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, seconds: float) -> None:
        self._backend, self._seconds = backend, seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.NetworkStream:
        made = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(made, self._seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, seconds: float) -> None:
        self._stream, self._seconds, self._allowance = stream, seconds, _Allowance(seconds)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's own
        return await self._stream.read(max_bytes, self._allowance.to_read(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, self._allowance.to_write(timeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend, seconds: float) -> None:
        self._backend, self._seconds = backend, seconds

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.AsyncNetworkStream:
        made = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _AsyncStream(made, self._seconds)
