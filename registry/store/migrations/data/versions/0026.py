"""When signals last said a no again, so that a yes of before that comes late does not lift it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of noes that were repeated before nothing is known."""
    op.add_column("consent_state", sa.Column("repeated_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Forget when they were repeated."""
    op.drop_column("consent_state", "repeated_at")
