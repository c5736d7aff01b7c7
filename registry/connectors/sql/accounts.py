"""What a request does with every field of a described table, as plans and certificates state it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from registry.connectors.datasets import Table
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import CORRECTED, UNTOUCHED
from registry.dsr.requests import EFFECTS, Effect, Kind


def accounts_of(
    system: str, kind: Kind, table: Table, rows: int, others: int, written: Collection[str] = ()
) -> Iterator[FieldAccount]:
    """An account of each field, in so many rows.

    Args:
        others: rows that carry an identifier of the person's and are others'.
        written: the fields that a correction writes.
    """
    effect = EFFECTS[kind]
    for name, field in table.fields.items():
        ground = CORRECTED if name in written else field.ground or UNTOUCHED
        place = (system, table.name, name)
        if effect is Effect.ERASE and name not in table.kept:
            yield FieldAccount(*place, Disposition.ERASED, rows, others=others)
        elif effect is Effect.GIVE and field.exported:
            yield FieldAccount(*place, Disposition.EXPORTED, rows, others=others)
        else:
            yield FieldAccount(*place, Disposition.RETAINED, rows, ground, others)
