"""Decoded consent strings, in the catalogue's purposes: a no wherever any of them says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from registry.consent.purposes import LawfulBasis, Purpose, PurposeCatalogue
from registry.consent.records import CLOCK_TOLERANCE
from registry.consent.signals.gpp import GppString, decode_gpp_string
from registry.consent.signals.tcf import BY_CONSENT_ONLY, TcString, decode_tc_string
from registry.model.clock import DAY, Micros
from registry.model.errors import InvalidInput

OPTED_OUT = 1
"""In every choice of a US section: opted out, or no consent."""


NO_DATES: Mapping[str, Micros] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Spoken:
    """What signals say of purposes.

    Attributes:
        said: yes or no of each purpose that they speak of.
        objected: the purposes that Global Privacy Control refuses: an objection (GDPR Art. 21(5)).
        given_by: when the yes of a purpose was given at the latest, by the date of its string; of those that have one.
    """

    said: dict[str, bool]
    objected: frozenset[str] = frozenset()
    given_by: Mapping[str, Micros] = field(default_factory=lambda: NO_DATES)

    def __and__(self, other: Spoken) -> Spoken:
        """Both together: where they differ, the no."""
        dates = dict(self.given_by)
        for name, date in other.given_by.items():
            dates[name] = min(date, dates.get(name, date))
        return Spoken(both(self.said, other.said), self.objected | other.objected, dates)


NOTHING = Spoken({})


def tcf_spoken(text: str, catalogue: PurposeCatalogue, now: Micros) -> Spoken:
    """What a TC string says.

    Its date may be that of a day alone, as the framework has it: today's counts as now, and an earlier one from its
    beginning, since a no may have followed on that day.

    Raises:
        InvalidInput: it cannot be decoded, or was made in the future.
    """
    decoded = decode_tc_string(text)
    said, date = from_tcf(decoded, catalogue), _given_by(decoded, now)
    return Spoken(said, given_by=dict.fromkeys(said, date))


def gpp_spoken(text: str, catalogue: PurposeCatalogue, now: Micros) -> Spoken:
    """What a GPP string says, Global Privacy Control in one of its sections included.

    Raises: as `tcf_spoken`.
    """
    decoded = decode_gpp_string(text)
    objects = any(section.gpc for section in decoded.us.values())
    dates = dict.fromkeys(from_tcf(decoded.tcf, catalogue), _given_by(decoded.tcf, now)) if decoded.tcf else NO_DATES
    return Spoken(from_gpp(decoded, catalogue), opted_out(catalogue) if objects else frozenset(), dates)


def opted_out(catalogue: PurposeCatalogue) -> frozenset[str]:
    """The purposes that Global Privacy Control refuses."""
    return frozenset(purpose.name for purpose in catalogue.purposes.values() if purpose.gpc_opts_out)


def _given_by(said: TcString, now: Micros) -> Micros:
    if said.last_updated > now + CLOCK_TOLERANCE:
        raise InvalidInput("the TC string was made in the future")
    is_today = said.last_updated % DAY == 0 and now < said.last_updated + DAY
    return now if is_today else said.last_updated


def both(one: Mapping[str, bool], other: Mapping[str, bool]) -> dict[str, bool]:
    """What two signals say together: where they differ, the no; a purpose that one does not speak of, as the other."""
    return {name: one.get(name, True) and other.get(name, True) for name in (*one, *other)}


def from_tcf(said: TcString, catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What a TC string says of the purposes mapped to TCF purposes or special features.

    A purpose needs all of them. Consent is needed for each; where the purpose's lawful basis can do without consent
    and TCF knows a legitimate interest for the number, that suffices. What the person allowed the publisher itself
    must agree, where the string has it.
    """
    mapped = [p for p in catalogue.purposes.values() if p.tcf_purposes or p.tcf_special_features]
    return {purpose.name: _allows(said, purpose) for purpose in mapped}


def _allows(said: TcString, purpose: Purpose) -> bool:
    consented, by_interest = said.purpose_consents, said.purpose_legitimate_interests
    if said.publisher is not None:
        consented = consented & said.publisher.consents
        by_interest = by_interest & said.publisher.legitimate_interests
    ground = consented
    if purpose.basis_in(None) is not LawfulBasis.CONSENT:
        ground = consented | (by_interest - BY_CONSENT_ONLY)
    return ground.issuperset(purpose.tcf_purposes) and said.special_features.issuperset(purpose.tcf_special_features)


def from_gpp(said: GppString, catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What a GPP string says of the purposes mapped to its sections.

    The US sections and US Privacy know opt-outs only: they say no, or nothing. A field of several values says no
    if one of them does. Global Privacy Control in a section counts as `Sec-GPC: 1`.
    """
    spoken = from_tcf(said.tcf, catalogue) if said.tcf is not None else {}
    gpc = any(section.gpc for section in said.us.values())
    for purpose in catalogue.purposes.values():
        refused = (gpc or said.sale_opt_out is True) and purpose.gpc_opts_out
        for name, fields in purpose.gpp.items():
            values = said.us[name].values if name in said.us else {}
            refused = refused or any(OPTED_OUT in values.get(field, ()) for field in fields)
        if refused:
            spoken[purpose.name] = False
    return spoken
