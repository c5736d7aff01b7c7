"""How long things are kept (GDPR Art. 5(1)(e)), and what becomes of data whose ground or time has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from registry.documents import Document
from registry.dsr.holding import Duty
from registry.model.clock import DAY, Micros

EXPIRED = "retention_ended"
"""Why data goes whose purposes still have a ground, but have had it for long enough."""

RESTRICTED = "restricted"
"""Why a compartment is locked and yet kept: restricted data is stored, and nothing else (GDPR Art. 18(2))."""

GRAVITY = (
    "objected", "withdrawn", "denied", "merged_sides_differ", "expired", "ask_again", "unknown_purpose",
    "no_record",
)  # fmt: skip
"""Of the reasons that a compartment's purposes have no ground, the first of these is told."""

YES = frozenset({"granted", "unrestricted"})
"""What a current record may say of somebody who can be forgotten: to be unknown is to be asked again."""

UNITS = {"D": 1, "W": 7, "M": 30, "Y": 365}
"""Days in the units of `x-retention` (ISO 8601 durations); a month is 30 of them, a year 365."""


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention policy.

    Attributes:
        quarantine_for: how long a rejected message waits for a plan fix.
        duties: what an erasure sets aside because a law wants it kept.
        package_for: how long it is known, sealed, whom a completed access request named.
        grace_for: how long a compartment without any lawful ground stays locked before its key is destroyed.
        bare_identity_for: how long identifiers and consent records are kept of people of whom nothing else is left;
            None for ever.
    """

    quarantine_for: Micros
    grace_for: Micros
    duties: tuple[Duty, ...] = ()
    package_for: Micros = 30 * DAY
    bare_identity_for: Micros | None = None

    @classmethod
    def from_document(cls, document: Document) -> Retention:
        """The policy of a document that conforms to `schemas/policies/retention.schema.json`."""
        value = cast(Mapping[str, Any], document.value)
        duties = tuple(
            Duty(one["name"], one["ground"], one["purpose"], tuple(one["categories"]), one["days"] * DAY)
            for one in value.get("statutory", ())
        )
        return cls(
            value["quarantine_days"] * DAY,
            value.get("grace_days", 30) * DAY,
            duties,
            value.get("package_days", 30) * DAY,
            value["bare_identity_days"] * DAY if "bare_identity_days" in value else None,
        )


class Lock(NamedTuple):
    """That a compartment is closed: why, since when, and when its key is to be destroyed; None for never."""

    reason: str
    locked_at: Micros
    shred_at: Micros | None


def lock_for(
    purposes: frozenset[str], refused: Mapping[str, str], before: Lock | None, *, now: Micros, grace: Micros
) -> Lock | None:
    """The lock that a compartment needs now; None where one of its purposes has a lawful ground.

    While the person restricts processing, nothing of theirs is destroyed, whatever else its purposes lack.

    Args:
        refused: all purposes that have no ground for the person, each with the reason.
        before: the lock that stands. Its time goes on unless what it rests on has changed in kind.
    """
    if not purposes or purposes - refused.keys():
        return None
    if RESTRICTED in refused.values():
        return before if before is not None and before.shred_at is None else Lock(RESTRICTED, now, None)
    reasons = [refused[name] for name in sorted(purposes)]
    reason = min(reasons, key=lambda told: GRAVITY.index(told) if told in GRAVITY else len(GRAVITY))
    if before is not None and before.shred_at is not None:
        return before._replace(reason=reason)
    return Lock(reason, now, now + grace)


def kept_for(purposes: frozenset[str], grounded: frozenset[str], periods: Mapping[str, Micros]) -> Micros:
    """How long data of a compartment is kept: as long as the longest of its purposes that have a ground allows.

    What serves no purpose, the bare trace that a message came, is kept as long as anything.
    """
    counted = (purposes & grounded & periods.keys()) or (frozenset() if purposes else frozenset(periods))
    return max((periods[name] for name in counted), default=0)


def nothing_but_yes(said: Iterable[tuple[str, Micros | None]], now: Micros) -> bool:
    """Whether forgetting what a person said, the current records of every purpose and fragment, loses no no.

    Who refused must go on to be known, or a banner's next yes would count; so must a consent that has ended, since an
    older record of it may come yet.

    Args:
        said: each record's status, and when it ends by itself.
    """
    return all(status in YES and (expires_at is None or expires_at > now) for status, expires_at in said)


def duration(text: str) -> Micros:
    """The time of an `x-retention` of a tracking plan, such as `P30D`."""
    return int(text[1:-1]) * UNITS[text[-1]] * DAY
