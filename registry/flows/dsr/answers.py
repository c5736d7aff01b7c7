"""What systems outside answer, held against what they have to: code of somebody's own may answer anything.

What is not understood is waited for, as what does not answer is: nothing of it may stand in a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry.dsr.accounting import EVERY_TABLE, Disposition, FieldAccount
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.flows.dsr.reaching import asked
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

MOST_ROWS = 2**63 - 1


def planned(system: LinkedSystem, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
    """What a system would do.

    Raises:
        LinkedSystemUnavailable: it does not answer, or says something else.
    """
    plan: Any = asked(system, lambda: system.plan(kind, people))
    if not isinstance(plan, SystemPlan):
        raise _not_understood(system, "its plan is none")
    accounts = asked(system, lambda: list(plan.accounts))  # which may be told one by one
    for one in accounts:
        if (reason := _fault(system, kind, one)) is not None:
            raise _not_understood(system, reason)
    return replace(plan, accounts=accounts)


def accounted(system: LinkedSystem, kind: Kind, told: Any) -> list[FieldAccount]:
    """What a system did with its fields, each one once.

    Raises:
        LinkedSystemUnavailable: it says something else, or names no field: nothing in the certificate would say that
            there is such a system.
    """
    accounts = asked(system, lambda: list(told or ()))
    for one in accounts:
        if (reason := _fault(system, kind, one)) is not None:
            raise _not_understood(system, reason)
    if not accounts:
        raise LinkedSystemUnavailable(f"{system.name} names no field: it accounts for each, however many rows it has")
    if len({(one.table, one.field) for one in accounts}) < len(accounts):
        raise _not_understood(system, "it accounts for a field twice")
    return accounts


def remaining(system: LinkedSystem, kind: Kind, people: Sequence[Identifier]) -> dict[str, int]:
    """Rows that a system still finds, by place.

    Raises:
        LinkedSystemUnavailable: it does not answer, or says something else.
    """
    left: Any = asked(system, lambda: system.remaining(kind, people))
    if not isinstance(left, Mapping) or not all(isinstance(place, str) for place in left):
        raise _not_understood(system, "what it says is left is no table with its rows")
    if not all(_is_count(rows) for rows in left.values()):
        raise _not_understood(system, "what it says is left is no number of rows")
    return {place: rows for place, rows in left.items() if rows}


def _fault(system: LinkedSystem, kind: Kind, one: Any) -> str | None:
    """Why this is no account of a field of the system; None if it is one."""
    if not isinstance(one, FieldAccount) or not all(isinstance(name, str) for name in (one.table, one.field)):
        return "its account is none"
    if one.system != system.name or one.table == EVERY_TABLE:
        return "it accounts for what is not its own"
    if not _is_count(one.rows) or not _is_count(one.others):
        return "what it counts is no number of rows"
    ground: object = one.ground
    if not isinstance(ground, str | None):
        return "what it says is no ground"
    disposition: object = one.disposition
    if not isinstance(disposition, Disposition):
        return "what it did is neither of what can be done"
    given_only = EFFECTS[kind] is Effect.ERASE and disposition is Disposition.EXPORTED
    return "it gave out what was to be erased" if given_only else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ROWS


def _not_understood(system: LinkedSystem, reason: str) -> LinkedSystemUnavailable:
    return LinkedSystemUnavailable(
        f"{system.name} does not answer as a linked system does: {reason}", hint="registry.dsr.plan.LinkedSystem"
    )
