"""Destinations, the feed that they read, who received what, and erasures passed on

Revision: 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table('destination',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('destination_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('purpose', sa.String(length=255), nullable=False),
    sa.Column('events', sa.Text(), nullable=False),
    sa.Column('traits', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('paused_at', sa.BigInteger(), nullable=True),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('place', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('failure', sa.String(length=255), nullable=True),
    sa.Column('retry_at', sa.BigInteger(), nullable=False),
    sa.Column('delivered', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('withheld', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'destination_id', name=op.f('pk_destination'))
    )
    op.create_table('event_feed',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('place', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('event_id', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'position', 'place', name=op.f('pk_event_feed'))
    )
    op.create_index('ix_event_feed_fragment', 'event_feed', ['workspace_id', 'fragment_id'], unique=False)
    op.create_table('destination_recipient',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('destination_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('first_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'destination_id', name=op.f('pk_destination_recipient'))
    )
    op.create_table('destination_failure',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('destination_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('place', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('event_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('failure', sa.String(length=255), nullable=False),
    sa.Column('failed_at', sa.BigInteger(), nullable=False),
    sa.Column('retry_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'destination_id', 'position', 'place', name=op.f('pk_destination_failure'))
    )
    op.create_index('ix_destination_failure_fragment', 'destination_failure', ['workspace_id', 'fragment_id'], unique=False)
    op.create_table('destination_erasure',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('destination_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('order_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('ordered_at', sa.BigInteger(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('retry_at', sa.BigInteger(), nullable=False),
    sa.Column('failure', sa.String(length=255), nullable=True),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'destination_id', 'order_id', name=op.f('pk_destination_erasure'))
    )
    op.create_index('ix_destination_erasure_request', 'destination_erasure', ['workspace_id', 'request_id'], unique=False)


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_index('ix_destination_erasure_request', table_name='destination_erasure')
    op.drop_table('destination_erasure')
    op.drop_index('ix_destination_failure_fragment', table_name='destination_failure')
    op.drop_table('destination_failure')
    op.drop_table('destination_recipient')
    op.drop_index('ix_event_feed_fragment', table_name='event_feed')
    op.drop_table('event_feed')
    op.drop_table('destination')
