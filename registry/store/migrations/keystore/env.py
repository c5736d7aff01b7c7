"""Alembic's entry for the keystore database."""

from __future__ import annotations

from alembic import context

from registry.store.keystore_tables import KeystoreTable as Base
from registry.store.schema import run_migrations

run_migrations(context, Base.metadata)
