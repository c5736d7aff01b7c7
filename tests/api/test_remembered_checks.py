"""A consent check may be answered from memory; whatever could change the answer must have it worked out anew."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from registry import bootstrap
from registry.flows.consent import checks, ledger
from registry.flows.consent.remembered import Remembered
from registry.flows.identity.subjects import subject
from registry.model.ids import WorkspaceId
from registry.settings import Settings
from tests.api.house import Desk
from tests.factories import consent, identify, viewed
from tests.live import Live

YES = consent(Analytics=True, Advertising=True, Functional=True)


def asked(client: httpx.Client, user: str, purpose: str = "marketing") -> dict[str, Any]:
    """The same question twice: the second answer may be the first one's."""
    question = {"subject": {"kind": "user_id", "value": user}, "purpose": purpose}
    first, second = (client.post("/v1/consent/check", json=question).json() for _ in range(2))
    assert first == second
    return dict(first)


def withdraw(client: httpx.Client, user: str) -> None:
    act = {"subject": {"kind": "user_id", "value": user}, "purpose": "marketing", "status": "withdrawn"}
    assert client.post("/v1/consent/records", json=act).status_code == 201


def test_a_withdrawal_bites_at_the_next_check(either_desk: Desk) -> None:
    either_desk.send(identify("u-1", context=YES))
    assert asked(either_desk.app, "u-1")["allowed"]
    withdraw(either_desk.admin, "u-1")
    assert asked(either_desk.app, "u-1")["reason"] == "withdrawn"


def test_who_becomes_known_is_answered_for_at_once(either_desk: Desk) -> None:
    assert asked(either_desk.app, "u-2")["reason"] == "unknown_subject"
    either_desk.send(identify("u-2", context=YES))
    assert asked(either_desk.app, "u-2")["allowed"]


def test_a_restriction_and_an_erasure_bite_at_the_next_check(either_desk: Desk) -> None:
    either_desk.send(identify("u-3", context=YES), identify("u-4", context=YES))
    for kind, user, reason in (("restriction", "u-3", "restricted"), ("erasure", "u-4", "unknown_subject")):
        assert asked(either_desk.app, user)["allowed"]
        body = {"kind": kind, "subject": {"kind": "user_id", "value": user}}
        request_id = either_desk.admin.post("/v1/dsr/requests", json=body).json()["request_id"]
        for move in ("verify", "approve", "run"):
            assert either_desk.officer.post(f"/v1/dsr/requests/{request_id}/{move}").status_code == 200
        assert asked(either_desk.app, user)["reason"] == reason


def test_who_is_joined_with_a_refuser_is_refused_at_the_next_check(either_desk: Desk) -> None:
    browser = str(uuid4())
    no = consent(Analytics=False, Advertising=False, Functional=True)
    either_desk.send(identify("u-5", context=YES))
    assert asked(either_desk.app, "u-5")["allowed"]
    either_desk.send(viewed(anonymous=browser, product_id="p", name="n", context=no))
    either_desk.send(identify("u-5", anonymous=browser))
    known = asked(either_desk.app, "u-5")
    question = {"subject": {"kind": "user_id", "value": "u-5"}, "purpose": "marketing"}
    checks = {"checks": [question]}
    assert either_desk.app.post("/v1/consent/check/batch", json=checks).json()["decisions"] == [known]


def test_a_consent_that_ends_is_not_remembered_beyond_its_end(either_desk: Desk) -> None:
    clock = either_desk.house.clock
    either_desk.send(identify("u-6"))
    act = {
        "subject": {"kind": "user_id", "value": "u-6"}, "purpose": "marketing", "status": "granted",
        "expires_at": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    assert either_desk.admin.post("/v1/consent/records", json=act).status_code == 201
    assert asked(either_desk.app, "u-6")["allowed"]
    before = clock.now
    try:
        clock.pass_by(days=365 * 100)
        registry = either_desk.tenant.registry
        person = subject(registry.deployment.policies.identity, "user_id", "u-6")
        workspace = either_desk.tenant.workspace
        assert not checks.check(registry.deployment, workspace, person, "marketing").allowed
        lasting = checks.answer(registry.deployment, workspace, person, "marketing", frozenset())[1]
        assert not lasting
    finally:
        clock.now = before


def test_another_workspace_is_not_answered_from_this_ones_memory(desk: Desk) -> None:
    desk.send(identify("u-7", context=YES))
    assert asked(desk.app, "u-7")["allowed"]
    other = Desk(desk.house, desk._stack)
    assert asked(other.app, "u-7")["reason"] == "unknown_subject"


def test_a_withdrawal_in_another_process_bites_here(server: Live) -> None:
    user = f"u-{uuid4()}"
    call = identify(user, context=YES)
    sent = httpx.post(f"{server.url}/v1/batch", json={"batch": [call], "writeKey": server.keys.write_key})
    assert sent.json()["accepted"] == 1
    with server.client(server.keys.app_key) as client:
        assert asked(client, user)["allowed"]
        here = bootstrap.connect(Settings(data_dir=server.data_dir))
        try:
            workspace = here.workspaces.only()
            person = subject(here.deployment.policies.identity, "user_id", user)
            act = ledger.Act("marketing", ledger.ConsentStatus.WITHDRAWN)
            ledger.record(here.deployment, workspace, person, [act], actor="operator")
            assert asked(client, user)["reason"] == "withdrawn"
        finally:
            here.close()


def test_another_state_forgets_every_answer_of_the_workspace() -> None:
    remembered: Remembered[str] = Remembered(size=4)
    one, other = WorkspaceId(b"1" * 16), WorkspaceId(b"2" * 16)
    assert remembered.get(one, b"a", 7) is None
    remembered.put(one, b"a", 7, "yes")
    assert remembered.get(other, b"a", 8) is None
    remembered.put(other, b"a", 8, "no")
    assert (remembered.get(one, b"a", 7), remembered.get(other, b"a", 8)) == ("yes", "no")
    assert remembered.get(one, b"a", 9) is None
    remembered.put(one, b"a", 7, "yes")  # worked out before the commit
    assert remembered.get(one, b"a", 9) is None
    assert remembered.get(other, b"a", 8) == "no"
    for key in (b"b", b"c", b"d"):
        remembered.put(one, key, 9, "yes")
    assert [remembered.get(one, key, 9) for key in (b"b", b"c", b"d")] == [None, None, "yes"]  # bounded
