"""How far each computed trait was counted back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "counted_back",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("trait", sa.String(length=255), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("after", sa.LargeBinary(length=16), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "trait", name=op.f("pk_counted_back")),
    )


def downgrade() -> None:
    """Every trait is counted back once more."""
    op.drop_table("counted_back")
