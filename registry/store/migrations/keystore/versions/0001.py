"""The first tables

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table('erased_identifier',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('suppression_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('suppressed_at', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'suppression_key', name=op.f('pk_erased_identifier'))
    )
    op.create_table('erasure',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('ordered_at', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', name=op.f('pk_erasure'))
    )
    op.create_table('key_bundle',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('generation', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('revision', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', name=op.f('pk_key_bundle'))
    )
    op.create_index('ix_key_bundle_generation', 'key_bundle', ['workspace_id', 'generation'], unique=False)
    op.create_table('workspace_secret',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('version', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('generation', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'name', 'version', name=op.f('pk_workspace_secret'))
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_table('workspace_secret')
    op.drop_index('ix_key_bundle_generation', table_name='key_bundle')
    op.drop_table('key_bundle')
    op.drop_table('erasure')
    op.drop_table('erased_identifier')
