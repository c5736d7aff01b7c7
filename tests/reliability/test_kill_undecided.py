"""A request whose process is killed, and to whose person systems outside lead a profile that comes after that, waits
until somebody has decided about it, wherever it was killed before its certificate; and killed again then, it finishes
once. As `test_kill_requests`, some of the moments in CI, and every one by `make kill`.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import beside, lifecycle
from registry.model.errors import Conflict
from registry.model.ids import RequestId, WorkspaceId
from registry.store import erasure as rows
from registry.store.database import Database
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.forked import started
from tests.reliability.test_kill_requests import (
    DETAILS,
    EVERY_MOMENT,
    MOST_COMMITS,
    ONE_OF_EACH,
    Where,
    _acts,
    _connected,
    _killing,
    _resumed,
)
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id, identity: user_id}
      email: {category: user.contact.email, identity: email}
      name: {category: user.name, trait: first_name}
"""
UNDECIDED = "nobody has decided"


def _run_and_die(where: Where, moment: int) -> None:
    rows.PAGE = 1
    registry = RegistrySimulator(where.folder, SetClock(), database_url=where.urls[0], keystore_url=where.urls[1])
    Database.write = _killing(moment)  # type: ignore[method-assign]
    opened = registry.workspaces.open(WorkspaceId(where.workspace))
    try:
        lifecycle.run(registry.deployment, opened, RequestId(where.request), actor="person:second")
    except Conflict as error:
        os._exit(0 if UNDECIDED in error.detail else 1)
    os._exit(0)


def _killed(where: Where, moment: int) -> bool:
    process = started(_run_and_die, where, moment)
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _waits(tenant: Tenant, request_id: RequestId) -> None:
    """Whoever takes it up again finds the profile, too."""
    tenant.registry.deployment.keyring.forget()
    with pytest.raises(Conflict) as raised:
        while True:  # PostgreSQL takes a moment to notice that the process is gone
            try:
                lifecycle.run(tenant.registry.deployment, tenant.workspace, request_id, actor="operator")
            except Conflict as error:
                if "at this moment" not in error.detail:
                    raise
    assert UNDECIDED in raised.value.detail
    row, _ = lifecycle.get(tenant.registry.deployment, tenant.workspace, request_id)
    assert (row.state, row.certificate) == ("waiting", None)


@pytest.mark.timeout(1800 if EVERY_MOMENT else 120)
@pytest.mark.parametrize("kind", [*ONE_OF_EACH, Kind.OBJECTION] if EVERY_MOMENT else [Kind.ERASURE, Kind.OBJECTION])
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"] if EVERY_MOMENT else ["sqlite"])
def test_nobody_is_passed_over_wherever_a_request_is_killed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, kind: Kind
) -> None:
    for name, value in _connected(tmp_path, SHOP, "id TEXT PRIMARY KEY, email TEXT, name TEXT").items():
        monkeypatch.setenv(name, value)
    urls: tuple[str | None, str | None] = (None, None)
    if engine == "postgresql":
        urls = (request.getfixturevalue("postgres_url"), request.getfixturevalue("second_postgres_url"))
    registry = RegistrySimulator(tmp_path / "data", SetClock(), database_url=urls[0], keystore_url=urls[1])
    tenant, killed = registry.tenant(), 0
    for moment in range(1, 2 * MOST_COMMITS, 1 if EVERY_MOMENT else 11):
        name, email = f"person{moment}", f"person{moment}@example.com"
        with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
            connection.execute("INSERT INTO customers VALUES (?, ?, 'A')", (name, email))
        tenant.send(identify(None, f"{name}-phone", email=email, first_name="A"))
        request_id = tenant.request(kind, "email", email, **DETAILS.get(kind, {})).request_id
        where = Where(tmp_path / "data", urls, tenant.workspace_id, request_id, False, str(tmp_path))
        before = _killed(where, moment)
        row, _ = lifecycle.get(registry.deployment, tenant.workspace, request_id)
        if row.certificate is not None:
            assert _resumed(tenant, request_id).state == "completed"
            break
        tenant.send(ordered(name))
        other = tenant.profile("user_id", name)
        assert other is not None
        _waits(tenant, request_id)
        given = registry.deployment, tenant.workspace, request_id, other
        beside.set_apart(*given, reason="a namesake", actor="person:first")
        after = _killed(where, moment)
        done, acts = _resumed(tenant, request_id), _acts(tenant, request_id)
        _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
        stated = [one["rows"] for one in claims["fields"] if one["field"] == beside.KNOWN_OUTSIDE]  # type: ignore[attr-defined]
        assert (done.state, stated, tenant.profile("user_id", name)) == ("completed", [1], other)
        assert (acts["dsr:request:moved complete"], acts["dsr:certificate:issued "]) == (1, 1)
        assert verify.log(registry.deployment, tenant.workspace, []) == []
        killed += before + after
    assert killed >= (3 if EVERY_MOMENT else 1)
    registry.close()
