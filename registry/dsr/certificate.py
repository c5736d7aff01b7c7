"""The certificate: what a request did, as the claims of a JWT that anybody can check offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from registry.dsr.accounting import FieldAccount
from registry.model.clock import SECOND, Micros, rfc3339

CERTIFICATE_TYPE = "dsr-certificate+jwt"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What an erasure made unreadable, under which KEK generation, and the rows that a second look still found."""

    keys: int
    kek_generation: int
    remaining: int
    by_place: Sequence[str] = ()
    """Kinds of identifier that are too short to be told by text alone: outside, looked for where they are described."""
    restored_at: Micros | None = None
    """When an older copy of the data was put back, after which systems outside were asked by what the request names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the certificate states of a finished request; counts and ids, nothing personal."""

    request_id: str
    kind: str
    jurisdiction: str
    subject: str
    received_at: Micros
    respond_by: Micros
    completed_at: Micros
    accounts: Sequence[FieldAccount]
    destroyed: Destroyed | None = None
    """Of an erasure; None where nothing was to be destroyed."""
    retained: Sequence[Mapping[str, object]] = ()
    """What was set aside for legal holds and statutory duties, by each."""
    told: Sequence[Mapping[str, object]] = ()
    """Every destination that had data of the person, and whether it has acknowledged the erasure by now."""
    requester: Mapping[str, object] = field(default_factory=dict)
    """How sure it was who asked: the level of the kind, by which means, and by which mandate an agent asked."""
    ends_case: str | None = None
    """The case whose end this certifies: the part of the erasure that a hold or duty had deferred."""
    ended_at: Micros | None = None
    """When that was done: the request was answered before, whether in time or not."""
    restored_at: Micros | None = None
    """When an older copy of the data was put back that did not know everything of a correction that had begun."""
    zone: tzinfo = UTC
    """By whose clocks the law counts its days: times are stated with that offset, so that their dates are the law's."""

    @property
    def issued_at(self) -> Micros:
        """When what it states was done."""
        return self.completed_at if self.ended_at is None else self.ended_at


def certificate_claims(
    outcome: Outcome, *, issuer: str, controller: str, audit_size: int, audit_root: str, version: str
) -> dict[str, object]:
    """The claims of a certificate that conforms to `schemas/certificate.schema.json`.

    `audit_size` and `audit_root` are the log's before the entry on the certificate itself, which follows at once.
    `subject` is a keyed pseudonym: whoever holds the person's identifier and the workspace's key can
    compute it again, nobody else can learn from it whom it is about.
    """
    kept = {"retained": [dict(one) for one in outcome.retained]} if outcome.retained else {}
    told = {"destinations": [dict(one) for one in outcome.told]} if outcome.told else {}
    ended: dict[str, object] = {"ends_case": outcome.ends_case} if outcome.ends_case is not None else {}
    if outcome.ended_at is not None:
        ended["ended"] = rfc3339(outcome.ended_at, outcome.zone)
    if outcome.restored_at is not None:
        ended["restored"] = rfc3339(outcome.restored_at, outcome.zone)
    return {
        "format": FORMAT,
        "iss": issuer,
        "controller": controller,
        "iat": outcome.issued_at // SECOND,
        "jti": outcome.request_id,
        "sub": outcome.subject,
        "request": {
            "kind": outcome.kind,
            "jurisdiction": outcome.jurisdiction,
            "received": rfc3339(outcome.received_at, outcome.zone),
            "respond_by": rfc3339(outcome.respond_by, outcome.zone),
            "completed": rfc3339(outcome.completed_at, outcome.zone),
            "in_time": outcome.completed_at <= outcome.respond_by,
        },
        "fields": [account.as_json() for account in outcome.accounts],
        "audit": {"size": audit_size, "root": audit_root},
        "registry_version": version,
        **(_destroyed(outcome.destroyed, outcome.zone) if outcome.destroyed is not None else {}),
        **({"requester": dict(outcome.requester)} if outcome.requester else {}),
        **kept,
        **told,
        **ended,
    }


def _destroyed(what: Destroyed, zone: tzinfo) -> dict[str, object]:
    return {
        "keys": {
            "bundles_destroyed": what.keys,
            "kek_generation": what.kek_generation,
            "horizon": "a backup of the keystore taken before this opens until this KEK generation is destroyed",
        },
        "verification": {
            "rows_found_by_second_look": what.remaining,
            "passed": what.remaining == 0,
            **({"looked_for_where_described": list(what.by_place)} if what.by_place else {}),
            **({"restored": rfc3339(what.restored_at, zone)} if what.restored_at is not None else {}),
        },
    }
