"""The schema's versions: what this program needs, what a database has, and how to get there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import MetaData, create_engine, inspect, pool, text

from registry.model.errors import NotInitialised, SchemaMismatch
from registry.store.database import Database
from registry.store.keystore_tables import KeystoreTable
from registry.store.tables import DataTable

Role = Literal["data", "keystore"]

METADATA: dict[Role, MetaData] = {"data": DataTable.metadata, "keystore": KeystoreTable.metadata}
MIGRATIONS = Path(__file__).parent / "migrations"
HEADS: dict[Role, str] = {"data": "0001", "keystore": "0001"}
"""The newest revision of each; a test holds it against the scripts. Alembic itself is imported only to
migrate: a server that finds its schemas current starts without it."""

URL_VARIABLES: dict[Role, str] = {"data": "REGISTRY_DATABASE_URL", "keystore": "REGISTRY_KEYSTORE_URL"}


def version_table(metadata: MetaData) -> str:
    """The name of Alembic's version table: its own per role, so that one database may hold both."""
    role = next(role for role, known in METADATA.items() if known is metadata)
    return f"schema_version_{role}"


def wanted(role: Role) -> str:
    """The revision that this program needs."""
    return HEADS[role]


def current(database: Database, role: Role) -> str | None:
    """The revision that a database has; None when it holds nothing of ours.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with database.read() as transaction:
        table = version_table(METADATA[role])
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
    has, needs = current(database, role), wanted(role)
    if has is None:
        raise NotInitialised(f"the {role} database holds no registry", hint="run: registry init")
    if has == needs:
        return
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config(role)).walk_revisions()}
    if has in known:
        detail, hint = "older than", "back up, then run: registry db upgrade"
    else:
        detail, hint = "newer than, or foreign to,", "install the version of registry that wrote it"
    raise SchemaMismatch(f"the {role} database is {detail} this program (it has {has}, needs {needs})", hint=hint)


def upgrade(database: Database, role: Role, revision: str = "head") -> None:
    """Bring a database's schema up to a revision."""
    from alembic import command

    _run(database, role, command.upgrade, revision)


def downgrade(database: Database, role: Role, revision: str) -> None:
    """Take a database's schema back to a revision (`base`: to nothing)."""
    from alembic import command

    _run(database, role, command.downgrade, revision)


def differences(database: Database, role: Role) -> list[Any]:
    """How the tables of the database differ from the models: Alembic's list, empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with database.read() as transaction:
        options = {
            "version_table": version_table(METADATA[role]),
            "compare_type": True,
            "include_name": _ours(role),
        }
        return list(compare_metadata(MigrationContext.configure(transaction, opts=options), METADATA[role]))


def run_migrations(context: Any, metadata: MetaData) -> None:
    """What the `env.py` of each migrations folder does: run on the connection handed in, or on the
    URL of the environment when Alembic's own command line calls.
    """
    role = next(role for role, known in METADATA.items() if known is metadata)
    connection = context.config.attributes.get("connection")
    if connection is None:
        engine = create_engine(os.environ[URL_VARIABLES[role]], poolclass=pool.NullPool)
        with engine.begin() as connection:
            _migrate(context, connection, role)
    else:
        _migrate(context, connection, role)


def _migrate(context: Any, connection: Any, role: Role) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA[role],
        version_table=version_table(METADATA[role]),
        compare_type=True,
        include_name=_ours(role),
    )
    with context.begin_transaction():
        context.run_migrations()


def _ours(role: Role) -> Any:
    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or name in METADATA[role].tables

    return include


def _config(role: Role) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / role))
    return config


def _run(database: Database, role: Role, action: Any, revision: str) -> None:
    config = _config(role)
    with database.write() as transaction:
        config.attributes["connection"] = transaction
        action(config, revision)
