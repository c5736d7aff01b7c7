"""A request's deadline: moved by pauses and by one extension, as its law counts; and who may approve."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from registry.access.policy import PrincipalKind
from registry.dsr.requests import Kind, Move
from registry.dsr.verification import Seen
from registry.flows.access import credentials
from registry.flows.accountability import verify
from registry.flows.dsr import escalation, lifecycle, moves, planning, proving
from registry.model.clock import to_datetime
from registry.model.errors import Conflict, Forbidden
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify, ordered, track
from tests.simulator import RegistrySimulator, Tenant


def _open(tenant: Tenant, kind: Kind = Kind.ACCESS, law: str = "gdpr", by: str = "person:first") -> StoredRequest:
    person = tenant.person("email", "ada@example.com")
    deployment = tenant.registry.deployment
    return lifecycle.open_request(deployment, tenant.workspace, kind=kind, person=person, actor=by, jurisdiction=law)


def _move(tenant: Tenant, request: StoredRequest, by: Move, actor: str = "person:first") -> StoredRequest:
    return lifecycle.move_request(tenant.registry.deployment, tenant.workspace, request.request_id, by, actor=actor)


def _extend(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return moves.extend(
        tenant.registry.deployment, tenant.workspace, request.request_id, reason="complex", channel="letter",
        notified_at=None, actor="person:first",
    )  # fmt: skip


def _days(request: StoredRequest, since: StoredRequest) -> int:
    return (to_datetime(request.respond_by).date() - to_datetime(since.respond_by).date()).days


@pytest.fixture(autouse=True)
def _later(clock: SetClock) -> None:
    """Every test begins on the first of a month whose days after a month are working days."""
    moment = datetime(2026, 4, 1, 12, tzinfo=UTC)
    clock.now = max(clock.now, int(moment.timestamp()) * 1_000_000)


def test_a_pause_moves_the_deadline_by_the_days_that_it_took(tenant: Tenant, clock: SetClock) -> None:
    opened = _open(tenant)
    _move(tenant, opened, Move.PAUSE)
    clock.pass_by(days=14)
    resumed = _move(tenant, opened, Move.RESUME)
    assert _days(resumed, opened) in range(12, 17), "fourteen days; either may roll over a weekend"
    law = tenant.registry.deployment.policies.jurisdictions.get("gdpr")
    assert to_datetime(resumed.respond_by).weekday() < 5
    assert law.pauses


def test_a_request_that_is_late_is_not_made_punctual_by_a_pause_or_an_extension_in_it(
    tenant: Tenant, clock: SetClock
) -> None:
    opened, californian = _open(tenant), _open(tenant, law="ccpa")
    clock.pass_by(days=50)
    with pytest.raises(Conflict, match="time to answer is over"):
        _move(tenant, opened, Move.PAUSE)
    with pytest.raises(Conflict, match="time to answer is over"):
        _extend(tenant, opened)
    assert _move(tenant, californian, Move.PAUSE).respond_by == californian.respond_by, "which stops no clock there"


def test_two_pauses_count_together_and_an_extension_counts_from_the_receipt(tenant: Tenant, clock: SetClock) -> None:
    opened = _open(tenant)
    for _ in range(2):
        _move(tenant, opened, Move.PAUSE)
        clock.pass_by(days=3)
        paused = _move(tenant, opened, Move.RESUME)
    assert _days(paused, opened) in range(4, 9)
    extended = _extend(tenant, opened)
    assert 55 < _days(extended, paused) < 66, "two further months"
    with pytest.raises(Conflict):
        _extend(tenant, opened)
    _, events = lifecycle.get(tenant.registry.deployment, tenant.workspace, opened.request_id)
    assert [event.action for event in events] == ["open", "pause", "resume", "pause", "resume", "extend"]
    assert '"reason":"complex"' in (events[-1].details or "")


def test_where_the_law_does_not_pause_the_deadline_stays(tenant: Tenant, clock: SetClock) -> None:
    opened = _open(tenant, law="ccpa")
    _move(tenant, opened, Move.PAUSE)
    clock.pass_by(days=20)
    assert _move(tenant, opened, Move.RESUME).respond_by == opened.respond_by


def test_an_answer_that_is_late_cannot_be_put_off(tenant: Tenant, clock: SetClock) -> None:
    opened = _open(tenant)
    clock.pass_by(days=40)
    with pytest.raises(Conflict):
        _extend(tenant, opened)
    with pytest.raises(Conflict):
        _extend(tenant, _open(tenant, law="lgpd"))


def test_a_californian_request_is_held_to_the_deadlines_of_california(tenant: Tenant) -> None:
    deployment, person = tenant.registry.deployment, tenant.person("email", "ada@example.com")
    for kind in (Kind.KNOW, Kind.DELETE, Kind.OPT_OUT, Kind.LIMIT):
        row = lifecycle.open_request(deployment, tenant.workspace, kind=kind, person=person, actor="app:shop")
        assert row.jurisdiction == "ccpa"


def test_opting_out_refuses_what_sells_and_deleting_erases(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
    tenant.say("email", "ada@example.com", "marketing", "granted")
    assert tenant.check("email", "ada@example.com", "marketing").allowed
    assert tenant.run(tenant.request(Kind.OPT_OUT, "email", "ada@example.com")).state == "completed"
    assert not tenant.check("email", "ada@example.com", "marketing").allowed
    assert tenant.check("email", "ada@example.com", "service").allowed
    done = tenant.run(tenant.request(Kind.DELETE, "email", "ada@example.com"))
    assert verify.document(done.certificate or "", tenant.workspace.jwks())[1]["request"]["kind"] == "delete"  # type: ignore[index]
    assert tenant.profile("user_id", "ada") is None


def _key(tenant: Tenant, name: str, owner: str | None = None, kind: PrincipalKind = PrincipalKind.PERSON) -> str:
    made = credentials.create_key(
        tenant.registry.deployment, tenant.workspace_id, kind=kind, role="compliance_officer", name=name, owner=owner,
        actor="operator",
    )  # fmt: skip
    return made.secret


@pytest.mark.parametrize(
    ("one", "other", "passes"),
    [
        (("officer", None), ("officer", None), False),  # two keys of one name say of nobody that there are two
        (("Officer", None), (" officer ", None), False),
        (("desk", "Maria"), ("laptop", "maria"), False),
        (("desk", "Maria"), ("maria", None), False),
        (("desk", "Maria"), ("laptop", "Jo"), True),
        (("officer", "Maria"), ("officer", "Jo"), True),
    ],
)
def test_four_eyes_are_two_people_whatever_their_keys_are_called(
    tenant: Tenant, one: tuple[str, str | None], other: tuple[str, str | None], passes: bool
) -> None:
    first, second = tenant.principal(_key(tenant, *one)), tenant.principal(_key(tenant, *other))
    deployment, person = tenant.registry.deployment, tenant.person("email", "ada@example.com")
    opened = lifecycle.open_request(
        deployment, tenant.workspace, kind=Kind.ERASURE, person=person, actor=first.actor, owner=first.owner
    )
    _move(tenant, opened, Move.VERIFY)

    def approve() -> StoredRequest:
        return lifecycle.move_request(
            deployment, tenant.workspace, opened.request_id, Move.APPROVE, actor=second.actor, owner=second.owner
        )

    if passes:
        assert approve().approved_by == second.actor
        return
    with pytest.raises(Forbidden):
        approve()


def test_an_app_does_not_approve_an_erasure(tenant: Tenant) -> None:
    robot = tenant.principal(_key(tenant, "robot", kind=PrincipalKind.APP))
    opened = _open(tenant, Kind.ERASURE)
    _move(tenant, opened, Move.VERIFY)
    with pytest.raises(Forbidden):
        _move(tenant, opened, Move.APPROVE, robot.actor)


def test_the_plan_of_an_erasure_is_what_its_certificate_accounts_for(tenant: Tenant) -> None:
    tenant.send(identify("ada", "phone", email="ada@example.com"), ordered("ada"), track("Nonsense", "ada", note="x"))
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    plan = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    planned = {(a.table, a.field): (a.disposition.value, a.ground) for a in plan.systems[0].accounts}
    rows = {a.table: a.rows for a in plan.systems[0].accounts if a.disposition.value == "erased"}
    done = tenant.run(request)
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    fields = claims["fields"]
    certified = {(f["table"], f["field"]): (f["disposition"], f.get("ground")) for f in fields}  # type: ignore[attr-defined]
    assert certified == planned
    erased = {f["table"]: f["rows"] for f in fields if f["disposition"] == "erased"}  # type: ignore[attr-defined]
    assert erased == rows
    assert rows["event"] == 2
    assert rows["quarantine"] == rows["violation"] == 1
    with pytest.raises(Conflict):
        planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)


def test_whoever_runs_an_erasure_is_who_certifies_it(registry: RegistrySimulator) -> None:
    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    tenant.erase("user_id", "ada")
    entries = [bytes(row[0]).decode() for row in registry.rows("SELECT entry FROM audit_entry")]
    certified = [entry for entry in entries if "dsr:certificate:issued" in entry]
    assert len(certified) == 1
    assert '"actor":"person:second"' in certified[0]


def test_a_row_that_the_eraser_does_not_know_is_found_by_the_second_look(registry: RegistrySimulator) -> None:
    from sqlalchemy import text

    from registry.store import row_security

    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    deployment = registry.deployment
    kind = "BLOB" if deployment.data.is_sqlite else "BYTEA"
    with deployment.data.owner(writes=True) as transaction:
        transaction.execute(text(f"CREATE TABLE forgotten (workspace_id {kind}, fragment_id {kind})"))
        transaction.execute(text("INSERT INTO forgotten SELECT workspace_id, fragment_id FROM fragment"))
        row_security.protect(transaction)  # as an upgrade would
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    with pytest.raises(Conflict) as caught:
        tenant.run(request)
    assert caught.value.extra["remaining"] == {"forgotten": 2}
    with deployment.data.owner(writes=True) as transaction:
        transaction.execute(text("DELETE FROM forgotten"))
    assert tenant.run(request).state == "completed"


def test_a_law_that_leaves_the_policy_takes_neither_the_deadline_nor_the_way_forward(
    tenant: Tenant, clock: SetClock
) -> None:
    registry = tenant.registry
    tenant.send(identify("ada", email="ada@example.com"))
    opened, other = _open(tenant, law="lgpd"), _open(tenant, law="uk_gdpr")
    for one in (opened, other):
        _move(tenant, one, Move.PAUSE)
    laws = registry.deployment.policies.jurisdictions
    kept = {name: law for name, law in laws.by_name.items() if name not in ("lgpd", "uk_gdpr")}
    policies = replace(registry.deployment.policies, jurisdictions=replace(laws, by_name=kept))
    deployment = replace(registry.deployment, policies=policies, officers=("officer@example.com",))
    workspace = tenant.workspace
    assert escalation.without_law(deployment, workspace) == {"lgpd": 1, "uk_gdpr": 1}
    clock.pass_by(days=10)
    assert escalation.warn(deployment, workspace) == 1, "a paused one is warned of, too: nothing says that it may stand"
    with pytest.raises(Conflict):
        moves.extend(
            deployment, workspace, opened.request_id, reason="complex", channel="letter", notified_at=None,
            actor="person:first",
        )  # fmt: skip
    for one in (opened, other):
        seen = proving.by_officer(deployment, workspace, one.request_id, actor="person:first", seen=[Seen.IN_PERSON])
        assert (seen.state, seen.respond_by) == ("verified", one.respond_by)
        lifecycle.move_request(deployment, workspace, one.request_id, Move.APPROVE, actor="person:first")
        assert lifecycle.run(deployment, workspace, one.request_id, actor="person:first").state == "completed"
    assert escalation.without_law(deployment, workspace) == {}
