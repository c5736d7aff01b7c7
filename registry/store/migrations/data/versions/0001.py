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
    op.create_table('audit_detail',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'position', name=op.f('pk_audit_detail'))
    )
    op.create_index('ix_audit_detail_fragment', 'audit_detail', ['workspace_id', 'fragment_id'], unique=False)
    op.create_table('audit_entry',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('entry', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'position', name=op.f('pk_audit_entry'))
    )
    op.create_table('audit_head',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('frontier', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', name=op.f('pk_audit_head'))
    )
    op.create_table('audit_node',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('level', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'level', 'position', name=op.f('pk_audit_node'))
    )
    op.create_table('consent_record',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('record_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('acted_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('purpose_version', sa.Integer(), nullable=False),
    sa.Column('notice_version', sa.String(length=255), nullable=True),
    sa.Column('language', sa.String(length=255), nullable=True),
    sa.Column('jurisdiction', sa.String(length=255), nullable=True),
    sa.Column('channel', sa.String(length=255), nullable=False),
    sa.Column('actor', sa.String(length=255), nullable=False),
    sa.Column('source_name', sa.String(length=255), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'record_id', name=op.f('pk_consent_record'))
    )
    op.create_index('ix_consent_record_recorded', 'consent_record', ['workspace_id', 'recorded_at'], unique=False)
    op.create_table('consent_state',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=255), nullable=False),
    sa.Column('record_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('acted_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'purpose', name=op.f('pk_consent_state'))
    )
    op.create_table('credential',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('key_hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('role', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('purposes', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'credential_id', name=op.f('pk_credential'))
    )
    op.create_index('uq_credential_key_hash', 'credential', ['key_hash'], unique=True)
    op.create_table('dsr_event',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('action', sa.String(length=255), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('actor', sa.String(length=255), nullable=False),
    sa.Column('happened_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'request_id', 'position', name=op.f('pk_dsr_event'))
    )
    op.create_table('dsr_fragment',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'request_id', 'fragment_id', name=op.f('pk_dsr_fragment'))
    )
    op.create_table('dsr_request',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('jurisdiction', sa.String(length=255), nullable=False),
    sa.Column('profile_id', sa.LargeBinary(length=16), nullable=True),
    sa.Column('pseudonym', sa.String(length=255), nullable=False),
    sa.Column('opened_by', sa.String(length=255), nullable=False),
    sa.Column('approved_by', sa.String(length=255), nullable=True),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('respond_by', sa.BigInteger(), nullable=False),
    sa.Column('completed_at', sa.BigInteger(), nullable=True),
    sa.Column('progress', sa.Text(), nullable=False),
    sa.Column('certificate', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('workspace_id', 'request_id', name=op.f('pk_dsr_request'))
    )
    op.create_index('ix_dsr_request_state', 'dsr_request', ['workspace_id', 'state'], unique=False)
    op.create_table('event',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('event_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('call', sa.String(length=255), nullable=False),
    sa.Column('plan_event', sa.String(length=255), nullable=True),
    sa.Column('plan_version', sa.String(length=255), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('observed_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('compartments', sa.Text(), nullable=False),
    sa.Column('omitted', sa.Integer(), nullable=False),
    sa.Column('ungrounded', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'event_id', name=op.f('pk_event'))
    )
    op.create_index('uq_event_message_key', 'event', ['workspace_id', 'message_key'], unique=True)
    op.create_table('fragment',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('profile_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('origin_profile_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('anchor', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('joined_at', sa.BigInteger(), nullable=False),
    sa.Column('state_version', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', name=op.f('pk_fragment'))
    )
    op.create_index('ix_fragment_profile', 'fragment', ['workspace_id', 'profile_id'], unique=False)
    op.create_table('identifier',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('blind_index', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('first_seen_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'blind_index', name=op.f('pk_identifier'))
    )
    op.create_index('ix_identifier_fragment', 'identifier', ['workspace_id', 'fragment_id'], unique=False)
    op.create_table('link',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('low', sa.LargeBinary(length=16), nullable=False),
    sa.Column('high', sa.LargeBinary(length=16), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('observed_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'low', 'high', 'source_id', name=op.f('pk_link'))
    )
    op.create_index('ix_link_high', 'link', ['workspace_id', 'high'], unique=False)
    op.create_table('merge',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('merge_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('into_profile', sa.LargeBinary(length=16), nullable=False),
    sa.Column('from_profile', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('from_origin', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('merged_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'merge_id', name=op.f('pk_merge'))
    )
    op.create_index('ix_merge_fragment', 'merge', ['workspace_id', 'fragment_id'], unique=False)
    op.create_index('ix_merge_from', 'merge', ['workspace_id', 'from_profile'], unique=False)
    op.create_index('ix_merge_into', 'merge', ['workspace_id', 'into_profile'], unique=False)
    op.create_table('plan',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('published_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'name', 'version', name=op.f('pk_plan'))
    )
    op.create_table('quarantine',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('quarantine_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'quarantine_id', name=op.f('pk_quarantine'))
    )
    op.create_index('uq_quarantine_message', 'quarantine', ['workspace_id', 'message_key'], unique=True)
    op.create_table('quarantine_subject',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('blind_index', sa.LargeBinary(length=16), nullable=False),
    sa.Column('quarantine_id', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'blind_index', 'quarantine_id', name=op.f('pk_quarantine_subject'))
    )
    op.create_table('refused_link',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('low', sa.LargeBinary(length=16), nullable=False),
    sa.Column('high', sa.LargeBinary(length=16), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('refused_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'low', 'high', name=op.f('pk_refused_link'))
    )
    op.create_table('refused_message',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('outcome', sa.String(length=255), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'message_key', name=op.f('pk_refused_message'))
    )
    op.create_table('source',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('write_key_hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('plan_name', sa.String(length=255), nullable=False),
    sa.Column('plan_version', sa.String(length=255), nullable=False),
    sa.Column('unplanned_events', sa.String(length=255), nullable=True),
    sa.Column('unplanned_properties', sa.String(length=255), nullable=True),
    sa.Column('violations', sa.String(length=255), nullable=True),
    sa.Column('method', sa.String(length=255), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'source_id', name=op.f('pk_source'))
    )
    op.create_index('uq_source_write_key_hash', 'source', ['write_key_hash'], unique=True)
    op.create_table('suppression',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('suppression_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('request_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('suppressed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'suppression_key', name=op.f('pk_suppression'))
    )
    op.create_table('trait_assertion',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('fragment_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('trait', sa.String(length=255), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('compartment', sa.Text(), nullable=False),
    sa.Column('observed_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('method', sa.String(length=255), nullable=False),
    sa.Column('trust', sa.Integer(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'fragment_id', 'trait', 'source_id', name=op.f('pk_trait_assertion'))
    )
    op.create_table('violation',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('violation_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('message_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('source_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('call', sa.String(length=255), nullable=False),
    sa.Column('plan_event', sa.String(length=255), nullable=True),
    sa.Column('plan_version', sa.String(length=255), nullable=False),
    sa.Column('code', sa.String(length=255), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('expected', sa.Text(), nullable=False),
    sa.Column('rejected', sa.Boolean(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'violation_id', name=op.f('pk_violation'))
    )
    op.create_index('ix_violation_message', 'violation', ['workspace_id', 'message_key'], unique=False)
    op.create_table('workspace',
    sa.Column('workspace_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', name=op.f('pk_workspace'))
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_table('workspace')
    op.drop_index('ix_violation_message', table_name='violation')
    op.drop_table('violation')
    op.drop_table('trait_assertion')
    op.drop_table('suppression')
    op.drop_index('uq_source_write_key_hash', table_name='source')
    op.drop_table('source')
    op.drop_table('refused_message')
    op.drop_table('refused_link')
    op.drop_table('quarantine_subject')
    op.drop_index('uq_quarantine_message', table_name='quarantine')
    op.drop_table('quarantine')
    op.drop_table('plan')
    op.drop_index('ix_merge_into', table_name='merge')
    op.drop_index('ix_merge_from', table_name='merge')
    op.drop_index('ix_merge_fragment', table_name='merge')
    op.drop_table('merge')
    op.drop_index('ix_link_high', table_name='link')
    op.drop_table('link')
    op.drop_index('ix_identifier_fragment', table_name='identifier')
    op.drop_table('identifier')
    op.drop_index('ix_fragment_profile', table_name='fragment')
    op.drop_table('fragment')
    op.drop_index('uq_event_message_key', table_name='event')
    op.drop_table('event')
    op.drop_index('ix_dsr_request_state', table_name='dsr_request')
    op.drop_table('dsr_request')
    op.drop_table('dsr_fragment')
    op.drop_table('dsr_event')
    op.drop_index('uq_credential_key_hash', table_name='credential')
    op.drop_table('credential')
    op.drop_table('consent_state')
    op.drop_index('ix_consent_record_recorded', table_name='consent_record')
    op.drop_table('consent_record')
    op.drop_table('audit_node')
    op.drop_table('audit_head')
    op.drop_table('audit_entry')
    op.drop_index('ix_audit_detail_fragment', table_name='audit_detail')
    op.drop_table('audit_detail')
