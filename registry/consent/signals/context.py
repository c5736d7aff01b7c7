"""What a message's context says of consent, in all the shapes that senders use.

A purpose that is absent from an answer was not spoken of: the ledger decides. What cannot be read is a no, never a
yes. Where two signals differ, the no counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from registry.consent.purposes import PurposeCatalogue
from registry.consent.signals.banners import from_rudderstack, from_segment
from registry.consent.signals.google import from_google
from registry.consent.signals.spoken import Spoken, gpp_spoken, opted_out, tcf_spoken
from registry.model.clock import Micros
from registry.model.errors import InvalidInput

SAYING = ("consent", "consentManagement")
"""The members of a message's context that speak of consent."""

TC_STRING, GPP_STRING, GOOGLE = "tcString", "gppString", "googleConsentMode"
"""The members of `context.consent` that hold an IAB TC string, a GPP string (named as the IAB's own browser interfaces
name them) and the states of Google Consent Mode."""

PREFERENCES = "categoryPreferences"


def from_context(context: Mapping[str, object], catalogue: PurposeCatalogue, now: Micros) -> Spoken:
    """What a message's context says of each purpose; where two of its signals differ, the no.

    A string that cannot be decoded, or was made in the future, is a no for every purpose that is mapped to TCF or GPP;
    a GPP string for those that Global Privacy Control refuses, too, which it may have held.
    """
    consent = context.get("consent")
    said = Spoken(from_rudderstack(context, catalogue))
    members = consent if isinstance(consent, dict) else {}
    if PREFERENCES in members or not members.keys() & {TC_STRING, GPP_STRING, GOOGLE}:
        said &= Spoken(from_segment(context, catalogue))
    if TC_STRING in members:
        said &= _read(members[TC_STRING], tcf_spoken, catalogue, now)
    if GPP_STRING in members:
        said &= _read(members[GPP_STRING], gpp_spoken, catalogue, now)
    if GOOGLE in members:
        said &= Spoken(from_google(members[GOOGLE], catalogue))
    return said


def _read(
    text: object,
    read: Callable[[str, PurposeCatalogue, Micros], Spoken],
    catalogue: PurposeCatalogue,
    now: Micros,
) -> Spoken:
    try:
        if isinstance(text, str):
            return read(text, catalogue, now)
    except InvalidInput:
        pass  # refused for a reason that a message cannot be told
    mapped = [p.name for p in catalogue.purposes.values() if p.tcf_purposes or p.tcf_special_features or p.gpp]
    return Spoken(dict.fromkeys((*mapped, *(opted_out(catalogue) if read is gpp_spoken else ())), False))
