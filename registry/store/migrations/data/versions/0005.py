"""Webhooks, the outbox, and what was alerted of

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table('webhook',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('webhook_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('topics', sa.Text(), nullable=False),
    sa.Column('purpose', sa.String(length=255), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('paused_at', sa.BigInteger(), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('retry_at', sa.BigInteger(), nullable=False),
    sa.Column('delivered', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'webhook_id', name=op.f('pk_webhook'))
    )
    op.create_table('outbox',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('webhook_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('topic', sa.String(length=255), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=True),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('occurred_at', sa.BigInteger(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=False),
    sa.Column('failure', sa.String(length=255), nullable=True),
    sa.Column('dead_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'webhook_id', 'message_id', name=op.f('pk_outbox'))
    )
    op.create_table('alert',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('raised_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'name', name=op.f('pk_alert'))
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_table('alert')
    op.drop_table('outbox')
    op.drop_table('webhook')
