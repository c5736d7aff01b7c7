"""That something is on its way to a receiver: a notice of an erasure does not overtake what a killed process sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_TABLES = ("webhook", "destination")
_COLUMNS = ("sending_since", "left_until")


def upgrade() -> None:
    """Add the columns; nothing is on its way while the schema changes."""
    for table in _TABLES:
        for column in _COLUMNS:
            op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    for table in _TABLES:
        for column in reversed(_COLUMNS):
            op.drop_column(table, column)
