"""Locks of compartments, and sweeps of retention

Revision: 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table('compartment_lock',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('compartment', sa.Text(), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('locked_at', sa.BigInteger(), nullable=False),
    sa.Column('shred_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'compartment', name=op.f('pk_compartment_lock'))
    )
    op.create_index('ix_compartment_lock_shred', 'compartment_lock', ['workspace_id', 'shred_at'], unique=False)
    op.create_table('sweep',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('sweep_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.Column('after', sa.LargeBinary(length=16), nullable=False),
    sa.Column('report', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'sweep_id', name=op.f('pk_sweep'))
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_table('sweep')
    op.drop_index('ix_compartment_lock_shred', table_name='compartment_lock')
    op.drop_table('compartment_lock')
