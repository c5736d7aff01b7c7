"""IAB TCF consent strings (TC strings), versions 2.2 and 2.3 of the framework, decoded strictly.

Source: IAB Tech Lab, "Transparency and Consent String with Global Vendor & CMP List Formats", version 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.consent.signals.bits import MAX_CHARS, Bits, Ranges
from registry.model.clock import SECOND, Micros
from registry.model.errors import InvalidInput

DECISECOND: Micros = SECOND // 10
POLICY_4_SINCE: Micros = 1_696_118_400 * SECOND
"""2023-10-01: strings made since then under policies before version 4 (TCF 2.2) are invalid."""
DISCLOSED_SINCE: Micros = 1_772_323_200 * SECOND
"""2026-03-01: strings made since then must say which vendors were disclosed (TCF 2.3)."""
POLICY_OF_2_3 = 5
BY_CONSENT_ONLY = frozenset({1, 3, 4, 5, 6})
"""Purposes for which TCF 2.2 and later know no legitimate interest."""


@dataclass(frozen=True, slots=True)
class PublisherChoices:
    """What the person allowed the publisher itself, apart from vendors."""

    consents: frozenset[int]
    legitimate_interests: frozenset[int]
    custom_consents: frozenset[int]
    custom_legitimate_interests: frozenset[int]


@dataclass(frozen=True, slots=True)
class Restriction:
    """A publisher's restriction on a purpose: `kind` 0 not allowed, 1 needs consent, 2 needs a legitimate interest."""

    purpose: int
    kind: int
    vendors: Ranges


@dataclass(frozen=True, slots=True)
class TcString:
    """A TC string, decoded. Numbers of purposes and special features count from 1.

    Attributes:
        created, last_updated: to a tenth of a second.
        vendors_disclosed, vendors_allowed, publisher: None where their segment is absent.
    """

    created: Micros
    last_updated: Micros
    cmp_id: int
    cmp_version: int
    consent_screen: int
    consent_language: str
    vendor_list_version: int
    policy_version: int
    non_standard_texts: bool
    special_features: frozenset[int]
    purpose_consents: frozenset[int]
    purpose_legitimate_interests: frozenset[int]
    purpose_one_treatment: bool
    publisher_country: str
    vendor_consents: Ranges
    vendor_legitimate_interests: Ranges
    restrictions: tuple[Restriction, ...]
    vendors_disclosed: Ranges | None = None
    vendors_allowed: Ranges | None = None
    publisher: PublisherChoices | None = None


def decode_tc_string(text: str) -> TcString:
    """A TC string, every bit of it accounted for.

    Raises:
        InvalidInput: it is too long, cut off, of another version or layout, made under policies that had ended, not
            specific to one service, or lacks the disclosed vendors that it must have; `detail` says which.
    """
    if len(text) > MAX_CHARS:
        raise InvalidInput("the TC string is too long")
    first, *rest = text.split(".")
    optional: dict[int, Ranges | PublisherChoices] = {}
    for segment in rest:
        kind, value = _optional(segment)
        if kind in optional:
            raise InvalidInput("a segment of the TC string stands twice")
        optional[kind] = value
    decoded = _core(first, optional)
    if decoded.last_updated < decoded.created:
        raise InvalidInput("the TC string was updated before it was made")
    if decoded.policy_version < 4 and decoded.last_updated >= POLICY_4_SINCE:
        raise InvalidInput("the TC string was made under a version of the policies that had ended")
    must_disclose = decoded.policy_version >= POLICY_OF_2_3 or decoded.last_updated >= DISCLOSED_SINCE
    if must_disclose and decoded.vendors_disclosed is None:
        raise InvalidInput("the TC string does not say which vendors were disclosed")
    return decoded


def _core(segment: str, optional: dict[int, Ranges | PublisherChoices]) -> TcString:
    bits = Bits(segment, "the core of the TC string")
    if bits.number(6) != 2:
        raise InvalidInput("the TC string is not of version 2")
    created, last_updated = bits.number(36) * DECISECOND, bits.number(36) * DECISECOND
    cmp_id, cmp_version, screen = bits.number(12), bits.number(12), bits.number(6)
    language, vendor_list_version, policy_version = bits.letters(), bits.number(12), bits.number(6)
    if not bits.flag():
        raise InvalidInput("the TC string is not specific to one service")
    disclosed, allowed, publisher = optional.get(1), optional.get(2), optional.get(3)
    decoded = TcString(
        created,
        last_updated,
        cmp_id,
        cmp_version,
        screen,
        language,
        vendor_list_version,
        policy_version,
        non_standard_texts=bits.flag(),
        special_features=bits.numbered(12),
        purpose_consents=bits.numbered(24),
        purpose_legitimate_interests=bits.numbered(24),
        purpose_one_treatment=bits.flag(),
        publisher_country=bits.letters(),
        vendor_consents=bits.ids(),
        vendor_legitimate_interests=bits.ids(),
        restrictions=tuple([_restriction(bits) for _ in range(bits.number(12))]),
        vendors_disclosed=disclosed if isinstance(disclosed, tuple) else None,
        vendors_allowed=allowed if isinstance(allowed, tuple) else None,
        publisher=publisher if isinstance(publisher, PublisherChoices) else None,
    )
    bits.end()
    return decoded


def _restriction(bits: Bits) -> Restriction:
    purpose, kind = bits.number(6), bits.number(2)
    if not 1 <= purpose <= 24 or kind == 3:
        raise InvalidInput("the TC string restricts a purpose, or in a way, that there is not")
    return Restriction(purpose, kind, bits.ranges())


def _optional(segment: str) -> tuple[int, Ranges | PublisherChoices]:
    bits = Bits(segment, "a segment of the TC string")
    kind = bits.number(3)
    value: Ranges | PublisherChoices
    if kind in (1, 2):
        value = bits.ids()
    elif kind == 3:
        consents, interests = bits.numbered(24), bits.numbered(24)
        own = bits.number(6)
        value = PublisherChoices(consents, interests, bits.numbered(own), bits.numbered(own))
    else:
        raise InvalidInput("the TC string has a segment of a type that there is not")
    bits.end()
    return kind, value
