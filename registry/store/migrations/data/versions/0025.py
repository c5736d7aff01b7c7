"""How far the end of what is kept for a hold has come: what systems outside have done, and for which it waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what had begun to end is begun again, which does no more than is left to do."""
    op.add_column("retained_case", sa.Column("progress", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget it; a decision to end without a system is made again."""
    op.drop_column("retained_case", "progress")
