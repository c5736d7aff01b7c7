"""Stewards' decisions get a table of their own, and the alarm a memory.

Until now a steward's word was a refused link with the reason `steward`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and take over what stewards had said."""
    op.create_table(
        "steward_decision",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("low", sa.LargeBinary(length=16), nullable=False),
        sa.Column("high", sa.LargeBinary(length=16), nullable=False),
        sa.Column("verdict", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "low", "high", name=op.f("pk_steward_decision")),
    )
    op.create_index("ix_steward_decision_high", "steward_decision", ["workspace_id", "high"])
    op.create_table(
        "runaway_identifier",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("fragment_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("blind_index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("noticed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "fragment_id", name=op.f("pk_runaway_identifier")),
    )
    op.create_index(
        "uq_runaway_identifier_index", "runaway_identifier", ["workspace_id", "blind_index"], unique=True
    )
    op.create_index("ix_refused_link_refused", "refused_link", ["workspace_id", "refused_at", "low", "high"])
    op.execute(
        "INSERT INTO steward_decision (workspace_id, low, high, verdict, actor, decided_at) "
        "SELECT workspace_id, low, high, 'apart', 'operator', refused_at FROM refused_link WHERE reason = 'steward'"
    )


def downgrade() -> None:
    """Keep what stewards held apart where it stood before."""
    op.execute(
        "INSERT INTO refused_link (workspace_id, low, high, reason, refused_at) "
        "SELECT workspace_id, low, high, 'steward', decided_at FROM steward_decision d WHERE verdict = 'apart' "
        "AND NOT EXISTS (SELECT 1 FROM refused_link r WHERE r.workspace_id = d.workspace_id "
        "AND r.low = d.low AND r.high = d.high)"
    )
    op.drop_index("ix_refused_link_refused", "refused_link")
    op.drop_index("uq_runaway_identifier_index", "runaway_identifier")
    op.drop_table("runaway_identifier")
    op.drop_index("ix_steward_decision_high", "steward_decision")
    op.drop_table("steward_decision")
