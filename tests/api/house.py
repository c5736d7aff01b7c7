"""A registry in this process behind a real server, and callers that hold every answer against the OpenAPI document."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import httpx
import jsonschema
import uvicorn
from fastapi import FastAPI

from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant

PLAIN = {"application/json", "application/problem+json"}
_made: list[Conformity] = []
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Clients make a context each, with every root certificate there is, unless they are given one."""


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app behind a real server on loopback, in a thread; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


class House:
    """A simulated registry with its server; tests stay in workspaces of their own."""

    def __init__(self, registry: RegistrySimulator, app: FastAPI, url: str) -> None:
        self.registry = registry
        self.app = app
        self.url = url

    @cached_property
    def conformity(self) -> Conformity:
        """What holds answers against the document; made once in a process, as every server is made of the same code."""
        if not _made:
            _made.append(Conformity(self.app.openapi()))
        return _made[0]

    @property
    def clock(self) -> SetClock:
        """The clock of the registry."""
        assert isinstance(self.registry.clock, SetClock)
        return self.registry.clock

    def caller(self, **headers: str) -> httpx.Client:
        """A client whose every answer must be as documented."""
        hooks: dict[str, list[Any]] = {"response": [self.conformity.hold]}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=30, event_hooks=hooks, verify=NO_TLS, trust_env=False
        )


@contextmanager
def house(registry: RegistrySimulator) -> Iterator[House]:
    """The registry, served until the block ends."""
    app = registry._registry.server()
    with serving(app) as url:
        yield House(registry, app, url)


class Desk:
    """A workspace of the test's own, and one caller for each of its keys."""

    def __init__(self, house: House, stack: ExitStack) -> None:
        self.house = house
        self._stack = stack
        self.tenant: Tenant = house.registry.tenant()
        keys = self.tenant.keys
        self.admin, self.officer, self.app = (
            stack.enter_context(house.caller(authorization=f"Bearer {key}"))
            for key in (keys.admin, keys.officer, keys.app)
        )
        self.sdk = stack.enter_context(house.caller(**self.tenant.basic()))
        self.nobody = stack.enter_context(house.caller())

    def developer(self) -> httpx.Client:
        """A caller with the role of a developer."""
        made = self.admin.post("/v1/keys", json={"kind": "person", "role": "developer", "name": "a developer"})
        return self._stack.enter_context(self.house.caller(authorization=f"Bearer {made.json()['secret']}"))

    def chunked(self, method: str, path: str, chunks: Iterator[bytes]) -> httpx.Response:
        """A request without a length; the server may answer before it has read it all."""
        headers = dict((self.sdk if path == "/v1/batch" else self.admin).headers)
        try:
            return self.nobody.request(method, path, content=chunks, headers=headers)
        except httpx.WriteError:  # it has answered and closed: look again with little
            return self.nobody.request(method, path, content=iter([b" " * 1_000_000] * 12), headers=headers)

    def send(self, *calls: object, **members: object) -> dict[str, Any]:
        """Send a batch as an SDK does; what was answered to it."""
        answer = self.sdk.post("/v1/batch", json={"batch": list(calls), **members})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def trace(self, message_id: str) -> dict[str, Any]:
        """What became of a message."""
        return dict(self.admin.post("/v1/traces", json={"message_id": message_id}).json())


class Conformity:
    """Holds answers against an OpenAPI document: status listed, media type listed, body of the schema, and no more."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = sorted(
            ((re.compile(re.sub(r"\{\w+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))), path)
             for path in document["paths"]),
            key=lambda pair: pair[1].count("{"),
        )  # fmt: skip
        self._validators: dict[tuple[str, str, str, str], jsonschema.Draft202012Validator] = {}

    @cached_property
    def closed(self) -> dict[str, Any]:
        """The document with every object closed, so that an undocumented member is found."""
        closed = _closed(self.document)
        assert isinstance(closed, dict)
        return closed

    def hold(self, response: httpx.Response) -> None:
        """Fail unless the answer is one that the document promises."""
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind == "text/event-stream":
            return
        response.read()
        request, status = response.request, str(response.status_code)
        if request.method == "OPTIONS":
            return
        assert response.headers.get_list("cache-control") == ["no-store"]
        assert response.headers["x-content-type-options"] == "nosniff"
        if response.status_code >= 400 and not (kind == "application/json" and request.url.path == "/readyz"):
            _hold_problem(response, kind)
        path = self.path_of(request.url.path)
        item = self.document["paths"].get(path)
        if item is None:
            assert (status, response.json()["code"]) == ("404", "no-such-path"), (request.url.path, status)
            return
        operation = item.get(request.method.lower())
        if operation is None:
            assert status == "405", (request.method, path, status)
            return
        self._hold_operation(response, kind, path, operation)

    def path_of(self, path: str) -> str | None:
        """The template of a path, None where there is none."""
        return next((template for form, template in self._paths if form.fullmatch(path)), None)

    def _hold_operation(self, response: httpx.Response, kind: str, path: str, operation: dict[str, Any]) -> None:
        status, name = str(response.status_code), operation["operationId"]
        assert status in operation["responses"], f"{name} does not document {status}: {response.text[:300]}"
        if status == "204":
            assert response.content == b""
            return
        promised = self._resolved(operation["responses"][status])["content"]
        assert kind in promised, f"{name} {status} does not document {kind}"
        if kind in PLAIN:
            key = (path, response.request.method.lower(), status, kind)
            if key not in self._validators:
                self._validators[key] = self._validator(
                    self._resolved(operation["responses"][status], closed=True), kind
                )
            self._validators[key].validate(response.json())

    def _validator(self, response: dict[str, Any], kind: str) -> jsonschema.Draft202012Validator:
        schema = {**response["content"][kind]["schema"], "components": self.closed["components"]}
        return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())

    def _resolved(self, value: dict[str, Any], *, closed: bool = False) -> dict[str, Any]:
        document = self.closed if closed else self.document
        if "$ref" in value:
            found: Any = document
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            return dict(found)
        return dict(_closed(value)) if closed else value


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(one) for one in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(one) for name, one in value.items()}
    if isinstance(value.get("properties"), dict) and "additionalProperties" not in value:
        closed["additionalProperties"] = False
    return closed


def _hold_problem(response: httpx.Response, kind: str) -> None:
    """Every error is a problem document, with the members that SDKs read."""
    assert kind == "application/problem+json", response.text[:300]
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"https://registry.invalid/problems/{problem['code']}"
    assert isinstance(problem["code"], str)
    assert isinstance(problem["message"], str)
    if response.status_code in (429, 503):
        assert int(response.headers["retry-after"]) > 0
    if response.status_code == 401:
        assert "Bearer" in response.headers["www-authenticate"]
    if response.status_code >= 500:
        assert problem["detail"] == problem["title"]
