"""`doctor --deep` opens what requests, cases, quarantine and evidence hold, and names what does not open."""

from __future__ import annotations

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import holds, lifecycle, soundness
from registry.flows.upkeep import soundness as upkeep
from registry.flows.upkeep.soundness import Damaged
from registry.model.ids import FragmentId
from registry.store.rows import execute, query
from tests.factories import identify, ordered
from tests.simulator import Tenant

ADA, BOB = ("email", "ada@example.com"), ("user_id", "bob")


def damaged(tenant: Tenant) -> list[Damaged]:
    tenant.registry.restart()
    deployment = tenant.registry.deployment
    return [*soundness.unopenable(deployment, tenant.workspace_id), *upkeep.unopenable(deployment, tenant.workspace_id)]


def cut(tenant: Tenant, table: str, column: str, identity: bytes) -> None:
    """Take the last byte off what is sealed in these rows."""
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        where = f"workspace_id = ? AND {column} = ?"
        [*rows] = query(transaction, f"SELECT sealed FROM {table} WHERE {where}", tenant.workspace_id, identity)
        sealed = bytes(rows[0][0])[:-1]
        execute(transaction, f"UPDATE {table} SET sealed = ? WHERE {where}", sealed, tenant.workspace_id, identity)


def test_a_request_that_names_nobody_any_more_is_named(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
    whole, broken, lost = (tenant.request(Kind.ACCESS, *ADA) for _ in range(3))
    correction = tenant.request(Kind.RECTIFICATION, *ADA, traits={"first_name": "Augusta"})
    cancelled = tenant.request(Kind.ERASURE, *ADA)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    lifecycle.move_request(deployment, workspace, cancelled.request_id, Move.CANCEL, actor="person:first")
    tenant.run(whole)
    assert damaged(tenant) == []
    cut(tenant, "dsr_request", "request_id", broken.request_id)
    with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
        execute(transaction, "DELETE FROM key_bundle WHERE fragment_id = ?", lost.request_id)
        held = "UPDATE key_bundle SET wrapped = ? WHERE fragment_id = ?"
        execute(transaction, held, b"\0" * 40, correction.request_id)
    expected = {Damaged("dsr_request", FragmentId(one.request_id), 1) for one in (broken, lost, correction)}
    assert set(damaged(tenant)) == expected


def test_what_was_set_aside_is_opened_and_so_are_quarantine_and_evidence(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("ada"), identify("bob"))
    tenant.say(*BOB, "marketing", "granted", evidence="a form, page 3")
    tenant.send({"type": "track", "event": "Nonsense", "messageId": "no-1", "userId": "bob"})
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    holds.place(deployment, workspace, tenant.person(*ADA), ground="claim 1", purpose="legal", actor="person:first")
    tenant.erase(*ADA)
    assert damaged(tenant) == []
    [(case, item), *_] = tenant.registry.rows(
        "SELECT case_id, item_id FROM retained_item WHERE workspace_id = ?", tenant.workspace_id
    )
    [(shut,)] = tenant.registry.rows("SELECT quarantine_id FROM quarantine WHERE workspace_id = ?", tenant.workspace_id)
    [(record, fragment)] = tenant.registry.rows(
        "SELECT record_id, fragment_id FROM consent_record WHERE workspace_id = ? AND sealed IS NOT NULL",
        tenant.workspace_id,
    )
    cut(tenant, "retained_item", "item_id", item)
    cut(tenant, "quarantine", "quarantine_id", shut)
    cut(tenant, "consent_record", "record_id", record)
    named = (("retained_item", case), ("quarantine", shut), ("consent_record", fragment))
    assert set(damaged(tenant)) == {Damaged(table, FragmentId(bytes(one)), 1) for table, one in named}
