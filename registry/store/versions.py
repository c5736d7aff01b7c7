"""Which revision of each database's schema this program needs."""

from __future__ import annotations

from typing import Literal

Role = Literal["data", "keystore"]

HEADS: dict[Role, str] = {"data": "0028", "keystore": "0002"}
"""The newest revision of each; a test holds it against the scripts. Alembic and the models are imported
only to migrate: a server that finds its schemas current starts without them."""


def version_table(role: Role) -> str:
    """The name of Alembic's version table: its own per role, so that one database may hold both."""
    return f"schema_version_{role}"
