"""Visits of the privacy centre, and requests by the pseudonym of who asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "visit",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("visit_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("visitor_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "visit_hash", name=op.f("pk_visit")),
    )
    op.create_index("ix_dsr_request_pseudonym", "dsr_request", ["workspace_id", "pseudonym"])


def downgrade() -> None:
    """Nobody visits any more."""
    op.drop_index("ix_dsr_request_pseudonym", "dsr_request")
    op.drop_table("visit")
