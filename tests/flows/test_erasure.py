"""Invariant 5: after an erasure nothing of the person is there, nothing opens it, and nobody re-creates them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from registry.dsr.requests import Kind, Move
from registry.flows.accountability import verify
from registry.flows.dsr import lifecycle
from registry.flows.opening import open_assertions, open_events, open_identifiers
from registry.flows.upkeep import rotation
from registry.model.compartment import IDENTITY
from registry.model.errors import Forbidden, KeyMissing, NotFound
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId
from registry.store import events, identities
from registry.store.erasure import INDEX_TABLES, PERSONAL_TABLES
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered, track, viewed
from tests.reliability.scan import Scanner
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

ADA = [("user_id", "ada"), ("email", "ada@example.com"), ("anonymous_id", "browser"), ("anonymous_id", "phone-app")]
BOB = [("user_id", "bob"), ("email", "bob@example.com")]


def _ada(tenant: Tenant) -> None:
    """One person with a history before and after they were known, traits, consent and a rejected message."""
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        alias("phone-app", "ada"),
    )
    tenant.send(
        viewed(anonymous="browser"), ordered("ada"), viewed(anonymous="phone-app"), track("Nonsense", "ada", note="x")
    )
    tenant.say("email", "ada@example.com", "marketing", "withdrawn", evidence="a form")


def _bob(tenant: Tenant) -> None:
    tenant.send(identify("bob", email="bob@example.com", first_name="Bob", context=consent(**ALL_YES)))
    tenant.send(viewed("bob"), ordered("bob"))


def _fragments(tenant: Tenant) -> set[bytes]:
    rows = tenant.registry.rows("SELECT fragment_id FROM fragment WHERE workspace_id = ?", tenant.workspace_id)
    return {bytes(row[0]) for row in rows}


def _opened(tenant: Tenant) -> int:
    """How many values of the workspace open with the keystore and key file as they are now."""
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    deployment.keyring.forget()
    fragments = [FragmentId(fragment) for fragment in _fragments(tenant)]
    with deployment.data.owner() as transaction:
        traits = events.assertions(transaction, workspace_id, fragments)
        known = identities.identifiers_of(transaction, workspace_id, fragments)
        stored = list(events.stream(transaction, workspace_id, fragments))
    present = {row.compartment for row in traits} | {name for row in stored for name in row.compartments.split(",")}
    grant = OpenGrant(workspace_id, frozenset({*present, IDENTITY}), "test")
    return (
        len(open_assertions(deployment, grant, traits, {}).assertions)
        + len(open_identifiers(deployment, grant, known)[0])
        + sum(bool(content) for _, content, _ in open_events(deployment, grant, stored))
    )


def test_no_row_no_key_and_no_cached_key_of_the_person_is_left(tenant: Tenant) -> None:
    _ada(tenant)
    assert tenant.traits("user_id", "ada")
    before = _fragments(tenant)
    shut = {bytes(r[0]) for r in tenant.registry.rows("SELECT quarantine_id FROM quarantine WHERE workspace_id = ?",
                                                     tenant.workspace_id)}  # fmt: skip
    assert before
    assert shut
    tenant.erase("email", "ada@example.com")
    for table in (*PERSONAL_TABLES, *INDEX_TABLES, "quarantine", "quarantine_subject", "violation"):
        named = f'"{PERSONAL_TABLES[table]}" IS NOT NULL' if table in PERSONAL_TABLES else "1 = 1"
        sql = f'SELECT count(*) FROM "{table}" WHERE workspace_id = ? AND {named}'
        count = tenant.registry.rows(sql, tenant.workspace_id)
        assert count == [(0,)], table
    keys = {bytes(row[0]) for row in tenant.registry.key_rows("SELECT fragment_id FROM key_bundle")}
    assert keys.isdisjoint(before | shut)
    cached = {fragment for _, fragment in tenant.registry.deployment.keyring._opened._opened}
    assert cached.isdisjoint(before | shut)


@pytest.mark.parametrize("by", ADA)
def test_whichever_identifier_the_request_names_the_whole_person_is_erased(tenant: Tenant, by: tuple[str, str]) -> None:
    _ada(tenant)
    _bob(tenant)
    tenant.erase(*by)
    assert [tenant.profile(*who) for who in ADA] == [None] * 4
    assert tenant.people() == {frozenset(BOB)}


@pytest.mark.parametrize("by", ADA)
def test_no_identifier_of_an_erased_person_re_creates_them_by_any_way_in(tenant: Tenant, by: tuple[str, str]) -> None:
    _ada(tenant)
    tenant.erase("user_id", "ada")
    kind, value = by
    calls: dict[str, list[dict[str, Any]]] = {
        "user_id": [
            ordered(value),
            identify(value, "new"),
            alias("other", value),
            identify(value, email="n@example.com"),
        ],
        "email": [identify("new-user", email=value), identify(None, "new", email=value.upper())],
        "anonymous_id": [viewed(anonymous=value), identify("new-user", value), alias(value, "new-user")],
    }
    receipt = tenant.send(*calls[kind])
    assert receipt.counts == {"suppressed": len(calls[kind])}
    with pytest.raises(Forbidden):
        tenant.say(kind, value, "marketing", "granted")
    with pytest.raises(NotFound):
        tenant.lookup(kind, value, "service")
    assert not tenant.check(kind, value, "service").allowed
    assert _fragments(tenant) == set()


def test_what_an_erased_person_sends_wrongly_does_not_stay_either(tenant: Tenant) -> None:
    _ada(tenant)
    tenant.erase("user_id", "ada")
    receipt = tenant.send(track("Nonsense", "ada", note="x"), ordered("ada", order_id=17))
    assert receipt.counts == {"suppressed": 2}
    assert tenant.registry.rows("SELECT * FROM quarantine WHERE workspace_id = ?", tenant.workspace_id) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "unheard-of", "userId": "ada"},
        {"type": "track", "userId": "ada", "properties": {}},
        {"type": "track", "userId": "ada", "event": "Order Completed", "properties": "none"},
        {"type": "identify", "userId": "ada", "context": {"consent": "yes"}},
        {"type": "identify", "traits": {"email": "ada@example.com"}},
        {"type": "group", "userId": "ada"},
    ],
    ids=["type", "event", "properties", "consent", "nobody", "group"],
)
def test_a_message_without_a_right_envelope_goes_with_the_person_whom_it_names(
    tenant: Tenant, broken: dict[str, Any]
) -> None:
    _bob(tenant)
    tenant.send(ordered("bob"), broken | {"messageId": "broken"}, identify("ada", email="ada@example.com"))
    assert tenant.registry.rows("SELECT count(*) FROM quarantine WHERE workspace_id = ?", tenant.workspace_id) == [(1,)]
    tenant.erase("user_id", "ada")
    assert tenant.registry.rows("SELECT * FROM quarantine WHERE workspace_id = ?", tenant.workspace_id) == []


def test_a_retry_of_what_was_sent_before_the_erasure_is_not_stored_again(tenant: Tenant) -> None:
    call = ordered("ada")
    tenant.send(call)
    tenant.erase("user_id", "ada")
    assert tenant.send(call).counts == {"suppressed": 1}
    assert _fragments(tenant) == set()


def test_erasing_one_of_two_people_who_share_a_device_leaves_the_other_as_they_were(tenant: Tenant) -> None:
    _ada(tenant)
    _bob(tenant)
    tenant.send(identify("ada", "tablet"), identify("bob", "tablet"))
    before = (tenant.traits("user_id", "bob"), tenant.timeline("user_id", "bob"))
    assert tenant.profile("user_id", "ada") != tenant.profile("user_id", "bob")
    tenant.erase("user_id", "ada")
    assert (tenant.traits("user_id", "bob"), tenant.timeline("user_id", "bob")) == before
    assert tenant.check("user_id", "bob", "marketing").allowed
    sent = [ordered("bob"), viewed("bob", "tablet"), identify("bob", "tablet", last_name="B")]
    assert tenant.send(*sent).counts == {"accepted": len(sent)}


def test_somebody_who_is_not_known_can_be_erased_and_stays_unknown(tenant: Tenant) -> None:
    tenant.erase("email", "never@example.com")
    assert tenant.send(identify("new", email="never@example.com")).counts == {"suppressed": 1}


def test_what_became_known_between_request_and_run_is_erased_too(tenant: Tenant) -> None:
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    _ada(tenant)
    tenant.send(identify("ada", "later"))
    tenant.run(request)
    assert _fragments(tenant) == set()
    assert tenant.send(ordered("ada"), viewed(anonymous="later")).counts == {"suppressed": 2}


def test_whatever_else_a_controller_names_the_person_by_is_suppressed_though_nobody_is_known_by_it(
    tenant: Tenant,
) -> None:
    """By OpenDSR: one of two identities is known here, and the other comes only after the erasure."""
    tenant.send(identify("ada", email="ada@example.com"))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = lifecycle.open_request(
        deployment, workspace, kind=Kind.ERASURE, person=tenant.person("email", "ada@example.com"),
        also=[tenant.person("user_id", "ada-elsewhere")], actor="person:first",
    )  # fmt: skip
    for move, actor in ((Move.VERIFY, "person:first"), (Move.APPROVE, "person:second")):
        lifecycle.move_request(deployment, workspace, request.request_id, move, actor=actor)
    tenant.run(request)
    for name in ("ada", "ada-elsewhere"):
        assert tenant.send(ordered(name)).counts == {"suppressed": 1}


def test_an_erasure_of_one_workspace_suppresses_nobody_in_another(shared: RegistrySimulator) -> None:
    one, other = shared.tenant("one"), shared.tenant("other")
    for tenant in (one, other):
        _ada(tenant)
    one.erase("user_id", "ada")
    assert other.send(ordered("ada")).counts == {"accepted": 1}
    assert other.traits("user_id", "ada")["first_name"] == "Ada"


def test_the_certificate_says_what_was_done_and_is_checked_with_the_public_keys_alone(tenant: Tenant) -> None:
    _ada(tenant)
    done = tenant.erase("user_id", "ada")
    kind, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    rows = {field["table"]: field["rows"] for field in claims["fields"]}  # type: ignore[index, attr-defined]
    assert kind == "dsr-certificate+jwt"
    assert claims["keys"]["bundles_destroyed"] == rows["key_bundle"] == 5  # type: ignore[index]
    assert (rows["fragment"], rows["identifier"], rows["event"], rows["quarantine"]) == (4, 4, 5, 1)
    assert claims["verification"] == {"passed": True, "rows_found_by_second_look": 0}


def test_another_process_that_had_opened_the_keys_opens_nothing_after_seconds(
    registry: RegistrySimulator,
) -> None:
    tenant = registry.tenant()
    _ada(tenant)
    clock = registry.clock
    assert isinstance(clock, SetClock)
    other = RegistrySimulator(
        registry.settings.data_dir, clock,
        database_url=registry.settings.database_url, keystore_url=registry.settings.keystore_url,
    )  # fmt: skip
    fragments = [FragmentId(fragment) for fragment in _fragments(tenant)]
    grant = OpenGrant(tenant.workspace_id, frozenset({IDENTITY}), "test")
    assert len(other.deployment.keyring.for_opening(grant, dict.fromkeys(fragments, (IDENTITY,)))) == 4
    tenant.erase("user_id", "ada")
    clock.pass_by(seconds=11)
    assert other.deployment.keyring.for_opening(grant, dict.fromkeys(fragments, (IDENTITY,))) == {}
    with pytest.raises(KeyMissing):
        other.deployment.keyring.for_sealing(tenant.workspace_id, {fragments[0]: (IDENTITY,)})
    other.close()


class TestBackups:
    """Real copies, by SQLite's own backup, of the data and of the keystore before an erasure."""

    @pytest.fixture
    def alone(self, tmp_path: Path) -> Iterator[RegistrySimulator]:
        made = RegistrySimulator(tmp_path / "live", SetClock())
        yield made
        made.close()

    @pytest.fixture
    def tenant(self, alone: RegistrySimulator, tmp_path: Path) -> Tenant:
        made = alone.tenant()
        _ada(made)
        _copy(tmp_path / "live", tmp_path / "old")
        made.erase("user_id", "ada")
        return made

    def _restored(self, folder: Path, data: str, keys: str, tenant: Tenant) -> int:
        """How much opens of one copy of the data with one copy of the keystore and today's key file."""
        here = folder / "restored"
        here.mkdir()
        for name, source in (("registry.db", data), ("keys.db", keys)):
            _copy_one(folder / source / name, here / name)
        (here / "kek.json").write_bytes((folder / "live/kek.json").read_bytes())
        (here / "kek.json").chmod(0o600)
        restored = RegistrySimulator(here, SetClock())
        try:
            known = Tenant.__new__(Tenant)
            known.registry, known.workspace_id = restored, tenant.workspace_id
            assert len(_fragments(known)) == (4 if data == "old" else 0)
            assert list(Scanner(["ada@example.com", "Nonsense"]).folder(here)) == []
            return _opened(known)
        finally:
            restored.close()

    def test_old_data_opens_with_the_old_keystore_until_the_horizon(self, tenant: Tenant, tmp_path: Path) -> None:
        assert self._restored(tmp_path, "old", "old", tenant) > 8

    def test_old_data_with_the_new_keystore_opens_nothing(self, tenant: Tenant, tmp_path: Path) -> None:
        assert self._restored(tmp_path, "old", "live", tenant) == 0

    def test_new_data_with_the_old_keystore_has_nothing_to_open(self, tenant: Tenant, tmp_path: Path) -> None:
        assert self._restored(tmp_path, "live", "old", tenant) == 0

    def test_old_data_with_the_old_keystore_opens_nothing_past_the_horizon(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        deployment = tenant.registry.deployment
        _bob(tenant)
        rotation.rotate(deployment, tenant.workspace)
        rotation.destroy(deployment, tenant.workspace_id, 1)
        with pytest.raises(KeyMissing):
            self._restored(tmp_path, "old", "old", tenant)
        # With a server that never stopped, too, and whatever else lies about: the bytes that are there tell nothing.
        assert list(Scanner(["ada@example.com", "Nonsense"]).folder(tmp_path)) == []
        assert tenant.traits("user_id", "bob")["first_name"] == "Bob"


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for name in ("registry.db", "keys.db"):
        _copy_one(source / name, target / name)


def _copy_one(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
