"""How requests come in: agents and their mandates, proofs that were asked for, references, letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NEW = (
    ("reason", sa.String(length=255)),
    ("mandate", sa.String(length=255)),
    ("mandate_until", sa.BigInteger()),
    ("mandate_checked_at", sa.BigInteger()),
    ("deliver_to", sa.String(length=255)),
    ("acknowledge_by", sa.BigInteger()),
    ("acknowledged_at", sa.BigInteger()),
)


def _id(name: str, *, null: bool = False, length: int = 16) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(length=length), nullable=null)


def upgrade() -> None:
    """Add the columns, and make the tables; requests that are there had no agent, and need no acknowledgement."""
    for name, kind in _NEW:
        op.add_column("dsr_request", sa.Column(name, kind, nullable=True))
    op.create_table(
        "dsr_challenge",
        _id("workspace_id"),
        _id("link_hash", length=32),
        _id("request_id"),
        _id("code_hash"),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "link_hash", name=op.f("pk_dsr_challenge")),
    )
    op.create_index("ix_dsr_challenge_request", "dsr_challenge", ["workspace_id", "request_id"])
    op.create_table(
        "dsr_reference",
        _id("workspace_id"),
        _id("reference_key"),
        _id("content_key"),
        _id("request_id"),
        sa.PrimaryKeyConstraint("workspace_id", "reference_key", name=op.f("pk_dsr_reference")),
    )
    op.create_index("ix_dsr_reference_request", "dsr_reference", ["workspace_id", "request_id"])
    op.create_table(
        "dsr_letter",
        _id("workspace_id"),
        _id("letter_id"),
        _id("request_id", null=True),
        sa.Column("notice", sa.String(length=255), nullable=False),
        sa.Column("recipient", sa.String(length=255), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=255), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "letter_id", name=op.f("pk_dsr_letter")),
    )
    op.create_index("ix_dsr_letter_due", "dsr_letter", ["workspace_id", "outcome", "next_at"])
    op.create_index("ix_dsr_letter_request", "dsr_letter", ["workspace_id", "request_id"])


def downgrade() -> None:
    """Forget letters and references; a request whose agent still waits would lose its mandate."""
    waiting = op.get_bind().execute(
        sa.text(
            "SELECT count(*) FROM dsr_request WHERE mandate IS NOT NULL "
            "AND state NOT IN ('completed', 'refused', 'cancelled')"
        )
    )
    if waiting.scalar():
        raise RuntimeError("requests of agents are open: end them first")
    for table in ("dsr_letter", "dsr_reference", "dsr_challenge"):
        op.drop_table(table)
    for name, _ in reversed(_NEW):
        op.drop_column("dsr_request", name)
