"""Signing in to the console: what opens a session, what ends it, and what guessing comes to."""

from __future__ import annotations

import pyotp
import pytest
from argon2 import PasswordHasher

from registry.access.policy import PrincipalKind
from registry.flows.access import accounts, credentials, sessions
from registry.flows.access.accounts import Secrets
from registry.flows.access.sessions import Opened
from registry.keys import passwords
from registry.model.errors import InvalidInput, NotFound, Overloaded, Unauthenticated
from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant


class Desk:
    """A workspace with one account, and the person who signs in with it."""

    def __init__(self, registry: RegistrySimulator, clock: SetClock) -> None:
        self.registry, self.clock = registry, clock
        self.tenant: Tenant = registry.tenant()
        self.secrets = self.account("dana")

    def account(self, name: str) -> Secrets:
        return accounts.create(
            self.registry.deployment, self.tenant.workspace, name=name, role="compliance_officer",
            purposes=frozenset({"service"}), actor="operator",
        )  # fmt: skip

    def code(self, secrets: Secrets | None = None) -> str:
        return pyotp.TOTP((secrets or self.secrets).totp_secret).at(self.clock() // 1_000_000)

    def sign_in(self, name: str = "dana", password: str | None = None, code: str | None = None) -> Opened:
        given = password or self.secrets.password
        return sessions.sign_in(self.registry.deployment, self.tenant.workspace, name, given, code or self.code())

    def holder(self, opened: Opened) -> str:
        return sessions.principal_in(self.registry.deployment, opened.token).actor


@pytest.fixture
def desk(shared: RegistrySimulator, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Passwords are hashed cheaply: how dear a guess is has tests of its own."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return Desk(shared, clock)


def test_a_password_and_a_code_open_a_session_for_the_account(desk: Desk) -> None:
    opened = desk.sign_in()
    assert desk.holder(opened) == "person:dana"
    assert opened.principal.purposes == {"service"}
    assert opened.principal.owner == "person:dana"


@pytest.mark.parametrize("wrong", [{"name": "nobody"}, {"password": "guess"}, {"code": "000000"}, {"code": "é"}])
def test_what_was_wrong_is_not_told(desk: Desk, wrong: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated) as error:
        desk.sign_in(**wrong)
    assert error.value.detail == sessions.WRONG


def test_a_code_opens_one_session_only(desk: Desk) -> None:
    code = desk.code()
    desk.sign_in(code=code)
    with pytest.raises(Unauthenticated):
        desk.sign_in(code=code)
    desk.clock.pass_by(seconds=31)
    desk.sign_in()


@pytest.mark.parametrize("name", ["dana", "nobody"])
def test_after_five_wrong_tries_a_name_waits_whether_or_not_it_exists(desk: Desk, name: str) -> None:
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            desk.sign_in(name, "guess")
    with pytest.raises(Overloaded) as error:
        desk.sign_in(name)
    assert error.value.retry_after_s == 30
    desk.clock.pass_by(seconds=31)
    with pytest.raises(Unauthenticated):
        desk.sign_in(name, "guess")
    with pytest.raises(Overloaded) as error:
        desk.sign_in(name)
    assert error.value.retry_after_s == 60


def test_a_right_try_begins_the_count_anew(desk: Desk) -> None:
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(Unauthenticated):
                desk.sign_in(password="guess")
        desk.clock.pass_by(seconds=31)
        desk.sign_in()


def test_a_session_ends_when_nobody_uses_it_and_after_a_day_of_work(desk: Desk) -> None:
    idle = desk.sign_in()
    desk.clock.pass_by(seconds=29 * 60)
    assert desk.holder(idle)
    desk.clock.pass_by(seconds=29 * 60)
    assert desk.holder(idle)
    desk.clock.pass_by(seconds=31 * 60)
    with pytest.raises(Unauthenticated):
        desk.holder(idle)
    busy = desk.sign_in()
    for _ in range(23):
        desk.clock.pass_by(seconds=25 * 60)
        assert desk.holder(busy)
    desk.clock.pass_by(seconds=26 * 60)
    with pytest.raises(Unauthenticated):
        desk.holder(busy)


def test_signing_out_disabling_and_new_secrets_end_sessions_at_once(desk: Desk) -> None:
    deployment, workspace = desk.registry.deployment, desk.tenant.workspace
    out = desk.sign_in()
    sessions.sign_out(deployment, out.principal, out.token)
    desk.clock.pass_by(seconds=31)
    reset = desk.sign_in()
    desk.secrets = accounts.reset(deployment, workspace, "dana", actor="operator")
    disabled = desk.sign_in()
    accounts.disable(deployment, workspace, "dana", actor="operator")
    for ended in (out, reset, disabled):
        with pytest.raises(Unauthenticated):
            desk.holder(ended)
    desk.clock.pass_by(seconds=31)
    with pytest.raises(Unauthenticated):
        desk.sign_in()
    with pytest.raises(NotFound):
        accounts.disable(deployment, workspace, "dana", actor="operator")


def test_a_persons_key_opens_a_session_that_ends_with_the_key(desk: Desk) -> None:
    deployment, tenant = desk.registry.deployment, desk.tenant
    made = credentials.create_key(
        deployment, tenant.workspace_id, kind=PrincipalKind.PERSON, role="auditor", name="an auditor", actor="operator"
    )
    opened = sessions.sign_in_by_key(deployment, made.secret)
    assert desk.holder(opened) == "person:an auditor"
    credentials.revoke_key(deployment, tenant.workspace_id, made.identity, actor="operator")
    with pytest.raises(Unauthenticated):
        desk.holder(opened)
    with pytest.raises(Unauthenticated):
        sessions.sign_in_by_key(deployment, tenant.keys.app)


def test_neither_tokens_nor_secrets_nor_tried_names_lie_in_the_database(desk: Desk) -> None:
    opened = desk.sign_in()
    with pytest.raises(Unauthenticated):
        desk.sign_in("tried.name", "tried password")
    shown = {opened.token, desk.secrets.password, desk.secrets.totp_secret, "tried.name", "tried password"}
    for table in ("account", "session", "tries", "audit_entry"):
        rows = desk.registry.rows(f"SELECT * FROM {table} WHERE workspace_id = ?", desk.tenant.workspace_id)
        cells = [
            bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for r in rows for cell in r
        ]
        assert cells
        assert not [secret for secret in shown for cell in cells if secret.encode() in cell]


def test_another_workspace_does_not_know_the_account(desk: Desk) -> None:
    other = desk.registry.tenant()
    with pytest.raises(Unauthenticated):
        sessions.sign_in(desk.registry.deployment, other.workspace, "dana", desk.secrets.password, desk.code())


@pytest.mark.parametrize("name", ["Dana", "dana@example.com", "d", "", "dana smith"])
def test_an_accounts_name_is_a_plain_word_and_taken_once(desk: Desk, name: str) -> None:
    with pytest.raises(InvalidInput):
        desk.account(name)
    with pytest.raises(InvalidInput):
        desk.account("dana")


def test_a_form_token_is_of_one_session(desk: Desk) -> None:
    one = desk.sign_in()
    desk.clock.pass_by(seconds=31)
    other = desk.sign_in()
    assert sessions.is_form_token(one.token, sessions.form_token(one.token))
    assert not sessions.is_form_token(one.token, sessions.form_token(other.token))
    assert not sessions.is_form_token(one.token, "")
