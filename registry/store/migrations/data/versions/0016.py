"""The transformations that an event went through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of events that are there, it stands in their sealed bodies only."""
    op.add_column("event", sa.Column("transformed", sa.Text(), nullable=True))


def downgrade() -> None:
    """Traces no longer name them."""
    op.drop_column("event", "transformed")
