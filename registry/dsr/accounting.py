"""Accounting for every field: a request is complete when nothing declared is left unmentioned."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

EVERY_TABLE = "every table"
"""What stands for the tables of a system that was not reached."""
EVERY_FIELD = "every field"
"""What stands for the fields of a system that tells none."""

WHOLE = "this system is kept whole, since it cannot keep a part"
ELSEWHERE = "left in rows of others that point at the person"
MENTIONED = "emptied as well in rows of others that point at the person"
TOLD = "kept; the service was told of"
"""What grounds say of what is there, or may be, though no rows of the person are counted."""


class Disposition(StrEnum):
    """What a request did with a field."""

    EXPORTED = "exported"
    ERASED = "erased"
    RETAINED = "retained"


class FieldAccount(NamedTuple):
    """What was done with one field of one table: in how many rows, and on which ground if it was kept.

    Attributes:
        others: rows of the table that carry an identifier of the person and are somebody else's, so they are left.
    """

    system: str
    table: str
    field: str
    disposition: Disposition
    rows: int
    ground: str | None = None
    others: int = 0

    def as_json(self) -> dict[str, object]:
        """The account as a JSON object."""
        members: dict[str, object] = {
            "system": self.system,
            "table": self.table,
            "field": self.field,
            "disposition": str(self.disposition),
            "rows": self.rows,
        }
        if self.ground is not None:
            members["ground"] = self.ground
        if self.others:
            members["rows_of_others"] = self.others
        return members


def stands_without_rows(disposition: str, field: str, ground: str | None) -> bool:
    """Whether an account without rows says more than that nothing of the person was there: of a system that was not
    reached, tells no counts, is kept whole or was only told; of rows of others that point at the person.
    """
    told = ground or ""
    beyond = any(words in told for words in (WHOLE, ELSEWHERE, MENTIONED, TOLD))
    return field == EVERY_FIELD or beyond or (disposition == Disposition.ERASED and bool(told))


def unaccounted(
    declared: Iterable[tuple[str, str, str]], accounts: Iterable[FieldAccount]
) -> list[tuple[str, str, str]]:
    """The declared (system, table, field) that no account mentions, and retained ones without a ground."""
    settled = {
        (account.system, account.table, account.field)
        for account in accounts
        if account.disposition is not Disposition.RETAINED or account.ground
    }
    return sorted(set(declared) - settled)


def not_reached(system: str, actor: str, reason: str) -> FieldAccount:
    """The account of a whole system, of which somebody decided that it is not waited for."""
    ground = f"not reached; decided by {actor}: {reason}"
    return FieldAccount(system, EVERY_TABLE, EVERY_FIELD, Disposition.RETAINED, 0, ground)


def left_out(accounts: Iterable[FieldAccount]) -> set[str]:
    """The systems of which somebody decided that they are not waited for."""
    return {account.system for account in accounts if account.table == EVERY_TABLE}
