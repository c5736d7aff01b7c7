"""The second wall between workspaces: PostgreSQL's own, whatever a statement asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from registry.keys.bundle import unwrap_bundles
from registry.model.compartment import Compartment
from registry.model.errors import SealBroken, StoreUnavailable
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId
from registry.store import administration, keystore, schema
from registry.store.database import Database, Transaction
from registry.store.migrating import models
from registry.store.row_security import APPLICATION_ROLE
from registry.store.rows import execute, query
from registry.store.versions import Role
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.simulator import RegistrySimulator, Tenant

ROLES: tuple[Role, ...] = ("data", "keystore")


@pytest.fixture
def thief_and_victim(postgres_registry: RegistrySimulator) -> tuple[Tenant, Tenant]:
    thief, victim = postgres_registry.tenant(), postgres_registry.tenant()
    for one in (thief, victim):
        one.send(ordered("ada"))
        one.say("user_id", "ada", "marketing", "granted")
    return thief, victim


def _of(registry: RegistrySimulator, role: Role) -> Database:
    return registry.deployment.data if role == "data" else registry.deployment.keystore


def _stolen(victim: Tenant) -> tuple[bytes, bytes, bytes]:
    """A fragment id, a sealed event and a wrapped bundle of the victim's."""
    where = "WHERE workspace_id = ?"
    [(fragment, body)] = victim.registry.rows(f"SELECT fragment_id, body FROM event {where}", victim.workspace_id)
    [(wrapped,)] = victim.registry.key_rows(
        f"SELECT wrapped FROM key_bundle {where} AND fragment_id = ?", victim.workspace_id, fragment
    )
    return bytes(fragment), bytes(body), bytes(wrapped)


def test_a_stolen_workspace_id_fragment_id_and_ciphertext_give_nothing(
    thief_and_victim: tuple[Tenant, Tenant],
) -> None:
    thief, victim = thief_and_victim
    deployment = thief.registry.deployment
    fragment, body, wrapped = _stolen(victim)
    with deployment.data.read(thief.workspace_id) as transaction:
        for where, value in (("workspace_id", victim.workspace_id), ("fragment_id", fragment), ("body", body)):
            assert query(transaction, f"SELECT * FROM event WHERE {where} = ?", value) == []
        assert query(transaction, "SELECT DISTINCT workspace_id FROM event") == [(thief.workspace_id,)]
    with deployment.keystore.read(thief.workspace_id) as transaction:
        assert keystore.bundles(transaction, victim.workspace_id, [FragmentId(fragment)]) == {}
        assert query(transaction, "SELECT * FROM key_bundle WHERE wrapped = ?", wrapped) == []
    with pytest.raises(SealBroken):
        unwrap_bundles(deployment.kms, thief.workspace_id, [(FragmentId(fragment), wrapped)])
    grant = OpenGrant(thief.workspace_id, frozenset({Compartment("service")}), "test")
    assert deployment.keyring.for_opening(grant, {FragmentId(fragment): ()}) == {}


@pytest.mark.parametrize("role", ROLES)
def test_no_table_shows_or_gives_up_a_row_of_another_workspace(
    thief_and_victim: tuple[Tenant, Tenant], role: Role
) -> None:
    thief, victim = thief_and_victim
    database = _of(thief.registry, role)
    for table in models(role).tables:
        with database.write(thief.workspace_id) as transaction:
            seen = query(transaction, f'SELECT count(*) FROM "{table}" WHERE workspace_id <> ?', thief.workspace_id)
            assert seen == [(0,)], table
            assert execute(transaction, f'DELETE FROM "{table}" WHERE workspace_id = ?', victim.workspace_id) == 0
            assert (
                execute(
                    transaction,
                    f'UPDATE "{table}" SET workspace_id = ? WHERE workspace_id = ?',
                    thief.workspace_id,
                    victim.workspace_id,
                )
                == 0
            ), table
    assert victim.profile("user_id", "ada") is not None


def test_no_row_can_be_put_under_the_name_of_another_workspace(thief_and_victim: tuple[Tenant, Tenant]) -> None:
    thief, victim = thief_and_victim
    sentence = "INSERT INTO consent_state SELECT ?, fragment_id, 'x', record_id, status, 0, 0, 0 FROM consent_state"
    with (
        pytest.raises(StoreUnavailable, match="row-level security"),
        thief.registry.deployment.data.write(thief.workspace_id) as transaction,
    ):
        execute(transaction, sentence, victim.workspace_id)


@pytest.mark.parametrize("role", ROLES)
def test_every_table_is_behind_a_policy_that_holds_for_its_owner_too(
    postgres_registry: RegistrySimulator, role: Role
) -> None:
    flags = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
    with _of(postgres_registry, role).owner() as transaction:
        guarded = {str(row[0]) for row in query(transaction, flags)}
    assert guarded == set(models(role).tables)


def test_the_role_of_a_transaction_can_neither_bypass_policies_nor_lift_them(
    thief_and_victim: tuple[Tenant, Tenant],
) -> None:
    tenant, _ = thief_and_victim
    data = tenant.registry.deployment.data
    about = "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    with data.read(tenant.workspace_id) as transaction:
        assert query(transaction, about) == [(APPLICATION_ROLE, False, False)]
    for sentence in ("ALTER TABLE event DISABLE ROW LEVEL SECURITY", "DROP POLICY registry_workspace ON event"):
        with pytest.raises(StoreUnavailable, match="must be owner"), data.write(tenant.workspace_id) as transaction:
            execute(transaction, sentence)
    with pytest.raises(StoreUnavailable, match="row-level security"), data.write(tenant.workspace_id) as transaction:
        execute(transaction, "SET LOCAL row_security = off")
        query(transaction, "SELECT * FROM event")


def test_a_transaction_leaves_no_workspace_behind_on_its_connection(thief_and_victim: tuple[Tenant, Tenant]) -> None:
    thief, victim = thief_and_victim
    data = thief.registry.deployment.data
    for one in (thief, victim, thief):
        with data.read(one.workspace_id) as transaction:
            assert query(transaction, "SELECT DISTINCT workspace_id FROM event") == [(one.workspace_id,)]
    with data.directory() as transaction:
        assert {row.workspace_id for row in administration.workspaces(transaction)} >= {
            thief.workspace_id,
            victim.workspace_id,
        }
        for table in ("event", "source", "credential", "identifier", "audit_entry"):
            assert _count(transaction, table) == 0, table


def test_a_presented_key_shows_its_own_row_and_no_other(thief_and_victim: tuple[Tenant, Tenant]) -> None:
    thief, victim = thief_and_victim
    data, row = thief.registry.deployment.data, victim.source.row
    with data.presenting(row.write_key_hash) as transaction:
        assert query(transaction, "SELECT source_id FROM source") == [(row.source_id,)]
        assert [_count(transaction, table) for table in ("credential", "workspace", "event")] == [0, 0, 0]


def _count(transaction: Transaction, table: str) -> int:
    return int(query(transaction, f'SELECT count(*) FROM "{table}"')[0][0])


@contextmanager
def _plain_owner(server: str, name: str) -> Iterator[tuple[str, str]]:
    """The URLs of two databases of a role that may log in and make roles, and is no superuser."""
    url = make_url(server)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(name)))
        for database in (name, f"{name}_keys"):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(name))
            )
    of_role = url.set(username=name)
    yield (
        of_role.set(database=name).render_as_string(hide_password=False),
        of_role.set(database=f"{name}_keys").render_as_string(hide_password=False),
    )
    with psycopg.connect(plain, autocommit=True) as connection:
        for database in (name, f"{name}_keys"):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def plain_registry(postgres_server: str, tmp_path: Path) -> Iterator[RegistrySimulator]:
    """A registry whose databases are an ordinary role's."""
    with psycopg.connect(
        make_url(postgres_server).set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APPLICATION_ROLE,)).fetchone()
        if exists is None:
            connection.execute(f"CREATE ROLE {APPLICATION_ROLE} NOLOGIN")
        with _plain_owner(postgres_server, "plainowner") as (data, keys):
            connection.execute(f"GRANT {APPLICATION_ROLE} TO plainowner")
            made = RegistrySimulator(tmp_path, SetClock(), database_url=data, keystore_url=keys)
            yield made
            made.close()


def test_an_ordinary_owner_of_the_databases_needs_no_superuser(plain_registry: RegistrySimulator) -> None:
    tenant = plain_registry.tenant()
    assert tenant.send(ordered("ada")).counts == {"accepted": 1}
    with plain_registry.deployment.data.read(tenant.workspace_id) as transaction:
        assert _count(transaction, "event") == 1
    assert plain_registry.rows("SELECT * FROM event") == [], "the owner, too, is behind the policies"


def test_who_stands_how_is_told_again_after_an_ordinary_owner_took_the_schema_back(
    plain_registry: RegistrySimulator,
) -> None:
    tenant = plain_registry.tenant()
    tenant.send(*(identify(user) for user in ("ada", "bob", "eve")))
    data = plain_registry.deployment.data
    schema.downgrade(data, "data", "0026")
    schema.upgrade(data, "data")
    plain_registry.restart()
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    told = "SELECT position FROM standing_change WHERE position > 0"
    with plain_registry.deployment.data.read(tenant.workspace_id) as transaction:
        assert query(transaction, told) == [(1,)]


def test_a_migration_of_an_ordinary_owner_finds_the_rows_that_it_moves(plain_registry: RegistrySimulator) -> None:
    tenant = plain_registry.tenant()
    tenant.send(identify("ada"))
    tenant.say("user_id", "ada", "marketing", "granted")
    data, fed = plain_registry.deployment.data, "SELECT count(*) FROM consent_feed"
    for target in ("0018", None):
        if target is not None:
            schema.downgrade(data, "data", target)
        else:
            schema.upgrade(data, "data")
        assert plain_registry.rows("SELECT * FROM consent_record") == [], "the owner is bound again after it"
    plain_registry.restart()
    with data.read(tenant.workspace_id) as transaction:
        assert query(transaction, fed) == query(transaction, "SELECT count(*) FROM consent_record") == [(1,)]


def test_a_point_read_sees_one_workspace_after_the_other_and_writes_nothing(
    thief_and_victim: tuple[Tenant, Tenant],
) -> None:
    thief, victim = thief_and_victim
    data = thief.registry.deployment.data
    for _ in range(3):
        for own in (thief, victim):
            rows = data.point_read(own.workspace_id, "SELECT DISTINCT workspace_id FROM event WHERE body <> ?", b"")
            assert rows == [(own.workspace_id,)]
    with pytest.raises(StoreUnavailable):
        data.point_read(thief.workspace_id, "DELETE FROM event WHERE body <> ? RETURNING body", b"")
    assert data.point_read(thief.workspace_id, "SELECT count(*) FROM event") == [(1,)]


def test_a_point_read_goes_on_after_the_server_has_dropped_every_connection(
    thief_and_victim: tuple[Tenant, Tenant],
) -> None:
    thief, _ = thief_and_victim
    data, count = thief.registry.deployment.data, "SELECT count(*) FROM event"
    assert data.point_read(thief.workspace_id, count) == [(1,)]
    with data.owner() as transaction:
        others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert query(transaction, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {others}")
    assert data.point_read(thief.workspace_id, count) == [(1,)]
