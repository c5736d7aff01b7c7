"""A record that comes late while another is being written takes nothing back, on both engines."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.consent.records import ConsentStatus
from registry.flows.consent.ledger import Act, append_acts
from registry.flows.identity import subjects
from registry.store.database import Transaction
from registry.store.rows import query
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import Tenant

ADA = ("user_id", "ada")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def _append(tenant: Tenant, transaction: Transaction, act: Act) -> None:
    workspace, person = tenant.workspace, tenant.person(*ADA)
    [fragment] = subjects.fragments_of(workspace, transaction, person)
    append_acts(tenant.registry.deployment, workspace, transaction, fragment, [act], actor="app:shop")


@pytest.mark.parametrize(
    ("purpose", "before", "meanwhile", "late"),
    [
        ("marketing", "granted", "withdrawn", Act("marketing", ConsentStatus.GRANTED, acted_at=1)),
        ("security", "granted", "objected", Act("security", ConsentStatus.EXPIRED)),
        ("security", None, "objected", Act("security", ConsentStatus.EXPIRED)),
    ],
)
def test_what_is_recorded_beside_a_late_record_stands(
    tenant: Tenant, clock: SetClock, purpose: str, before: str | None, meanwhile: str, late: Act
) -> None:
    tenant.send(identify("ada"))
    if before is not None:
        tenant.say(*ADA, purpose, before)
    clock.pass_by(seconds=1)
    data = tenant.registry.deployment.data

    def come_late() -> None:
        with data.write(tenant.workspace_id) as transaction:
            _append(tenant, transaction, late)

    with ThreadPoolExecutor(1) as beside:
        with data.write(tenant.workspace_id) as transaction:
            _append(tenant, transaction, Act(purpose, ConsentStatus(meanwhile)))
            other = beside.submit(come_late)
            until = time.monotonic() + 20
            while not (data.is_sqlite or query(transaction, WAITING)[0][0]):
                assert not other.done() and time.monotonic() < until
        other.result(20)
    assert tenant.check(*ADA, purpose).reason.value == meanwhile
