"""Imports of existing customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COUNTS = ("rows_done", "accepted", "rejected", "duplicate", "suppressed", "unreadable")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "import_run",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("source_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=16), nullable=False),
        *[sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in COUNTS],
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_import_run")),
    )


def downgrade() -> None:
    """How far they are is forgotten."""
    op.drop_table("import_run")
