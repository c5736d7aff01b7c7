"""Row-level security on PostgreSQL: the second wall between workspaces (DESIGN invariant 10).

Every table with a `workspace_id` has a policy that shows a transaction the rows of its own workspace alone.
Each transaction begins as the role `registry_app`, which owns nothing and may not bypass policies, and names
its workspace (`SET LOCAL`: both end with the transaction); sessions of point reads, which begin none, do so for
good, and name the workspace whenever it is another. A statement that forgets its WHERE, or is given
another tenant's ids, finds nothing. What the wall is not: a session that an attacker holds may name any
workspace; there the keys stand (docs/security.md).

Two looks are wider, each by a policy of its own: which workspaces there are, and whose key is presented.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

APPLICATION_ROLE = "registry_app"
"""The role of every transaction but the schema's own. It cannot log in, owns nothing, bypasses nothing."""

_OWN = "workspace_id = decode(current_setting('registry.workspace', true), 'hex')"
_PRESENTED = "decode(current_setting('registry.presented', true), 'hex')"

WIDER = {
    "workspace": ("registry_directory", "current_setting('registry.directory', true) = 'on'"),
    "source": ("registry_presented", f"write_key_hash = {_PRESENTED}"),
    "credential": ("registry_presented", f"key_hash = {_PRESENTED}"),
    "session": ("registry_presented", f"session_hash = {_PRESENTED}"),
}
"""Table -> the name and the condition of the policy that lets it be read without a workspace."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a transaction may see.

    Attributes:
        settings: the statements that begin with it on PostgreSQL; hexadecimal and words of ours only.
    """

    settings: str


def _scope(name: str, value: str) -> Scope:
    return Scope(f"SET LOCAL ROLE {APPLICATION_ROLE}; SET LOCAL registry.{name} = '{value}'")


DIRECTORY = _scope("directory", "on")
"""The ids and names of workspaces, and nothing that they hold."""


def of_workspace(workspace_id: bytes) -> Scope:
    """The rows of one workspace."""
    return _scope("workspace", workspace_id.hex())


def by_key(key_hash: bytes) -> Scope:
    """The one source, credential or session with this key hash."""
    return _scope("presented", key_hash.hex())


def session_role() -> str:
    """What puts a whole session, which then only reads, into the role; it sees nothing until it names a workspace."""
    return f"SET ROLE {APPLICATION_ROLE}; SET default_transaction_read_only = on"


def session_workspace(workspace_id: bytes) -> str:
    """What has such a session see the rows of one workspace, and no other's any more."""
    return f"SET registry.workspace = '{workspace_id.hex()}'"


def protect(connection: Connection) -> None:
    """Put every table that has a `workspace_id` behind its policy, FORCEd on the owner, too; again is harmless.

    Roles belong to the whole server: one that is there already is taken as it is, unless it could bypass.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.execute(text(_ROLE))
    connection.execute(text(_POLICIES.format(action=_ADD)))
    for table, (name, condition) in WIDER.items():
        if _has(connection, table):
            connection.execute(text(f'DROP POLICY IF EXISTS {name} ON "{table}"'))
            connection.execute(
                text(f'CREATE POLICY {name} ON "{table}" FOR SELECT TO {APPLICATION_ROLE} USING ({condition})')
            )


def lift(connection: Connection) -> None:
    """Let the owner see every row until it is bound again: a migration that moves rows would find none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_POLICIES.format(action=_LIFT)))


def bind(connection: Connection) -> None:
    """Bind the owner again to the policies that there are."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_POLICIES.format(action=_BIND)))


def unprotect(connection: Connection) -> None:
    """Take the policies away again; the role stays, other databases of the server may need it."""
    if connection.dialect.name != "postgresql":
        return
    for table, (name, _) in WIDER.items():
        if _has(connection, table):
            connection.execute(text(f'DROP POLICY IF EXISTS {name} ON "{table}"'))
    connection.execute(text(_POLICIES.format(action=_REMOVE)))


def _has(connection: Connection, table: str) -> bool:
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is not None


_ROLE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}') THEN
    BEGIN
      CREATE ROLE {APPLICATION_ROLE} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;  -- another database was faster
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}' AND (rolsuper OR rolbypassrls)) THEN
    RAISE EXCEPTION 'the role {APPLICATION_ROLE} can bypass row-level security: ALTER ROLE it';
  END IF;
  BEGIN
    PERFORM set_config('role', '{APPLICATION_ROLE}', true);
    PERFORM set_config('role', 'none', true);
  EXCEPTION
    WHEN insufficient_privilege THEN GRANT {APPLICATION_ROLE} TO CURRENT_USER;  -- who made it may not yet take it
  END;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO {APPLICATION_ROLE}', current_schema());
END $$
"""

_POLICIES = """
DO $$ DECLARE found name; BEGIN
  FOR found IN
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attname = 'workspace_id' AND NOT a.attisdropped
    ORDER BY c.relname
  LOOP
    {action}
  END LOOP;
END $$
"""

_ADD = f"""
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {APPLICATION_ROLE}', found);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', found);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', found);
    EXECUTE format('DROP POLICY IF EXISTS registry_workspace ON %I', found);
    EXECUTE format($policy$CREATE POLICY registry_workspace ON %I TO {APPLICATION_ROLE}
                   USING ({_OWN}) WITH CHECK ({_OWN})$policy$, found);
"""

_LIFT = """
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', found);
"""

_BIND = """
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(quote_ident(found))) THEN
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', found);
    END IF;
"""

_REMOVE = f"""
    EXECUTE format('DROP POLICY IF EXISTS registry_workspace ON %I', found);
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', found);
    EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', found);
    EXECUTE format('REVOKE ALL ON %I FROM {APPLICATION_ROLE}', found);
"""
