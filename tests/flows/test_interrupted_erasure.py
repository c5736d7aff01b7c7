"""Invariant 12: an erasure that is killed before any of its commits goes on where it was, and finishes once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import lifecycle
from registry.model.errors import RegistryError
from registry.model.ids import RequestId, WorkspaceId
from registry.store.database import Database, Transaction
from tests.conftest import SetClock
from tests.factories import identify, ordered, track
from tests.forked import started
from tests.simulator import RegistrySimulator, Tenant

KILLED = 77
EVERY_COMMIT = int(os.environ.get("REGISTRY_TEST_KILLS", "4")) > 4
MOST_COMMITS = 30


class Killed(BaseException):
    """What stands in for a crash, where the process is to live on."""


def _person(tenant: Tenant, name: str) -> None:
    """Two fragments, traits, an event, a rejected message and a consent record."""
    tenant.send(identify(name, f"{name}-phone", first_name="A"), ordered(name), track("Nonsense", name))
    tenant.say("user_id", name, "marketing", "granted", evidence="a form")


def _stop_before(commit: int, stop: Callable[[], None]) -> Callable[..., Any]:
    """A `Database.write` that stops the process when the transaction of that number is about to commit."""
    seen = 0
    write = Database.write

    @contextmanager
    def stopped(self: Database, workspace_id: bytes) -> Iterator[Transaction]:
        nonlocal seen
        with write(self, workspace_id) as transaction:
            yield transaction
            seen += 1
            if seen == commit:
                stop()

    return stopped


def _run_and_die(
    folder: Path, urls: tuple[str | None, str | None], workspace: bytes, request: bytes, commit: int
) -> None:
    """In a process of its own: run the request, and be gone before a commit."""
    registry = RegistrySimulator(folder, SetClock(), database_url=urls[0], keystore_url=urls[1])
    Database.write = _stop_before(commit, lambda: os._exit(KILLED))  # type: ignore[method-assign]
    opened = registry.workspaces.open(WorkspaceId(workspace))
    lifecycle.run(registry.deployment, opened, RequestId(request), actor="person:second")


def _finished_right(tenant: Tenant, request_id: RequestId, name: str, expected: dict[str, Any]) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    for waiting in lifecycle.unfinished(deployment, workspace):
        lifecycle.run(deployment, workspace, waiting.request_id, actor="operator")
    row, events = lifecycle.get(deployment, workspace, request_id)
    if row.state == "approved":
        row = lifecycle.run(deployment, workspace, request_id, actor="operator")
        _, events = lifecycle.get(deployment, workspace, request_id)
    assert row.state == "completed"
    assert [event.action for event in events].count("complete") == 1
    assert _certified(tenant, row.certificate or "") == expected
    assert [tenant.profile(*who) for who in (("user_id", name), ("anonymous_id", f"{name}-phone"))] == [None, None]
    assert tenant.send(ordered(name)).counts == {"suppressed": 1}
    log = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in log if request_id.hex() in _plain(entry)]
    assert [entry["action"] for entry in entries].count("dsr:certificate:issued") == 1
    assert verify.log(deployment, workspace, []) == []
    with pytest.raises(RegistryError):
        tenant.run(row)


def _plain(entry: Any) -> str:
    return bytes(entry).decode().replace("-", "")


def _certified(tenant: Tenant, certificate: str) -> dict[str, Any]:
    _, claims = verify.document(certificate, tenant.workspace.jwks())
    fields: Any = claims["fields"]
    return {field["table"]: field["rows"] for field in fields} | {"keys": claims["keys"]["bundles_destroyed"]}  # type: ignore[index]


def _uninterrupted(tenant: Tenant) -> dict[str, Any]:
    _person(tenant, "first")
    done = tenant.erase("user_id", "first")
    return _certified(tenant, done.certificate or "")


def test_an_erasure_killed_before_any_commit_resumes_and_says_the_same(shared: RegistrySimulator) -> None:
    tenant = shared.tenant()
    expected = _uninterrupted(tenant)
    assert expected["keys"] == 3
    settings = shared.settings
    # What a crash leaves is what an error leaves (see below): a third of the commits is enough, but for the long run.
    for commit in range(1, MOST_COMMITS, 1 if EVERY_COMMIT else 3):
        name = f"person{commit}"
        _person(tenant, name)
        request_id = tenant.request(Kind.ERASURE, "user_id", name).request_id
        arguments = (settings.data_dir, (settings.database_url, settings.keystore_url), tenant.workspace_id, request_id)
        process = started(_run_and_die, *arguments, commit)
        process.join(60)
        assert process.exitcode in (0, KILLED)
        if process.exitcode == 0:
            break
        shared.deployment.keyring.forget()
        _finished_right(tenant, request_id, name, expected)
    assert 6 < commit < MOST_COMMITS - 1, "every commit was tried, and there were several"


def test_an_erasure_that_an_error_interrupts_anywhere_resumes_and_says_the_same(
    shared: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = shared.tenant()
    expected = _uninterrupted(tenant)

    def fail() -> None:
        raise Killed

    for commit in range(1, MOST_COMMITS):
        name = f"person{commit}"
        _person(tenant, name)
        request = tenant.request(Kind.ERASURE, "user_id", name)
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _stop_before(commit, fail))
            try:
                tenant.run(request)
                break
            except Killed:
                pass
        _finished_right(tenant, request.request_id, name, expected)
    assert 6 < commit < MOST_COMMITS - 1


@pytest.mark.parametrize("kind", [Kind.RESTRICTION, Kind.WITHDRAWAL, Kind.OBJECTION, Kind.RECTIFICATION])
def test_every_other_request_that_is_interrupted_resumes_with_the_same_effect(
    shared: RegistrySimulator, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    details: dict[str, Any] = {
        Kind.RESTRICTION: {},
        Kind.WITHDRAWAL: {"purposes": ["marketing"]},
        Kind.OBJECTION: {"purposes": ["security"]},
        Kind.RECTIFICATION: {"traits": {"first_name": "Right"}},
    }[kind]
    tenant = shared.tenant()

    def effect(name: str) -> object:
        if kind is Kind.RECTIFICATION:
            return tenant.traits("user_id", name)
        return {
            purpose: tenant.check("user_id", name, purpose).reason for purpose in ("service", "security", "marketing")
        }

    def records(name: str) -> int:
        from registry.flows.consent import ledger

        return len(ledger.history(shared.deployment, tenant.workspace, tenant.person("user_id", name)))

    def fail() -> None:
        raise Killed

    _person(tenant, "first")
    tenant.run(tenant.request(kind, "user_id", "first", **details))
    for commit in range(1, MOST_COMMITS):
        name = f"person{commit}"
        _person(tenant, name)
        request = tenant.request(kind, "user_id", name, **details)
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _stop_before(commit, fail))
            try:
                done = tenant.run(request)
                break
            except Killed:
                done = tenant.run(request)
        assert done.state == "completed"
        assert effect(name) == effect("first")
        assert records(name) == records("first"), "done again, it writes nothing again"
    assert 2 < commit < MOST_COMMITS - 1
