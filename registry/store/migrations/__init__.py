"""Alembic migrations of the two databases: `data` and `keystore`."""
