"""People sign in to the console: accounts, sessions, and counted tries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "account",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "account_id", name=op.f("pk_account")),
    )
    op.create_index("uq_account_name", "account", ["workspace_id", "name"], unique=True)
    op.create_table(
        "session",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "session_hash", name=op.f("pk_session")),
    )
    op.create_index("uq_session_hash", "session", ["session_hash"], unique=True)
    op.create_table(
        "tries",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("target", sa.LargeBinary(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "target", name=op.f("pk_tries")),
    )


def downgrade() -> None:
    """Everybody signs in by key again."""
    for table in ("tries", "session", "account"):
        op.drop_table(table)
