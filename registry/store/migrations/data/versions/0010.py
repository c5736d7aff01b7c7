"""A count of data quality for each day, source and obstacle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "quality_day",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("obstacle", sa.String(length=255), nullable=False),
        sa.Column("found", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("looked_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "day", "source_id", "obstacle", name=op.f("pk_quality_day")),
    )


def downgrade() -> None:
    """Trends are forgotten."""
    op.drop_table("quality_day")
