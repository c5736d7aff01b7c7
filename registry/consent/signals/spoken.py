"""Decoded consent strings, in the catalogue's purposes: a no wherever any of them says no."""

from __future__ import annotations

from collections.abc import Mapping

from registry.consent.purposes import LawfulBasis, Purpose, PurposeCatalogue
from registry.consent.signals.gpp import GppString
from registry.consent.signals.tcf import BY_CONSENT_ONLY, TcString

OPTED_OUT = 1
"""In every choice of a US section: opted out, or no consent."""


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
