"""Decisions on the audit log: the share that was set, nothing personal, nothing lost at an orderly end."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from registry import bootstrap
from registry.flows.accountability import verify
from registry.flows.consent import decided
from registry.flows.consent.decided import Decided, DecisionLog
from registry.model.ids import ProfileId
from registry.model.message import Identifier
from registry.settings import Settings
from registry.store import audit_log
from registry.store.database import Database
from tests.factories import identify
from tests.live import start
from tests.simulator import RegistrySimulator, Tenant

SHOPPER = Identifier("user_id", "u-1")
NOBODY = Identifier("user_id", "nobody-we-know")


def entries(tenant: Tenant, action: str = "consent:decision:made") -> list[dict[str, Any]]:
    with tenant.registry.deployment.data.read(tenant.workspace_id) as transaction:
        read = [json.loads(entry) for entry in audit_log.stream(transaction, tenant.workspace_id)]
    return [entry for entry in read if entry["action"] == action]


def decisions(person: Identifier, count: int = 1, purpose: str = "marketing", allowed: bool = True) -> list[Decided]:
    return [Decided(person, purpose, allowed, "granted" if allowed else "denied")] * count


def test_all_decisions_are_logged_without_saying_about_whom(tenant: Tenant) -> None:
    tenant.say("user_id", "u-1", "marketing", "granted")
    log = DecisionLog(tenant.registry.deployment, 1.0)
    log.note_all("app:shop", tenant.workspace, decisions(SHOPPER, 1500))
    log.note("app:shop", log.noted(tenant.workspace, decisions(NOBODY, allowed=False)[0]))
    log.note("app:shop", log.noted(tenant.workspace, Decided(SHOPPER, "ada@example.com", False, "unknown_purpose")))
    assert log.close() == 0
    made = entries(tenant)
    assert Counter(entry["outcome"] for entry in made) == {"allowed": 1500, "denied": 2}
    assert made[0]["fields"] == {"purpose": "marketing", "reason": "granted"}
    assert made[0]["actor"] == "app:shop"
    assert len({entry["subject"] for entry in made[:1500]}) == 1500  # no two can be told to be of one person
    assert [entry["subject"] is None for entry in made[1500:]] == [True, False]
    assert made[1501]["fields"]["purpose"] == "(unknown)"
    assert verify.log(tenant.registry.deployment, tenant.workspace, []) == []


def test_the_share_of_decisions_that_was_set_is_logged(tenant: Tenant) -> None:
    log = DecisionLog(tenant.registry.deployment, 0.2)
    log.note_all("app:shop", tenant.workspace, decisions(NOBODY, 4000))
    noted = log.noted(tenant.workspace, decisions(NOBODY)[0])
    for _ in range(4000):
        log.note("app:shop", noted)
    assert log.close() == 0
    assert 1600 - 6 * 36 < len(entries(tenant)) < 1600 + 6 * 36  # six standard deviations


def test_none_is_logged_where_none_is_wanted(tenant: Tenant) -> None:
    log = DecisionLog(tenant.registry.deployment, 0)
    assert log.noted(tenant.workspace, decisions(SHOPPER)[0]) is None
    log.note("app:shop", None)
    log.note_all("app:shop", tenant.workspace, decisions(SHOPPER))
    assert log.close() == 0
    assert entries(tenant) == []


def test_decisions_are_written_soon_without_anybody_asking(tenant: Tenant) -> None:
    log = DecisionLog(tenant.registry.deployment, 1.0)
    log.note_all("app:shop", tenant.workspace, decisions(NOBODY, 3))
    until = time.monotonic() + 20
    while len(entries(tenant)) < 3:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert log.close() == 0


def test_somebody_erased_before_the_writing_is_in_no_entry(tenant: Tenant) -> None:
    tenant.say("user_id", "u-1", "marketing", "granted")
    tenant.say("user_id", "u-2", "marketing", "granted")
    log = DecisionLog(tenant.registry.deployment, 1.0)
    log._stop.set()  # nothing is written before it is asked for
    log._thread.join()  # type: ignore[union-attr]
    log.note_all("app:shop", tenant.workspace, [*decisions(SHOPPER), *decisions(Identifier("user_id", "u-2"))])
    tenant.erase("user_id", "u-1")
    assert log.close() == 0
    assert [entry["subject"] is None for entry in entries(tenant)] == [True, False]


def test_decisions_wait_for_a_store_that_is_gone_and_what_memory_cannot_hold_is_counted(
    sqlite_registry: RegistrySimulator, tmp_path: Path, monkeypatch: Any
) -> None:
    tenant = sqlite_registry.tenant()
    here = sqlite_registry.deployment
    gone = Database(f"sqlite:///{tmp_path / 'nowhere' / 'registry.db'}")
    monkeypatch.setattr(decided, "MOST_WAITING", 100)
    log = DecisionLog(replace(here, data=gone), 1.0)
    log.note_all("app:shop", tenant.workspace, decisions(NOBODY, 130))
    assert log.close() == 100
    assert entries(tenant) == []
    log._deployment = here  # the store is back
    assert log.write() == 0
    assert len(entries(tenant)) == 100
    [lost] = entries(tenant, "consent:decisions:lost")
    assert lost["fields"] == {"count": 30}
    gone.close()


def test_a_decision_about_a_profile_is_on_the_record_as_theirs(tenant: Tenant) -> None:
    tenant.send(identify("ada"))
    profile = tenant.profile("user_id", "ada")
    assert profile is not None
    log = DecisionLog(tenant.registry.deployment, 1.0)
    unknown = ProfileId(bytes(16))
    log.note_all(
        "app:shop", tenant.workspace, [Decided(one, "service", True, "filtered") for one in (profile, unknown)]
    )
    assert log.close() == 0
    assert len(entries(tenant)) == 2
    sql = "SELECT fragment_id FROM audit_detail WHERE workspace_id = ? ORDER BY position DESC LIMIT 1"
    [(about,)] = tenant.registry.rows(sql, tenant.workspace_id)
    assert bytes(about) == profile


def test_a_server_that_is_told_to_stop_writes_every_decision_that_it_gave(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    keys = bootstrap.initialise(settings)
    with patch.dict(os.environ, {"REGISTRY_LOG_DECISIONS": "1"}):
        url, process = start(settings.data_dir)
    subject = {"kind": "user_id", "value": "u-1"}
    check = {"subject": subject, "purpose": "marketing"}
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {keys.app_key}"}) as client:
        for _ in range(150):  # the same again is answered from memory, and logged all the same
            client.post("/v1/consent/check", json=check).raise_for_status()
        client.post("/v1/consent/check/batch", json={"checks": [check] * 200}).raise_for_status()
        client.post("/v1/consent/token", json=check).raise_for_status()
        filtered = "\n".join(json.dumps({"kind": "user_id", "value": f"u-{n}"}) for n in range(50))
        client.post("/v1/consent/filter?purpose=marketing", content=filtered).raise_for_status()
    process.terminate()
    process.wait(20)
    registry = bootstrap.connect(settings)
    try:
        workspace = registry.workspaces.only()
        with registry.deployment.data.read(workspace.workspace_id) as transaction:
            read = [json.loads(entry) for entry in audit_log.stream(transaction, workspace.workspace_id)]
        made = [entry for entry in read if entry["action"] == "consent:decision:made"]
        reasons = Counter(entry["fields"]["reason"] for entry in made)
        assert reasons == {"unknown_subject": 351, "filtered": 50}
        assert {entry["actor"] for entry in made} == {"app:first app"}
        assert verify.log(registry.deployment, workspace, []) == []
    finally:
        registry.close()
