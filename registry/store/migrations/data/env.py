"""Alembic's entry for the data database."""

from __future__ import annotations

from alembic import context

from registry.store.migrating import run_migrations

run_migrations(context, "data")
