"""OpenDSR 2.0 in our terms: its kinds of requests, identities and statuses (opengdpr/OpenDSR, specification.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from registry.dsr.requests import Kind, State

API_VERSION = "2.0"
OLD_VERSION = "1.0"

PREFIXES = ("X-OpenDSR", "X-OpenGDPR")
"""What the names of headers begin with: today's, and that of the name before, which is honoured too (section 10.1)."""

DOMAIN, SIGNATURE = "Processor-Domain", "Signature"


class Regulation(StrEnum):
    """Which law a request invokes; the names of jurisdictions.yaml."""

    GDPR = "gdpr"
    CCPA = "ccpa"


class Asked(StrEnum):
    """The types of requests that the specification has."""

    ACCESS = "access"
    PORTABILITY = "portability"
    ERASURE = "erasure"


class Status(StrEnum):
    """Where a request stands, as a controller is told."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


LAST = frozenset({Status.COMPLETED, Status.CANCELLED})

KINDS: Mapping[tuple[Regulation, Asked], Kind] = {
    (Regulation.GDPR, Asked.ACCESS): Kind.ACCESS,
    (Regulation.GDPR, Asked.PORTABILITY): Kind.PORTABILITY,
    (Regulation.GDPR, Asked.ERASURE): Kind.ERASURE,
    (Regulation.CCPA, Asked.ACCESS): Kind.KNOW,
    (Regulation.CCPA, Asked.PORTABILITY): Kind.PORTABILITY,
    (Regulation.CCPA, Asked.ERASURE): Kind.DELETE,
}

_ASKED_OF: Mapping[Kind, tuple[Regulation, Asked]] = {kind: asked for asked, kind in reversed(list(KINDS.items()))}

_DEVICES = (
    "android_advertising_id", "android_id", "fire_advertising_id", "ios_advertising_id", "ios_vendor_id",
    "microsoft_advertising_id", "microsoft_publisher_id", "roku_advertising_id", "roku_publisher_id",
)  # fmt: skip

IDENTITIES: Mapping[str, str] = {
    "controller_customer_id": "user_id",
    "email": "email",
    **dict.fromkeys(_DEVICES, "device_id"),
}
"""Identity type of the specification -> kind of the identity policy."""

RAW = "raw"
"""The one format that is taken: a hash that the controller made cannot be found among keyed ones (decision 0018)."""

HASHED = "sha256"
"""The one other format that is given: lower-case hexadecimal over the normalised value."""

_STATUS_OF: Mapping[State, Status] = {
    State.RECEIVED: Status.PENDING,
    State.VERIFIED: Status.PENDING,
    State.PAUSED: Status.PENDING,
    State.APPROVED: Status.IN_PROGRESS,
    State.ACTING: Status.IN_PROGRESS,
    State.WAITING: Status.IN_PROGRESS,
    State.COMPLETED: Status.COMPLETED,
    State.REFUSED: Status.CANCELLED,
    State.CANCELLED: Status.CANCELLED,
}


def headers_of(domain: str, signature: str) -> dict[str, str]:
    """The headers of something signed, by each name that they have had."""
    told = {DOMAIN: domain, SIGNATURE: signature}
    return {f"{prefix}-{name}": value for prefix in PREFIXES for name, value in told.items()}


def header(headers: Mapping[str, str], name: str) -> str:
    """A header by any name that it has had, today's first; empty where there is none.

    Args:
        headers: with lower-case names.
    """
    return next((value for p in PREFIXES if (value := headers.get(f"{p}-{name}".lower()))), "")


def status_of(state: State) -> Status:
    """Where a request in this state stands for a controller. A refusal is told as a cancellation: the
    specification has no word for it.
    """
    return _STATUS_OF[state]


def statuses(states: Iterable[State]) -> list[Status]:
    """The statuses that a request has gone through, each change once."""
    passed: list[Status] = []
    for state in states:
        status = _STATUS_OF[state]
        if not passed or passed[-1] is not status:
            passed.append(status)
    return passed


def supported(kinds: Iterable[str]) -> list[dict[str, str]]:
    """The identities that a policy with these kinds of identifiers can find somebody by."""
    known = frozenset(kinds)
    return [{"identity_type": name, "identity_format": RAW} for name, kind in IDENTITIES.items() if kind in known]


def asked_of(kind: Kind) -> tuple[Regulation, Asked] | None:
    """As what a processor is asked for a request of this kind; None where the specification has no such type."""
    return _ASKED_OF.get(kind)
