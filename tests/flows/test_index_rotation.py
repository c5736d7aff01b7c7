"""The blind-index key changes while everything goes on: nobody is lost, nobody comes twice, nothing stays behind."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.consent.permitted import filter_people
from registry.flows.dsr import erasure
from registry.flows.upkeep import reindexing, rotation
from registry.flows.workspace import PUBLISHED_BEFORE_USE, STORED_BEFORE_MOVE, open_workspace
from registry.model.clock import SECOND
from registry.model.errors import Conflict, KeyMissing, SealBroken, StoreUnavailable
from registry.store import second_look
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, track
from tests.simulator import ALL_YES, Tenant

ACTOR = "person:admin"
COLUMNS = (
    ("identifier", "blind_index"), ("fragment", "anchor"), ("link", "low"), ("link", "high"), ("refused_link", "low"),
    ("refused_link", "high"), ("steward_decision", "low"), ("steward_decision", "high"),
)  # fmt: skip


def _people(tenant: Tenant, count: int = 6) -> None:
    """Each with two identifiers; two who share an e-mail address, which a rule keeps apart, and two kept apart."""
    for number in range(count):
        tenant.send(
            identify(f"u{number}", email=f"u{number}@people.example", context=consent(**ALL_YES)),
            ordered(f"u{number}"),
        )  # fmt: skip
    tenant.send(identify("u1", email="u0@people.example", context=consent(**ALL_YES)))
    tenant.keep_apart(("user_id", "u2"), ("user_id", "u3"))


def _indexes(tenant: Tenant) -> set[bytes]:
    """Every blind index that stands anywhere in the workspace's rows."""
    found: set[bytes] = set()
    for table, column in COLUMNS:
        sql = f"SELECT {column} FROM {table} WHERE workspace_id = ?"
        found |= {bytes(row[0]) for row in tenant.registry.rows(sql, tenant.workspace_id)}
    return found


def _rotating(tenant: Tenant, clock: SetClock) -> None:
    """Add a key, and let the time pass until identifiers may move."""
    reindexing.begin(tenant.registry.deployment, tenant.workspace, actor=ACTOR)
    clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)


def _seen(tenant: Tenant) -> list[Any]:
    """What the interface says of the people."""
    people = [tenant.person("user_id", f"u{number}") for number in range(6)]
    return [
        tenant.people(),
        filter_people(tenant.registry.deployment, tenant.workspace, people, "marketing"),
        [tenant.check("user_id", f"u{number}", "analytics").allowed for number in range(6)],
        [tenant.traits("email", f"u{number}@people.example") for number in range(2, 6)],
        tenant.profile("email", "u4@people.example") == tenant.profile("user_id", "u4"),
    ]


def test_who_is_new_is_taken_by_a_server_that_knew_its_keys_right_before_the_new_one_counts(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(tenant)
    reindexing.begin(tenant.registry.deployment, tenant.workspace, actor=ACTOR)
    clock.pass_by(seconds=PUBLISHED_BEFORE_USE / SECOND - 1)
    assert tenant.workspace.indexer.version == 1
    ready = reindexing.movable_at(tenant.registry.deployment, tenant.workspace_id)
    assert ready is not None
    clock.pass_by(seconds=(ready - clock()) / SECOND)
    looks: list[int] = []

    def look(moved: int, total: int) -> None:
        looks.append(moved)
        if len(looks) < 3:
            tenant.send(ordered(f"new{moved}"))

    monkeypatch.setattr(reindexing, "PAGE", 5)
    reindexing.go_on(tenant.registry.deployment, tenant.workspace_id, actor=ACTOR, progress=look)
    assert len(looks) > 2


def test_every_look_up_is_right_before_while_and_after_identifiers_move(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    before, seen = _indexes(tenant), _seen(tenant)
    reindexing.begin(deployment, tenant.workspace, actor=ACTOR)
    assert _seen(tenant) == seen
    with pytest.raises(Conflict, match="getting to know"):
        reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    with pytest.raises(Conflict, match="not all moved"):
        reindexing.begin(deployment, tenant.workspace, actor=ACTOR)
    clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)
    looks: list[tuple[int, int]] = []

    def look(moved: int, total: int) -> None:
        assert _seen(tenant) == seen, "in between, each is found where they are"
        looks.append((moved, total))
        if len(looks) < 3:  # who comes while identifiers move comes under the new key, behind those that move
            tenant.send(ordered("u0"), ordered(f"new{moved}"), identify("u5", email="u5@people.example"))
        seen[0] = tenant.people()

    monkeypatch.setattr(reindexing, "PAGE", 5)
    assert reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR, progress=look) == 2
    assert len(looks) > 2
    assert not _indexes(tenant) & before, "nothing in any table is under the old key"
    clock.pass_by(seconds=60)
    assert not tenant.workspace.indexer.several
    assert _seen(tenant) == seen
    groups = [identifier for group in tenant.people() for identifier in group]
    assert len(groups) == len(set(groups)), "nobody is there twice"
    tenant.send(identify("u2", email="u3@people.example"))
    assert tenant.profile("user_id", "u2") != tenant.profile("user_id", "u3"), "the steward's word still counts"
    found = rotation.status(deployment, tenant.workspace_id)
    assert {key.version: key.state for key in found.own if key.name == "blind-index"} == {1: "retired", 2: "current"}
    assert found.moves[0].finished_at is not None
    assert reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR) is None


def test_a_move_that_stops_anywhere_goes_on_from_its_last_page(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    before, seen = _indexes(tenant), _seen(tenant)
    _rotating(tenant, clock)
    monkeypatch.setattr(reindexing, "PAGE", 3)
    ways: list[int] = []

    def stop(moved: int, _total: int) -> None:
        ways.append(moved)
        raise KeyboardInterrupt

    while rotation.status(deployment, tenant.workspace_id).moves == () or ways[-1] < len(before):
        with suppress(KeyboardInterrupt):
            reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR, progress=stop)
        assert _seen(tenant) == seen
    assert ways == sorted(set(ways)), "no page is done twice"
    reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    assert not _indexes(tenant) & before
    assert _seen(tenant) == seen


def test_a_writer_that_does_not_know_the_new_key_makes_nobody_twice(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    stale = open_workspace(deployment, tenant.workspace_id)
    people = tenant.people()
    _rotating(tenant, clock)
    reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    tenant.registry.workspaces._opened[tenant.workspace_id] = (clock() + SECOND, stale)
    with pytest.raises(StoreUnavailable, match="rotated"):
        tenant.send(ordered("u1"))
    clock.pass_by(seconds=2)
    tenant.send(ordered("u1"))
    assert tenant.people() == people


def test_an_erasure_asked_for_under_the_old_key_finds_everything_under_the_new(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    tenant.send(track("Order Completed", "rejected", products=7))
    asked = [tenant.request(Kind.ERASURE, "user_id", name) for name in ("u4", "rejected")]
    scoped = tenant.request(Kind.ERASURE, "user_id", "u5")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(erasure, "_delete_events", die)
        patch.setattr(type(deployment.keyring), "shred", lambda *_, **_more: 0)
        tenant.run(scoped)  # its scope is written down by the old indexes
    _rotating(tenant, clock)
    reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    for request in (*asked, scoped):
        assert tenant.run(request).certificate is not None
    fragments = {bytes(row[0]) for row in tenant.registry.rows("SELECT fragment_id FROM fragment")}
    with deployment.data.read(tenant.workspace_id) as transaction:
        for name in ("u4", "u5", "rejected"):
            person = tenant.person("user_id", name)
            indexes = tenant.workspace.indexer.every(person.kind, person.value)
            assert second_look.remaining(transaction, tenant.workspace_id, indexes) == {}
    assert fragments
    tenant.send(ordered("u4"), ordered("u5"))
    assert tenant.profile("user_id", "u4") is None, "a suppression outlives the key"


def test_identifiers_that_do_not_open_stay_where_they_are_found_and_are_told(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    person = tenant.person("user_id", "u4")
    old = tenant.workspace.indexer.index(person.kind, person.value)
    sql = "SELECT sealed FROM identifier WHERE workspace_id = ? AND blind_index = ?"
    sealed = bytes(tenant.registry.rows(sql, tenant.workspace_id, old)[0][0])

    def put(value: bytes) -> None:
        with deployment.data.write(tenant.workspace_id) as transaction:
            update = "UPDATE identifier SET sealed = ? WHERE workspace_id = ? AND blind_index = ?"
            assert execute(transaction, update, value, tenant.workspace_id, old) == 1

    put(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    _rotating(tenant, clock)
    for _ in range(2):
        with pytest.raises(SealBroken, match="1 identifiers do not open"):
            reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    assert tenant.check("user_id", "u4", "analytics").allowed
    put(sealed)
    assert reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR) == 2


def test_a_keystore_from_before_the_rotation_opens_nothing_instead_of_finding_nobody(
    tenant: Tenant, clock: SetClock
) -> None:
    deployment = tenant.registry.deployment
    _people(tenant)
    _rotating(tenant, clock)
    reindexing.go_on(deployment, tenant.workspace_id, actor=ACTOR)
    with deployment.keystore.write(tenant.workspace_id) as transaction:
        sql = "DELETE FROM workspace_secret WHERE workspace_id = ? AND name = 'blind-index' AND version = 2"
        assert execute(transaction, sql, tenant.workspace_id) == 1
    with pytest.raises(KeyMissing, match="older than the data"):
        open_workspace(deployment, tenant.workspace_id)
