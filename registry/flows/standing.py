"""From rows to what `decide` takes: a person's sides, their records, and whether they restrict.

A side is the fragments that were born into one profile: those of one side were never apart, so one
silent fragment of a side that has spoken is no silence (docs/decisions/0003-joining-sides.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from registry.consent.decide import Side, Standing
from registry.consent.records import WHOLE_PERSON, ConsentRecord, ConsentStatus, restriction_holds
from registry.identity.rules import IdentityRules
from registry.model.ids import FragmentId
from registry.model.stored import ConsentState, Fragment, StoredConsent

NOBODY = Standing(known=False, sides=())


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
        ConsentStatus(row.status),
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
    by_fragment: dict[tuple[FragmentId, str], list[ConsentRecord]] = {}
    latest_act = 0
    for row in rows:
        record = _from_state(row) if isinstance(row, ConsentState) else to_record(row)
        by_fragment.setdefault((row.fragment_id, row.purpose), []).append(record)
        latest_act = max(latest_act, record.acted_at)
    sides: dict[bytes, list[Fragment]] = {}
    for fragment in fragments:
        sides.setdefault(fragment.origin_profile_id, []).append(fragment)
    joined_at = max(fragment.joined_at for fragment in fragments)
    restricted = any(
        restriction_holds(_records(by_fragment, members, WHOLE_PERSON), latest_act) for members in sides.values()
    )
    anonymous = {
        side: all(f.kind in rules.kinds and rules.kinds[f.kind].anonymous for f in members)
        for side, members in sides.items()
    }
    return {
        purpose: Standing(
            known=True,
            sides=tuple(
                Side(anonymous[side], _records(by_fragment, members, purpose)) for side, members in sides.items()
            ),
            joined_at=joined_at,
            restricted=restricted,
        )
        for purpose in purposes
    }


def _records(
    by_fragment: Mapping[tuple[FragmentId, str], list[ConsentRecord]], members: Sequence[Fragment], purpose: str
) -> list[ConsentRecord]:
    return [record for f in members for record in by_fragment.get((f.fragment_id, purpose), ())]
