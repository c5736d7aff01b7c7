"""Which of many purposes have lawful ground, and whether an anonymous history may join a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.consent.decide import Standing, decide
from registry.consent.purposes import CAN_BE_REFUSED, PurposeCatalogue
from registry.consent.records import REFUSALS, current
from registry.model.clock import Micros

SILENT = Standing(known=True, sides=())
"""Somebody who has said nothing: at ingest, an unknown person is a new one."""


def lawful_purposes(
    purposes: frozenset[str],
    standing_by_purpose: Mapping[str, Standing],
    catalogue: PurposeCatalogue,
    *,
    now: Micros,
    jurisdiction: str | None = None,
    signal_opt_out: bool = False,
    said: Mapping[str, bool] | None = None,
    otherwise: Standing = SILENT,
) -> frozenset[str]:
    """Those of a compartment's purposes for which data may be taken in now.

    Args:
        standing_by_purpose: what is known of the person, per purpose.
        said: what the message itself says (`signals`). A no counts; a yes counts as the record that
            the caller makes of it, so that it is kept and can be withdrawn.
        otherwise: the standing for purposes without one: give a restricted one for a restricted person.
    """
    refused = {name for name, allowed in (said or {}).items() if not allowed}
    return frozenset(
        name
        for name in purposes
        if not (name in refused and _can_be_refused(name, catalogue, jurisdiction))
        and decide(
            name,
            frozenset(),
            standing_by_purpose.get(name, otherwise),
            catalogue,
            now=now,
            jurisdiction=jurisdiction,
            signal_opt_out=signal_opt_out,
        ).allowed
    )


def _can_be_refused(name: str, catalogue: PurposeCatalogue, jurisdiction: str | None) -> bool:
    purpose = catalogue.purposes.get(name)
    return purpose is None or purpose.basis_in(jurisdiction) in CAN_BE_REFUSED


def may_join(history: Mapping[str, Standing], required: Iterable[str], *, now: Micros) -> bool:
    """Whether an anonymous history may join the person who logs in (DESIGN, invariant 13).

    It may not where it refused one of the purposes that joining requires (`join_requires` of the
    identity policy). Silence does not keep it apart: what was taken in without consent serves only
    purposes that need none.
    """
    return not any(
        record is not None and record.status in REFUSALS
        for name in required
        if name in history
        for record in (current(side.records, now) for side in history[name].sides)
    )
