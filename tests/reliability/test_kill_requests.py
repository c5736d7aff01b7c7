"""Invariant 12: a request whose process is killed with SIGKILL at any step resumes, and finishes exactly once.

Each run is a process of its own, killed by itself just before or just after one of its commits, in both
databases; a shop's database is connected, and events are deleted one a page. Then another process goes on. In CI
some of the moments of one kind for each effect; `make kill` goes through every moment of every kind.
"""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import orjson
import pytest

from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.flows.accountability import verify
from registry.flows.consent import ledger
from registry.flows.dsr import export, holds, kept, lifecycle
from registry.model.errors import Conflict
from registry.model.ids import RequestId, WorkspaceId
from registry.model.stored import StoredRequest
from registry.store import erasure as rows
from registry.store.database import Database, Transaction
from tests.conftest import SetClock
from tests.factories import identify, ordered, track
from tests.forked import started
from tests.simulator import PURPOSES, RegistrySimulator, Tenant

EVERY_MOMENT = int(os.environ.get("REGISTRY_TEST_KILLS", "4")) > 4
MOST_COMMITS = 80


ONE_OF_EACH = (Kind.ACCESS, Kind.ERASURE, Kind.RECTIFICATION, Kind.RESTRICTION)
KINDS = tuple(Kind) if EVERY_MOMENT else ONE_OF_EACH
DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.RECTIFICATION: {"traits": {"first_name": "Right"}},
    Kind.CORRECT: {"traits": {"first_name": "Right"}},
    Kind.OBJECTION: {"purposes": ["security"]},
    Kind.WITHDRAWAL: {"purposes": ["marketing"]},
}
SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id, identity: user_id}
      name: {category: user.name}
"""


class Where(NamedTuple):
    """A request, as another process finds it."""

    folder: Path
    urls: tuple[str | None, str | None]
    workspace: bytes
    request: bytes
    gives: bool
    shop: str


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


def _connected(folder: Path, shop: str = SHOP, columns: str = "id TEXT PRIMARY KEY, name TEXT") -> dict[str, str]:
    """The environment that names a shop's database, which is made if it is not there."""
    described, file = folder / "connectors", folder / "shop.db"
    described.mkdir(exist_ok=True)
    (described / "shop.yaml").write_text(shop)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS customers ({columns})")
    return {"REGISTRY_CONNECTORS": str(described), "SHOP_URL": f"sqlite:///{file}"}


def _in_shop(folder: Path, name: str) -> int:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM customers WHERE id = ?", (name,)).fetchone()[0])


def _run_and_die(where: Where, moment: int) -> None:
    os.environ |= _connected(Path(where.shop))
    rows.PAGE = 1
    registry = RegistrySimulator(where.folder, SetClock(), database_url=where.urls[0], keystore_url=where.urls[1])
    Database.write = _killing(moment)  # type: ignore[method-assign]
    opened = registry.workspaces.open(WorkspaceId(where.workspace))
    done = lifecycle.run(registry.deployment, opened, RequestId(where.request), actor="person:second")
    if where.gives:
        export.write_package(registry.deployment, opened, done, io.BytesIO(), actor="person:second")
    os._exit(0)  # nothing of this process is to be closed, in either case


def _person(tenant: Tenant, name: str, shop: Path) -> None:
    """Two fragments, traits, events, a rejected message, a consent record, a hold, and a row in the shop."""
    with closing(sqlite3.connect(shop / "shop.db")) as connection, connection:
        connection.execute("INSERT INTO customers VALUES (?, 'A')", (name,))
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
    deadline = monotonic() + 20
    while True:
        try:
            for waiting in lifecycle.unfinished(deployment, workspace):
                lifecycle.go_on(deployment, workspace, waiting)
            row, _ = lifecycle.get(deployment, workspace, request_id)
            if row.state == "completed":
                return row
            return lifecycle.run(deployment, workspace, request_id, actor="operator")
        except Conflict:  # on a busy machine PostgreSQL takes a moment to notice that the process is gone
            if monotonic() > deadline:
                raise
            sleep(0.05)


def _effect(tenant: Tenant, kind: Kind, name: str, done: StoredRequest, shop: Path) -> object:
    """What a request of this kind did, in a form that is the same for everybody."""
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    if EFFECTS[kind] is Effect.GIVE:
        stream = io.BytesIO()
        export.write_package(deployment, workspace, done, stream, actor="operator")
        with zipfile.ZipFile(stream) as package:
            assert package.testzip() is None
            return sorted(package.namelist())
    if EFFECTS[kind] is Effect.ERASE:
        _, claims = verify.document(done.certificate or "", workspace.jwks())
        fields: Any = claims["fields"]
        kept_items: Any = claims["retained"]
        [case] = [one for one in kept.listed(deployment, workspace) if one.request_id == done.request_id]
        items, _ = kept.read(deployment, workspace, tenant.principal(), case.case_id, "legal")
        assert len(items) == case.items == kept_items[0]["items"]
        assert tenant.profile("user_id", name) is None
        assert tenant.send(ordered(name)).counts == {"suppressed": 1}
        assert _in_shop(shop, name) == 1  # whose name is held
        assert holds.release(deployment, workspace, case.hold_id or b"", actor="person:first").released_at
        assert len(kept.end_due(deployment, workspace, actor="operator")) == 1
        assert _in_shop(shop, name) == 0
        return {field["table"]: field["rows"] for field in fields}
    assert _in_shop(shop, name) == 1
    if EFFECTS[kind] is Effect.CORRECT:
        sql = "SELECT count(*) FROM trait_assertion WHERE workspace_id = ? AND fragment_id IN (?, ?)"
        people = (tenant.person("user_id", name), tenant.person("anonymous_id", f"{name}-phone"))
        counted = tenant.registry.rows(sql, tenant.workspace_id, *map(tenant.fragment, people))
        return tenant.traits("user_id", name), counted
    records = ledger.history(deployment, workspace, tenant.person("user_id", name))
    return len(records), [tenant.check("user_id", name, purpose).reason for purpose in PURPOSES]


def _acts(tenant: Tenant, request_id: RequestId) -> Counter[str]:
    log = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in log]
    about = [e for e in entries if str(e["fields"].get("request", "")).replace("-", "") == request_id.hex()]
    return Counter(f"{e['action']} {e['fields'].get('move', '')}" for e in about)


@pytest.mark.timeout(1200 if EVERY_MOMENT else 120)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"] if EVERY_MOMENT else ["sqlite"])
def test_a_request_killed_at_any_step_finishes_exactly_once(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, kind: Kind
) -> None:
    for name, value in _connected(tmp_path).items():
        monkeypatch.setenv(name, value)
    urls: tuple[str | None, str | None] = (None, None)
    if engine == "postgresql":
        urls = (request.getfixturevalue("postgres_url"), request.getfixturevalue("second_postgres_url"))
    registry = RegistrySimulator(tmp_path / "data", SetClock(), database_url=urls[0], keystore_url=urls[1])
    tenant = registry.tenant()
    _person(tenant, "first", tmp_path)
    details = DETAILS.get(kind, {})
    first = tenant.run(tenant.request(kind, "user_id", "first", **details))
    expected = _effect(tenant, kind, "first", first, tmp_path)
    killed, step = 0, 1 if EVERY_MOMENT else 11
    for moment in range(1, 2 * MOST_COMMITS, step):
        name = f"person{moment}"
        _person(tenant, name, tmp_path)
        request_id = tenant.request(kind, "user_id", name, **details).request_id
        gives = EFFECTS[kind] is Effect.GIVE
        where = Where(tmp_path / "data", urls, tenant.workspace_id, request_id, gives, str(tmp_path))
        process = started(_run_and_die, where, moment)
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            break
        killed += 1
        done = _resumed(tenant, request_id)
        assert _effect(tenant, kind, name, done, tmp_path) == expected
        acts = _acts(tenant, request_id)
        assert acts["dsr:request:moved complete"] == 1
        assert acts["dsr:certificate:issued "] == 1 + acts["dsr:retained:erased "]  # what was held has one of its own
        assert verify.log(registry.deployment, tenant.workspace, []) == []
    assert killed >= (5 if EVERY_MOMENT else 1), "the request has several steps, and was killed at each"
    registry.close()
