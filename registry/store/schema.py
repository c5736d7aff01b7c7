"""The schema's versions: what this program needs, what a database has, and how to get there."""

from __future__ import annotations

from sqlalchemy import inspect, text

from registry.model.errors import NotInitialised, SchemaMismatch
from registry.store import snapshot
from registry.store.database import Database
from registry.store.versions import HEADS, Role, version_table


def current(database: Database, role: Role) -> str | None:
    """The revision that a database has; None when it holds nothing of ours.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with database.owner() as transaction:
        table = version_table(role)
        if not inspect(transaction).has_table(table):
            return None
        found = transaction.execute(text(f"SELECT version_num FROM {table}")).scalar()
        return None if found is None else str(found)


def require_current(database: Database, role: Role) -> None:
    """Go on only with a database of exactly the schema that this program needs.

    Raises:
        NotInitialised: the database holds nothing of ours.
        SchemaMismatch: it is of an older or a newer schema version.
    """
    has, needs = current(database, role), HEADS[role]
    if has is None:
        raise NotInitialised(f"the {role} database holds no registry", hint="run: registry init")
    if has == needs:
        return
    from registry.store.migrating import revisions

    if has in revisions(role):
        detail, hint = "older than", "back up, then run: registry db upgrade"
    else:
        detail, hint = "newer than, or foreign to,", "install the version of registry that wrote it"
    raise SchemaMismatch(f"the {role} database is {detail} this program (it has {has}, needs {needs})", hint=hint)


def require_writable(database: Database, role: Role) -> None:
    """Go on only if a write commits: what is written says what stood there.

    Raises:
        StoreUnavailable: the database is locked, read-only, full or gone.
    """
    table = version_table(role)
    with database.owner(writes=True) as transaction:
        transaction.execute(text(f"UPDATE {table} SET version_num = version_num"))


def upgrade(database: Database, role: Role, revision: str = "head") -> None:
    """Bring a database's schema up to a revision."""
    if revision in ("head", HEADS[role]):
        has = current(database, role)
        if has == HEADS[role] or (has is None and snapshot.apply(database, role)):
            return
    from registry.store.migrating import run

    run(database, role, "upgrade", revision)


def downgrade(database: Database, role: Role, revision: str) -> None:
    """Take a database's schema back to a revision (`base`: to nothing)."""
    from registry.store.migrating import run

    run(database, role, "downgrade", revision)
