"""Records that are written at the same time: none takes another back, and none waits for ever, on both engines."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from registry.consent.records import ConsentStatus
from registry.dsr.requests import Kind
from registry.flows.acts import trail
from registry.flows.consent import ledger
from registry.flows.consent.ledger import Act, append_acts
from registry.flows.identity import subjects
from registry.model.ids import RecordId
from registry.store import consents
from registry.store.database import Transaction
from registry.store.rows import query
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import Tenant

ADA = ("user_id", "ada")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def _until_somebody_waits(tenant: Tenant, transaction: Transaction, other: Future[None]) -> None:
    """On SQLite whoever writes second waits from the beginning."""
    until = time.monotonic() + 20
    while not (tenant.registry.deployment.data.is_sqlite or query(transaction, WAITING)[0][0]):
        assert not other.done() and time.monotonic() < until


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
            _until_somebody_waits(tenant, transaction, other)
        other.result(20)
    assert tenant.check(*ADA, purpose).reason.value == meanwhile


@pytest.mark.parametrize("kind", [Kind.OBJECTION, None])
def test_what_is_written_on_all_of_a_person_waits_before_it_holds_the_log(
    tenant: Tenant, clock: SetClock, kind: Kind | None
) -> None:
    """An objection, or the end of a restriction, beside an act on the last of the person's fragments."""
    tenant.say("anonymous_id", "ada-browser", "marketing", "granted")
    tenant.send(identify("ada", "ada-browser"))
    deployment, workspace, person = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    before = Kind.OBJECTION if kind is not None else Kind.RESTRICTION
    tenant.run(tenant.request(before, *ADA, purposes=["marketing"]))
    clock.pass_by(seconds=1)

    def write() -> None:
        if kind is not None:
            tenant.run(tenant.request(kind, *ADA, purposes=["marketing"]))
        else:
            ledger.lift_restriction(deployment, workspace, person, actor="operator")

    with ThreadPoolExecutor(1) as beside:
        with deployment.data.write(tenant.workspace_id) as transaction:
            ids = [fragment.fragment_id for fragment in subjects.fragments_of(workspace, transaction, person)]
            [*_, row] = consents.history(transaction, tenant.workspace_id, [max(ids)])
            again = row._replace(record_id=RecordId(deployment.new_id()), acted_at=clock.now - 1)
            consents.append(transaction, [again])
            other = beside.submit(write)
            _until_somebody_waits(tenant, transaction, other)
            trail.append(
                transaction, tenant.workspace_id, clock.now, actor="app:shop", action="consent:people:listed",
                outcome="listed",
            )  # fmt: skip
        other.result(20)
    assert tenant.check(*ADA, "marketing").reason.value == ("objected" if kind is not None else "granted")
