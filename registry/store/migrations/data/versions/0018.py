"""Which fragments' standing changed last; written by triggers on SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NEXT = "1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = {row}.workspace_id), 0)"
_TOUCH = f"INSERT INTO standing_change SELECT {{row}}.workspace_id, {_NEXT}, {{row}}.fragment_id"
_GONE = f"INSERT INTO standing_change SELECT OLD.workspace_id, {_NEXT.format(row='OLD')}, NULL"
# One that was left behind by another: its person stands otherwise now, too.
_LEFT = (
    f"INSERT INTO standing_change SELECT workspace_id, {_NEXT.format(row='OLD')}, fragment_id FROM fragment "
    "WHERE workspace_id = OLD.workspace_id AND profile_id = OLD.profile_id LIMIT 1"
)
_FORGET = (
    "UPDATE standing_change SET fragment_id = NULL "
    "WHERE workspace_id = OLD.workspace_id AND fragment_id = OLD.fragment_id"
)
_TRIM = "DELETE FROM standing_change WHERE workspace_id = NEW.workspace_id AND position <= NEW.position - 20000"
_NEW, _OLD = _TOUCH.format(row="NEW"), _TOUCH.format(row="OLD")

TRIGGERS = {
    "standing_said": ("INSERT ON consent_state", (_NEW,)),
    "standing_said_again": ("UPDATE ON consent_state", (_NEW,)),
    "standing_unsaid": ("DELETE ON consent_state", (_OLD,)),
    "standing_born": ("INSERT ON fragment", (_NEW,)),
    "standing_moved": (
        "UPDATE OF workspace_id, fragment_id, profile_id, origin_profile_id, kind, joined_at ON fragment",
        (_LEFT, _NEW),
    ),
    "standing_gone": ("DELETE ON fragment", (_FORGET, _LEFT, _GONE)),
    "standing_named": ("INSERT ON identifier", (_NEW,)),
    "standing_renamed": ("UPDATE OF workspace_id, blind_index, fragment_id ON identifier", (_GONE, _NEW)),
    "standing_unnamed": ("DELETE ON identifier", (_GONE,)),
    "standing_trimmed": ("INSERT ON standing_change WHEN NEW.position % 1000 = 0", (_TRIM,)),
}


def upgrade() -> None:
    """Make the table, and on SQLite what fills it."""
    op.create_table(
        "standing_change",
        sa.Column("workspace_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fragment_id", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "position", name=op.f("pk_standing_change")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, (when, steps) in TRIGGERS.items():
            event, _, condition = when.partition(" WHEN ")
            guard = f" WHEN {condition}" if condition else ""
            op.execute(f"CREATE TRIGGER {name} AFTER {event}{guard} BEGIN {'; '.join(steps)}; END")


def downgrade() -> None:
    """Drop them again; nothing is lost that is not read anew."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("standing_change")
