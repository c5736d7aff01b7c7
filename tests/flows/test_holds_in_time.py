"""A hold that is placed, or a duty that comes or goes, while an erasure is under way: kept, or gone before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier
from typing import Any

import orjson
import pytest

from registry.dsr.holding import Duty
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import holds, kept
from registry.flows.upkeep.pairing import unused_holders
from registry.model.clock import DAY
from registry.model.errors import LinkedSystemUnavailable
from registry.store import holdings
from registry.store.database import Database, Transaction
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_interrupted_erasure import Killed
from tests.flows.test_older_data import connect
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

MOST_MOMENTS = 30
BOOKS = Duty("books", "a tax code", "legal", ("user.name",), 30 * DAY)


def _ada(tenant: Tenant) -> None:
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada"),
    )


def _before(database: Database, moment: int, act: Callable[[], None]) -> Callable[..., Any]:
    """A `Database.write` that acts once, before the data's transaction of that number begins."""
    seen, write = 0, Database.write

    @contextmanager
    def watched(self: Database, workspace_id: bytes) -> Iterator[Transaction]:
        nonlocal seen
        seen += self is database
        if self is database and seen == moment:
            act()
        with write(self, workspace_id) as transaction:
            yield transaction

    return watched


def test_a_hold_placed_at_any_moment_keeps_everything_or_comes_after_the_keys(
    registry: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, found = registry.deployment, list[tuple[bool, int]]()
    for moment in range(1, MOST_MOMENTS):
        tenant = registry.tenant()
        _ada(tenant)
        request, placed = tenant.request(Kind.ERASURE, "user_id", "ada"), list[bool]()

        def place(tenant: Tenant = tenant, placed: list[bool] = placed) -> None:
            ledger = registry.key_rows("SELECT 1 FROM erasure WHERE workspace_id = ?", tenant.workspace_id)
            placed.append(bool(ledger))
            holds.place(
                deployment, tenant.workspace, tenant.person("user_id", "ada"), ground="claim 1", purpose="legal",
                actor="person:first",
            )  # fmt: skip

        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _before(deployment.data, moment, place))
            assert tenant.run(request).state == "completed"
        if not placed:
            break
        cases = kept.listed(deployment, tenant.workspace)
        found.append((placed[0], sum(case.items for case in cases)))
        assert list(unused_holders(deployment, tenant.workspace_id)) == []
    assert {items for shredded, items in found if not shredded} == {8}
    assert {items for shredded, items in found if shredded} == {0}
    assert 5 < len(found) < MOST_MOMENTS - 1


def _under(tenant: Tenant, *duties: Duty) -> None:
    deployment = tenant.registry.deployment
    policies = replace(deployment.policies, retention=replace(deployment.policies.retention, duties=duties))
    tenant.registry.deployment = replace(deployment, policies=policies)


def _interrupted(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An erasure that was killed when its cases were noted, and nothing was sealed for them."""
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    with monkeypatch.context() as broken:
        broken.setattr(holdings, "add_items", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            tenant.run(request)
    return request


def test_a_duty_that_leaves_the_policy_while_an_erasure_is_interrupted_keeps_nothing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tenant.registry.deployment
    try:
        _ada(tenant)
        _under(tenant, BOOKS)
        request = _interrupted(tenant, monkeypatch)
        _under(tenant)
        done = tenant.run(request)
        _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
        assert "retained" not in claims
        [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
        assert (case.items, case.ended_at is not None) == (0, True)
        sql = "SELECT 1 FROM retained_item WHERE workspace_id = ?"
        assert tenant.registry.rows(sql, tenant.workspace_id) == []
    finally:
        tenant.registry.deployment = before


def test_a_duty_that_comes_or_is_renamed_while_an_erasure_is_interrupted_keeps_its_values_for_its_time(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, before = tenant.registry.clock, tenant.registry.deployment
    assert isinstance(clock, SetClock)
    try:
        _ada(tenant)
        _under(tenant, BOOKS)
        request = _interrupted(tenant, monkeypatch)
        _under(tenant, replace(BOOKS, name="accounts"))
        tenant.run(request)
        deployment, workspace = tenant.registry.deployment, tenant.workspace
        assert {case.duty: case.items for case in kept.listed(deployment, workspace)} == {"books": 0, "accounts": 2}
        clock.pass_by(days=31)
        assert [case.duty for case in kept.end_due(deployment, workspace, actor="operator")] == ["accounts"]
    finally:
        tenant.registry.deployment = before


def test_two_holds_that_end_while_a_system_is_down_leave_nothing_in_any_system(tenant: Tenant) -> None:
    linked = tenant.registry.deployment.linked
    both, contacts = (Mailer({("records", "address"): category}) for category in ("user.name", "user.contact"))
    contacts.name = "contacts"
    connect(tenant.registry, both, contacts)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    try:
        _ada(tenant)
        first, second = (
            holds.place(
                deployment, workspace, tenant.person("user_id", "ada"), ground=ground, purpose="legal",
                categories=categories, actor="person:first",
            )
            for ground, categories in (("claim 1", ("user.name", "user.contact")), ("claim 2", ("user.name",)))
        )  # fmt: skip
        tenant.run(tenant.request(Kind.ERASURE, "user_id", "ada"))
        contacts.is_down = True
        for hold, erased in ((first, 0), (second, 1)):  # the mailer keeps for the second what it kept for the first
            holds.release(deployment, workspace, hold.hold_id, actor="person:first")
            with pytest.raises(LinkedSystemUnavailable):
                kept.end_due(deployment, workspace, actor="operator")
            assert (min(both.erased, 1), contacts.erased) == (erased, 0)
        contacts.is_down = False
        ended = kept.end_due(deployment, workspace, actor="operator")
        assert contacts.erased == 1
        told = [_erased_there(tenant, case.certificate) for case in ended]
        assert told[0] == {"mailer": True, "contacts": True}  # and not what the second kept when it still stood
        assert len(told) == 2
        assert all(all(one.values()) for one in told)
    finally:
        connect(tenant.registry, *linked)  # type: ignore[arg-type]


def _erased_there(tenant: Tenant, certificate: str | None) -> dict[str, bool]:
    _, claims = verify.document(certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    return {one["system"]: one["disposition"] == "erased" for one in fields if one["system"] != "registry"}


def test_a_case_that_two_processes_end_at_once_is_ended_and_certified_once(registry: RegistrySimulator) -> None:
    deployment, cases = registry.deployment, 6
    tenant = registry.tenant()
    _ada(tenant)
    person = tenant.person("user_id", "ada")
    for number in range(cases):
        hold = holds.place(
            deployment, tenant.workspace, person, ground=f"claim {number}", purpose="legal", actor="person:first"
        )
    tenant.run(tenant.request(Kind.ERASURE, "user_id", "ada"))
    for hold in holds.listed(deployment, tenant.workspace):
        holds.release(deployment, tenant.workspace, hold.hold_id, actor="person:first")
    start = Barrier(2)

    def end() -> list[bytes]:
        start.wait()
        return [case.case_id for case in kept.end_due(deployment, tenant.workspace, actor="operator")]

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: end(), range(2))
    later = [case.case_id for case in kept.end_due(deployment, tenant.workspace, actor="operator")]
    assert sorted([*first, *second, *later]) == sorted(
        case.case_id for case in kept.listed(deployment, tenant.workspace)
    )
    log = registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    assert [orjson.loads(bytes(entry))["action"] for (entry,) in log].count("dsr:retained:erased") == cases
    assert all(case.certificate for case in kept.listed(deployment, tenant.workspace))


def test_what_duties_keep_for_years_is_left_alone_until_a_value_is_over(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, before, begun = tenant.registry.clock, tenant.registry.deployment, list[int]()
    assert isinstance(clock, SetClock)
    try:
        _under(tenant, BOOKS)
        for _ in range(2):
            _ada(tenant)
            clock.pass_by(days=10)
            tenant.send(ordered("bob"))
        tenant.erase("user_id", "ada")
        deployment, workspace = tenant.registry.deployment, tenant.workspace
        clock.pass_by(days=5)
        with monkeypatch.context() as watched:
            watched.setattr(Database, "write", _before(deployment.data, 1, lambda: begun.append(1)))
            assert kept.end_due(deployment, workspace, actor="operator") == []
        assert begun == []
        [case] = kept.listed(deployment, workspace)
        clock.pass_by(days=10)  # the first message's are over
        assert kept.end_due(deployment, workspace, actor="operator") == []
        sql = "SELECT count(*) FROM retained_item WHERE workspace_id = ?"
        [(left,)] = tenant.registry.rows(sql, tenant.workspace_id)
        assert 0 < left < case.items
        clock.pass_by(days=30)
        assert len(kept.end_due(deployment, workspace, actor="operator")) == 1
    finally:
        tenant.registry.deployment = before
