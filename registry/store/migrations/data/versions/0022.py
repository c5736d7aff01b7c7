"""Links to packages: by the hash of their token, with how often and until when each may be followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "package_link",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("pseudonym", sa.String(length=255), nullable=False),
        sa.Column("made_by", sa.String(length=255), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("fetches_left", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "link_hash", name=op.f("pk_package_link")),
    )


def downgrade() -> None:
    """Take it away: no link that was made works any more."""
    op.drop_table("package_link")
