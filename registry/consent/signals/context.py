"""What a message's context says of consent, in all the shapes that senders use.

A purpose that is absent from an answer was not spoken of: the ledger decides. What cannot be read is a no, never a
yes. Where two signals differ, the no counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from registry.consent.purposes import PurposeCatalogue
from registry.consent.signals.banners import from_rudderstack, from_segment
from registry.consent.signals.google import from_google
from registry.consent.signals.gpp import decode_gpp_string
from registry.consent.signals.spoken import both, from_gpp, from_tcf
from registry.consent.signals.tcf import decode_tc_string
from registry.model.errors import InvalidInput

SAYING = ("consent", "consentManagement")
"""The members of a message's context that speak of consent."""

TC_STRING, GPP_STRING, GOOGLE = "tcString", "gppString", "googleConsentMode"
"""The members of `context.consent` that hold an IAB TC string, a GPP string (named as the IAB's own browser interfaces
name them) and the states of Google Consent Mode."""

PREFERENCES = "categoryPreferences"


def from_context(context: Mapping[str, object], catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What a message's context says of each purpose; where two of its signals differ, the no.

    A string that cannot be decoded is a no for every purpose that is mapped to TCF or GPP.
    """
    consent = context.get("consent")
    said = from_rudderstack(context, catalogue)
    members = consent if isinstance(consent, dict) else {}
    if PREFERENCES in members or not members.keys() & {TC_STRING, GPP_STRING, GOOGLE}:
        said = both(from_segment(context, catalogue), said)
    if TC_STRING in members:
        said = both(said, _read(members[TC_STRING], _tcf, catalogue))
    if GPP_STRING in members:
        said = both(said, _read(members[GPP_STRING], _gpp, catalogue))
    if GOOGLE in members:
        said = both(said, from_google(members[GOOGLE], catalogue))
    return said


def _tcf(text: str, catalogue: PurposeCatalogue) -> dict[str, bool]:
    return from_tcf(decode_tc_string(text), catalogue)


def _gpp(text: str, catalogue: PurposeCatalogue) -> dict[str, bool]:
    return from_gpp(decode_gpp_string(text), catalogue)


def _read(
    text: object, read: Callable[[str, PurposeCatalogue], dict[str, bool]], catalogue: PurposeCatalogue
) -> dict[str, bool]:
    try:
        if isinstance(text, str):
            return read(text, catalogue)
    except InvalidInput:
        pass  # refused for a reason that a message cannot be told
    mapped = (p for p in catalogue.purposes.values() if p.tcf_purposes or p.tcf_special_features or p.gpp)
    return {purpose.name: False for purpose in mapped}
