"""How far identifiers have moved under another blind-index key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "index_move",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("moved", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "version", name=op.f("pk_index_move")),
    )


def downgrade() -> None:
    """Which key the identifiers are under is forgotten: only before the first rotation."""
    op.drop_table("index_move")
