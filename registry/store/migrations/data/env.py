"""Alembic's entry for the data database."""

from __future__ import annotations

from alembic import context

from registry.store.schema import run_migrations
from registry.store.tables import DataTable as Base

run_migrations(context, Base.metadata)
