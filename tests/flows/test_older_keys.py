"""An older keystore under today's data: what came since cannot be read, says so, and holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import holds, kept, letters, lifecycle
from registry.model.errors import Forgotten, KeyMissing
from registry.store.rows import execute
from tests.factories import identify, ordered
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant


def lose(tenant: Tenant, holders: Iterable[bytes]) -> None:
    """Take these keys out of the keystore, as a copy from before them does."""
    deployment, sql = tenant.registry.deployment, "DELETE FROM key_bundle WHERE workspace_id = ? AND fragment_id = ?"
    with deployment.keystore.write(tenant.workspace_id) as transaction:
        for holder in holders:
            assert execute(transaction, sql, tenant.workspace_id, holder) == 1
    deployment.keyring.forget()


def test_a_request_whose_key_is_lost_says_so_and_can_be_cancelled(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    lose(tenant, [request.request_id])
    with pytest.raises(Forgotten):
        tenant.run(request)
    assert tenant.profile("user_id", "ada") is not None
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    ended = lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first")
    assert ended.state == "cancelled"
    assert tenant.run(tenant.request(Kind.ERASURE, "user_id", "ada")).state == "completed"


def test_a_letter_about_an_answer_whose_person_is_erased_before_it_is_sent_goes_to_nobody(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email="ada@example.com"))
    answered = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    tenant.erase("user_id", "ada")
    letters.send_due(deployment, workspace)
    assert [one["outcome"] for one in letters.told(deployment, workspace, answered)] == ["no_address"]


def test_a_case_whose_key_is_lost_holds_up_no_other(tenant: Tenant) -> None:
    linked, mailer = tenant.registry.deployment.linked, Mailer({("records", "address"): "user.name"})
    connect(tenant.registry, mailer)
    try:
        deployment, workspace = tenant.registry.deployment, tenant.workspace
        for name in ("bob", "ada"):  # whom the mailer knows
            tenant.send(identify(name, email=f"{name}@example.com"), ordered(name))
            person = tenant.person("user_id", name)
            holds.place(deployment, workspace, person, ground="claim 1", purpose="legal", actor="person:first")
            tenant.erase("user_id", name)
        second, first = kept.listed(deployment, workspace)
        lose(tenant, [first.case_id])
        with pytest.raises(KeyMissing):
            kept.read(deployment, workspace, tenant.principal(), first.case_id, "legal")
        for hold in holds.listed(deployment, workspace):
            holds.release(deployment, workspace, hold.hold_id, actor="person:first")
        with pytest.raises(KeyMissing):
            kept.end_due(deployment, workspace, actor="operator")
        assert {one.case_id: one.ended_at is not None for one in kept.listed(deployment, workspace)} == {
            first.case_id: False, second.case_id: True,
        }  # fmt: skip
    finally:
        connect(tenant.registry, *linked)  # type: ignore[arg-type]
