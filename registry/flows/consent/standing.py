"""From rows to what `decide` takes: a person's sides, their records, and whether they restrict.

A side is the fragments that were born into one profile: those of one side were never apart, so one
silent fragment of a side that has spoken is no silence (docs/decisions/0003-joining-sides.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.consent.decide import Side, Standing
from registry.consent.records import WHOLE_PERSON, ConsentRecord, ConsentStatus, restriction_holds
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.ids import FragmentId, ProfileId
from registry.model.stored import ConsentState, Fragment, StoredConsent

FOREVER = 2**63 - 1

NOBODY = Standing(known=False, sides=())

_STATUS = {status.value: status for status in ConsentStatus}

Alike = tuple[bool, frozenset[tuple[str, str]]]


def to_record(row: StoredConsent) -> ConsentRecord:
    """A ledger row as the rules know it."""
    return ConsentRecord(
        row.record_id,
        row.fragment_id,
        row.purpose,
        ConsentStatus(row.status),
        row.acted_at,
        row.recorded_at,
        row.expires_at,
        row.purpose_version,
        row.notice_version,
        row.language,
        row.jurisdiction,
        row.channel,
        row.actor,
        row.source_name,
    )


def _from_state(row: ConsentState) -> ConsentRecord:
    return ConsentRecord(
        row.record_id,
        row.fragment_id,
        row.purpose,
        _STATUS[row.status],
        row.acted_at,
        row.recorded_at,
        row.expires_at,
        0,
        None,
        None,
        None,
        "",
        "",
        "",
    )


def alike(
    rules: IdentityRules, fragments: Sequence[Fragment], rows: Sequence[ConsentState], now: Micros, last_change: Micros
) -> Alike | None:
    """What people have in common of whom every question now has the same answer; None where that cannot be told.

    Of somebody with one side, one record a purpose and none that ends, lies ahead or was made before a purpose last
    changed in substance, the words alone decide.
    """
    if len({fragment.origin_profile_id for fragment in fragments}) != 1:
        return None
    said = {row.purpose: row.status for row in rows}
    odd = (row.expires_at is not None or not last_change <= row.acted_at <= now for row in rows)
    if len(said) != len(rows) or any(odd):
        return None
    kinds = rules.kinds
    anonymous = all(f.kind in kinds and kinds[f.kind].anonymous for f in fragments)
    return anonymous, frozenset(said.items())


def standings_for(
    rules: IdentityRules,
    fragments: Sequence[Fragment],
    rows: Iterable[ConsentState | StoredConsent],
    purposes: Iterable[str],
) -> dict[str, Standing]:
    """The standing of one person for each of some purposes.

    Args:
        fragments: of the person's profile; none for nobody.
        rows: current records, or as much of the history as counts.
    """
    if not fragments:
        return dict.fromkeys(purposes, NOBODY)
    side_of: dict[FragmentId, ProfileId] = {}
    anonymous: dict[ProfileId, bool] = {}
    for fragment in fragments:
        side = side_of[fragment.fragment_id] = fragment.origin_profile_id
        rule = rules.kinds.get(fragment.kind)
        anonymous[side] = anonymous.get(side, True) and rule is not None and rule.anonymous
    spoken: dict[str, dict[ProfileId, list[ConsentRecord]]] = {}
    for row in rows:
        record = _from_state(row) if isinstance(row, ConsentState) else to_record(row)
        spoken.setdefault(row.purpose, {}).setdefault(side_of[row.fragment_id], []).append(record)
    joined_at = max(fragment.joined_at for fragment in fragments)
    whole = spoken.get(WHOLE_PERSON, {})
    restricted = any(restriction_holds(said, FOREVER) for said in whole.values())
    silent = Standing(True, tuple(Side(alone, ()) for alone in anonymous.values()), joined_at, restricted)
    standings: dict[str, Standing] = {}
    for purpose in purposes:
        said = spoken.get(purpose)
        if said is None:
            standings[purpose] = silent
        else:
            sides = tuple(Side(alone, said.get(side, ())) for side, alone in anonymous.items())
            spoken_at = max(record.acted_at for own in said.values() for record in own)
            standings[purpose] = Standing(True, sides, joined_at, restricted, spoken_at)
    return standings
