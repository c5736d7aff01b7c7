"""Indexes by which a person's rows, and what is due, are found: without them whole tables of the workspace were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_NEW = (
    ("ix_destination_erasure_due", "destination_erasure", ("state", "retry_at", "destination_id")),
    ("ix_destination_erasure_order", "destination_erasure", ("order_id",)),
    ("ix_dsr_fragment_fragment", "dsr_fragment", ("fragment_id", "request_id")),
    ("ix_dsr_request_profile", "dsr_request", ("profile_id",)),
    ("ix_dsr_reference_content", "dsr_reference", ("content_key",)),
    ("ix_opendsr_request_request", "opendsr_request", ("request_id",)),
    ("ix_opendsr_request_holder", "opendsr_request", ("holder_id",)),
    ("ix_outbox_fragment", "outbox", ("fragment_id",)),
    ("ix_package_link_request", "package_link", ("request_id",)),
    ("ix_quarantine_expires", "quarantine", ("expires_at", "quarantine_id")),
    ("ix_quarantine_subject_quarantine", "quarantine_subject", ("quarantine_id",)),
    ("ix_refused_link_high", "refused_link", ("high", "low")),
    ("ix_standing_change_fragment", "standing_change", ("fragment_id",)),
)
_WIDER = (
    ("ix_destination_erasure_request", "destination_erasure", ("request_id",), ("destination_id", "order_id")),
    ("ix_dsr_letter_request", "dsr_letter", ("request_id",), ("letter_id",)),
    ("ix_hold_subject_index", "hold_subject", ("blind_index",), ("hold_id",)),
    ("ix_retained_case_request", "retained_case", ("request_id",), ("case_id",)),
)
"""SQLite, which keeps no statistics here, takes the primary key where the index does not give the order, or the rest."""

_OF_SEALED = (
    ("ix_dsr_request_sealed", "dsr_request", "completed_at"),
    ("ix_opendsr_request_waiting", "opendsr_request", "next_at"),
)
_SEALED = sa.text("sealed IS NOT NULL")


def upgrade() -> None:
    """Make the indexes, and the others wider."""
    for name, table, columns in _NEW:
        op.create_index(name, table, ["workspace_id", *columns])
    for name, table, column in _OF_SEALED:
        op.create_index(name, table, ["workspace_id", column], sqlite_where=_SEALED, postgresql_where=_SEALED)
    for name, table, columns, more in _WIDER:
        op.drop_index(name, table)
        op.create_index(name, table, ["workspace_id", *columns, *more])


def downgrade() -> None:
    """Take them away."""
    for name, table, columns, _ in _WIDER:
        op.drop_index(name, table)
        op.create_index(name, table, ["workspace_id", *columns])
    for name, table, _ in _OF_SEALED:
        op.drop_index(name, table)
    for name, table, _ in _NEW:
        op.drop_index(name, table)
