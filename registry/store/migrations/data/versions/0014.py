"""The app version that a violation came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of violations that are there, it is not known."""
    op.add_column("violation", sa.Column("app_version", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """The versions are forgotten."""
    op.drop_column("violation", "app_version")
