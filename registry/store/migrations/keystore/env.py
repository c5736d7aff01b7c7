"""Alembic's entry for the keystore database."""

from __future__ import annotations

from alembic import context

from registry.store.migrating import run_migrations

run_migrations(context, "keystore")
