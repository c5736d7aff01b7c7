"""Legal holds, and what erasures set aside for them and for statutory duties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _id(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(length=16), nullable=null)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "legal_hold",
        _id("workspace_id"),
        _id("hold_id"),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=255), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("placed_by", sa.String(length=255), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.String(length=255), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "hold_id", name=op.f("pk_legal_hold")),
    )
    op.create_table(
        "hold_subject",
        _id("workspace_id"),
        _id("hold_id"),
        _id("blind_index"),
        sa.PrimaryKeyConstraint("workspace_id", "hold_id", "blind_index", name=op.f("pk_hold_subject")),
    )
    op.create_index("ix_hold_subject_index", "hold_subject", ["workspace_id", "blind_index"])
    op.create_table(
        "retained_case",
        _id("workspace_id"),
        _id("case_id"),
        _id("request_id"),
        _id("hold_id", null=True),
        sa.Column("duty", sa.String(length=255), nullable=True),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=255), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "case_id", name=op.f("pk_retained_case")),
    )
    op.create_index("ix_retained_case_request", "retained_case", ["workspace_id", "request_id"])
    op.create_table(
        "retained_item",
        _id("workspace_id"),
        _id("case_id"),
        _id("item_id"),
        sa.Column("kept_until", sa.BigInteger(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "case_id", "item_id", name=op.f("pk_retained_item")),
    )


def downgrade() -> None:
    """Refused while something is kept for a duty: it would be lost, and its key left behind."""
    kept = op.get_bind().execute(sa.text("SELECT count(*) FROM retained_item")).scalar()
    if kept:
        raise RuntimeError("data is kept for a legal duty: end the holds first")
    for table in ("retained_item", "retained_case", "hold_subject", "legal_hold"):
        op.drop_table(table)
