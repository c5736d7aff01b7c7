"""Who is who is read from fewer pages.

An identifier and its fragment are one to one (decision 0005), so the fragment's own anchor finds both, and the
identifier's row moves to the fragment's key: as many indexes as before. The index of links by their higher end
holds the lower one too. What is told of whose standing changed is told of fragments alone, once for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


_NEXT = "1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = {row}.workspace_id), 0)"
_TOUCH = f"INSERT INTO standing_change SELECT NEW.workspace_id, {_NEXT.format(row='NEW')}, NEW.fragment_id"
_GONE = f"INSERT INTO standing_change SELECT OLD.workspace_id, {_NEXT.format(row='OLD')}, NULL"

Triggers = Mapping[str, tuple[str, tuple[str, ...]]]

TRIGGERS_BEFORE: Triggers = {
    "standing_named": ("INSERT ON identifier", (_TOUCH,)),
    "standing_renamed": ("UPDATE OF workspace_id, blind_index, fragment_id ON identifier", (_GONE, _TOUCH)),
    "standing_unnamed": ("DELETE ON identifier", (_GONE,)),
}
TRIGGERS: Triggers = {"standing_renamed": ("UPDATE OF anchor ON fragment", (_GONE, _TOUCH))}


def upgrade() -> None:
    """Index the anchors, key identifiers by fragment, and widen the links' index."""
    _exchange(TRIGGERS_BEFORE, {})
    op.drop_index("ix_identifier_fragment", "identifier")
    _key_identifiers_by("fragment_id", "blind_index")
    op.create_index("uq_fragment_anchor", "fragment", ["workspace_id", "anchor"], unique=True)
    op.drop_index("ix_link_high", "link")
    op.create_index("ix_link_high", "link", ["workspace_id", "high", "low"])
    _exchange({}, TRIGGERS)


def downgrade() -> None:
    """Key identifiers by their blind index again."""
    _exchange(TRIGGERS, {})
    op.drop_index("ix_link_high", "link")
    op.create_index("ix_link_high", "link", ["workspace_id", "high"])
    op.drop_index("uq_fragment_anchor", "fragment")
    _key_identifiers_by("blind_index", "fragment_id")
    op.create_index("ix_identifier_fragment", "identifier", ["workspace_id", "fragment_id"])
    _exchange({}, TRIGGERS_BEFORE)


def _exchange(away: Triggers, there: Triggers) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in away:
        op.execute(f"DROP TRIGGER {name}")
    for name, (event, steps) in there.items():
        op.execute(f"CREATE TRIGGER {name} AFTER {event} BEGIN {'; '.join(steps)}; END")


def _key_identifiers_by(column: str, other: str) -> None:
    key = ("workspace_id", column)
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("pk_identifier", "identifier", type_="primary")
        op.create_primary_key("pk_identifier", "identifier", list(key))
        return
    # SQLite changes no key of a table that is there. Copied in the order of the key, neighbours lie together.
    names = _make("identifier_by_key", key, other)
    listed = ", ".join(names)
    op.execute(
        f"INSERT INTO identifier_by_key ({listed}) SELECT {listed} FROM identifier ORDER BY workspace_id, {column}"
    )
    op.drop_table("identifier")
    op.rename_table("identifier_by_key", "identifier")


def _make(table: str, key: Sequence[str], other: str) -> list[str]:
    columns = [
        *[sa.Column(name, sa.LargeBinary(length=16), nullable=False) for name in (*key, other)],
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("source_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("message_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
    ]
    op.create_table(table, *columns, sa.PrimaryKeyConstraint(*key, name="pk_identifier"))
    return [column.name for column in columns]
