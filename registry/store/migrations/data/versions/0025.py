"""The end of what is kept: how far it has come in systems outside, and how what is over is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Add the column; what had begun to end is begun again, which does no more than is left to do. Make the indexes."""
    op.add_column("retained_case", sa.Column("progress", sa.Text(), nullable=True))
    op.create_index(
        "ix_retained_case_open", "retained_case", ["workspace_id", "case_id"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_retained_item_until", "retained_item", ["workspace_id", "kept_until", "case_id"])


def downgrade() -> None:
    """Forget it; a decision to end without a system is made again."""
    op.drop_index("ix_retained_item_until", "retained_item")
    op.drop_index("ix_retained_case_open", "retained_case")
    op.drop_column("retained_case", "progress")
