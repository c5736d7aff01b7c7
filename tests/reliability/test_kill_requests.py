"""Invariant 12: a request whose process is killed with SIGKILL at any step resumes, and finishes exactly once.

Each run is a process of its own, killed by itself just before or just after one of its commits, in both
databases. Then another process goes on. In CI some of the moments; `make kill` goes through every one.
"""

from __future__ import annotations

import io
import os
import signal
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.consent import ledger
from registry.flows.dsr import export, holds, kept, lifecycle
from registry.model.ids import RequestId, WorkspaceId
from registry.model.stored import StoredRequest
from registry.store.database import Database, Transaction
from tests.conftest import SetClock
from tests.factories import identify, ordered, track
from tests.simulator import RegistrySimulator, Tenant

EVERY_MOMENT = int(os.environ.get("REGISTRY_TEST_KILLS", "4")) > 4
MOST_COMMITS = 60

processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.simulator"])

DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.ACCESS: {},
    Kind.ERASURE: {},
    Kind.RECTIFICATION: {"traits": {"first_name": "Right"}},
    Kind.RESTRICTION: {},
}


class Where(NamedTuple):
    """A request, as another process finds it."""

    folder: Path
    urls: tuple[str | None, str | None]
    workspace: bytes
    request: bytes
    access: bool


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killing(moment: int) -> Callable[..., Any]:
    """A `Database.write` that kills the process before its commit (even moments) or after it (odd ones)."""
    seen = 0
    write = Database.write

    @contextmanager
    def killed(self: Database, workspace_id: bytes) -> Iterator[Transaction]:
        nonlocal seen
        with write(self, workspace_id) as transaction:
            yield transaction
            if seen == moment:
                _die()
            seen += 1
        if seen == moment:
            _die()
        seen += 1

    return killed


def _run_and_die(where: Where, moment: int) -> None:
    registry = RegistrySimulator(where.folder, SetClock(), database_url=where.urls[0], keystore_url=where.urls[1])
    Database.write = _killing(moment)  # type: ignore[method-assign]
    opened = registry.workspaces.open(WorkspaceId(where.workspace))
    done = lifecycle.run(registry.deployment, opened, RequestId(where.request), actor="person:second")
    if where.access:
        export.write_package(registry.deployment, opened, done, io.BytesIO(), actor="person:second")
    os._exit(0)  # nothing of this process is to be closed, in either case


def _person(tenant: Tenant, name: str) -> None:
    """Two fragments, traits, an event, a rejected message, a consent record, and a hold on the name."""
    tenant.send(identify(name, f"{name}-phone", first_name="A"), ordered(name), track("Nonsense", name))
    tenant.say("user_id", name, "marketing", "granted", evidence="a form")
    holds.place(
        tenant.registry.deployment, tenant.workspace, tenant.person("user_id", name), ground="a claim",
        purpose="legal", categories=("user.name",), actor="person:first",
    )  # fmt: skip


def _resumed(tenant: Tenant, request_id: RequestId) -> StoredRequest:
    """The request, brought to its end as a server does when it starts, or as an officer does."""
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    deployment.keyring.forget()
    for waiting in lifecycle.unfinished(deployment, workspace):
        lifecycle.go_on(deployment, workspace, waiting)
    row, _ = lifecycle.get(deployment, workspace, request_id)
    return row if row.state == "completed" else lifecycle.run(deployment, workspace, request_id, actor="operator")


def _effect(tenant: Tenant, kind: Kind, name: str, done: StoredRequest) -> object:
    """What a request of this kind did, in a form that is the same for everybody."""
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    if kind is Kind.ACCESS:
        stream = io.BytesIO()
        export.write_package(deployment, workspace, done, stream, actor="operator")
        with zipfile.ZipFile(stream) as package:
            assert package.testzip() is None
            return sorted(package.namelist())
    if kind is Kind.ERASURE:
        _, claims = verify.document(done.certificate or "", workspace.jwks())
        fields: Any = claims["fields"]
        kept_items: Any = claims["retained"]
        [case] = [one for one in kept.listed(deployment, workspace) if one.request_id == done.request_id]
        items, _ = kept.read(deployment, workspace, tenant.principal(), case.case_id, "legal")
        assert len(items) == case.items == kept_items[0]["items"]
        assert tenant.profile("user_id", name) is None
        assert tenant.send(ordered(name)).counts == {"suppressed": 1}
        return {field["table"]: field["rows"] for field in fields}
    if kind is Kind.RECTIFICATION:
        sql = "SELECT count(*) FROM trait_assertion WHERE workspace_id = ? AND fragment_id IN (?, ?)"
        people = (tenant.person("user_id", name), tenant.person("anonymous_id", f"{name}-phone"))
        counted = tenant.registry.rows(sql, tenant.workspace_id, *map(tenant.fragment, people))
        return tenant.traits("user_id", name), counted
    records = ledger.history(deployment, workspace, tenant.person("user_id", name))
    return len(records), tenant.check("user_id", name, "marketing").reason


def _acts(tenant: Tenant, request_id: RequestId) -> Counter[str]:
    log = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in log]
    about = [e for e in entries if str(e["fields"].get("request", "")).replace("-", "") == request_id.hex()]
    return Counter(f"{e['action']} {e['fields'].get('move', '')}" for e in about)


@pytest.mark.timeout(1200 if EVERY_MOMENT else 120)
@pytest.mark.parametrize("kind", DETAILS)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"] if EVERY_MOMENT else ["sqlite"])
def test_a_request_killed_at_any_step_finishes_exactly_once(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, kind: Kind
) -> None:
    urls: tuple[str | None, str | None] = (None, None)
    if engine == "postgresql":
        urls = (request.getfixturevalue("postgres_url"), request.getfixturevalue("second_postgres_url"))
    registry = RegistrySimulator(tmp_path / "data", SetClock(), database_url=urls[0], keystore_url=urls[1])
    tenant = registry.tenant()
    _person(tenant, "first")
    expected = _effect(tenant, kind, "first", tenant.run(tenant.request(kind, "user_id", "first", **DETAILS[kind])))
    killed, step = 0, 1 if EVERY_MOMENT else 7
    for moment in range(1, 2 * MOST_COMMITS, step):
        name = f"person{moment}"
        _person(tenant, name)
        request_id = tenant.request(kind, "user_id", name, **DETAILS[kind]).request_id
        where = Where(tmp_path / "data", urls, tenant.workspace_id, request_id, kind is Kind.ACCESS)
        process = processes.Process(target=_run_and_die, args=(where, moment))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            break
        killed += 1
        done = _resumed(tenant, request_id)
        assert _effect(tenant, kind, name, done) == expected
        acts = _acts(tenant, request_id)
        assert acts["dsr:request:moved complete"] == 1
        assert acts["dsr:certificate:issued "] == 1
        assert verify.log(registry.deployment, tenant.workspace, []) == []
    assert killed >= (5 if EVERY_MOMENT else 1), "the request has several steps, and was killed at each"
    registry.close()
