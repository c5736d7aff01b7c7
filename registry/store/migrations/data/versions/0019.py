"""Changes of consent in the order of their commits, which the time of a record is not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the feed; what was recorded before stands at its beginning, in the order of recording."""
    op.create_table(
        "consent_feed",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fragment_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("record_id", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "position", "place", name=op.f("pk_consent_feed")),
    )
    op.execute(
        "INSERT INTO consent_feed (workspace_id, position, place, fragment_id, record_id) "
        "SELECT workspace_id, 0, row_number() OVER (PARTITION BY workspace_id ORDER BY recorded_at, record_id), "
        "fragment_id, record_id FROM consent_record"
    )
    op.create_index("ix_consent_feed_fragment", "consent_feed", ["workspace_id", "fragment_id"])
    op.drop_index("ix_consent_record_recorded", table_name="consent_record")


def downgrade() -> None:
    """Followers read by time again."""
    op.create_index("ix_consent_record_recorded", "consent_record", ["workspace_id", "recorded_at"])
    op.drop_index("ix_consent_feed_fragment", table_name="consent_feed")
    op.drop_table("consent_feed")
