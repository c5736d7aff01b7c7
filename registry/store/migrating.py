"""Running Alembic: the one way for the program, for developers' command line, and for the tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, pool

from registry.store.database import Database
from registry.store.row_security import bind, lift, protect
from registry.store.versions import Role, version_table

MIGRATIONS = Path(__file__).parent / "migrations"
URL_VARIABLES: dict[Role, str] = {"data": "REGISTRY_DATABASE_URL", "keystore": "REGISTRY_KEYSTORE_URL"}


def models(role: Role) -> MetaData:
    """The tables as this program declares them."""
    if role == "data":
        from registry.store import (  # noqa: F401 - they declare tables of the same metadata
            account_tables,
            computed_tables,
            destination_tables,
            holding_tables,
            identity_tables,
            import_tables,
            index_tables,
            opendsr_tables,
            outbox_tables,
            quality_tables,
            request_tables,
            retention_tables,
            standing_tables,
        )
        from registry.store.tables import DataTable

        return DataTable.metadata
    from registry.store.keystore_tables import KeystoreTable

    return KeystoreTable.metadata


def revisions(role: Role) -> list[str]:
    """Every revision that this program knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config(role))
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def run(database: Database, role: Role, direction: Literal["upgrade", "downgrade"], revision: str) -> None:
    """Migrate a database, in one transaction; tables that an upgrade made stand behind row-level security after it."""
    config = _config(role)
    with database.owner(writes=True) as transaction:
        config.attributes["connection"] = transaction
        lift(transaction)
        getattr(command, direction)(config, revision)
        bind(transaction)
        if direction == "upgrade":
            protect(transaction)


def differences(database: Database, role: Role) -> list[Any]:
    """How the tables of the database differ from the models: Alembic's list, empty when they agree."""
    metadata = models(role)
    options = {"version_table": version_table(role), "compare_type": True, "include_name": _ours(metadata)}
    with database.owner() as transaction:
        return list(compare_metadata(MigrationContext.configure(transaction, opts=options), metadata))


def run_migrations(context: Any, role: Role) -> None:
    """What the `env.py` of each migrations folder does: run on the connection handed in.

    Alembic's own command line hands none in: then the URL of the environment is used, and the models
    are there to be compared with.
    """
    connection = context.config.attributes.get("connection")
    if connection is not None:
        context.configure(connection=connection, version_table=version_table(role))
        with context.begin_transaction():
            context.run_migrations()
        return
    metadata = models(role)
    engine = create_engine(os.environ[URL_VARIABLES[role]], poolclass=pool.NullPool)
    with engine.begin() as opened:
        context.configure(
            connection=opened,
            target_metadata=metadata,
            version_table=version_table(role),
            compare_type=True,
            include_name=_ours(metadata),
        )
        with context.begin_transaction():
            context.run_migrations()


def _ours(metadata: MetaData) -> Any:
    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or name in metadata.tables

    return include


def _config(role: Role) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / role))
    return config
