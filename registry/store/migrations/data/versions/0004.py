"""Keys have an owner; requests know who stands behind their moves, when to be tried again, and why they moved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ADDED: tuple[tuple[str, str, sa.types.TypeEngine], ...] = (
    ("credential", "owner", sa.String(length=255)),
    ("dsr_request", "opened_owner", sa.String(length=255)),
    ("dsr_request", "approved_owner", sa.String(length=255)),
    ("dsr_request", "sealed", sa.LargeBinary()),
    ("dsr_request", "due_at", sa.BigInteger()),
    ("dsr_event", "details", sa.Text()),
)


def upgrade() -> None:
    """Add the columns; of what is there, nobody said whose it is."""
    for table, column, kind in ADDED:
        op.add_column(table, sa.Column(column, kind, nullable=True))


def downgrade() -> None:
    """Take them away again."""
    for table, column, _ in reversed(ADDED):
        op.drop_column(table, column)
