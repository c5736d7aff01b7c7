"""When a recipient took the message of an erasure, apart from when it acknowledged it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time; what was settled before was taken at that time, too."""
    op.add_column("destination_erasure", sa.Column("received_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE destination_erasure SET received_at = settled_at WHERE state = 'acknowledged'")


def downgrade() -> None:
    """Take it away."""
    op.drop_column("destination_erasure", "received_at")
