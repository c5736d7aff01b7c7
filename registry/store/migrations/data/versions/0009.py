"""Row-level security on PostgreSQL

Revision: 0009, after 0008.
"""

from __future__ import annotations

from alembic import op

from registry.store import row_security

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    row_security.protect(op.get_bind())


def downgrade() -> None:
    """Take the schema back to the revision before."""
    row_security.unprotect(op.get_bind())
