"""When signals last said a no again, so that a yes of before that comes late does not lift it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_SAYING = "workspace_id, fragment_id, purpose, record_id, status, acted_at, recorded_at, expires_at"
_TOUCH = (
    "INSERT INTO standing_change SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change "
    "WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id"
)


def _changes_on(event: str) -> None:
    """Write on SQLite who stands otherwise after which updates."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER standing_said_again")
        op.execute(f"CREATE TRIGGER standing_said_again AFTER {event} ON consent_state BEGIN {_TOUCH}; END")


def upgrade() -> None:
    """Add the column, which changes nobody's standing; of noes that were repeated before nothing is known."""
    op.add_column("consent_state", sa.Column("repeated_at", sa.BigInteger(), nullable=True))
    _changes_on(f"UPDATE OF {_SAYING}")


def downgrade() -> None:
    """Forget when they were repeated."""
    _changes_on("UPDATE")
    op.drop_column("consent_state", "repeated_at")
