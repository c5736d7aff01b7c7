"""The US sections of IAB GPP: which fields stand where, in two bits each.

Source: IAB Tech Lab, "Global Privacy Platform", the specifications of each section. In all of them 0 means not
applicable; in a choice 1 is the no (opted out, or no consent) and 2 the yes; in a notice 1 is given, 2 not given.
"""

from __future__ import annotations

from typing import NamedTuple

Layout = tuple[tuple[str, int], ...]
"""Fields in their order, each with how many values of two bits it has."""

COVERED = "MspaCoveredTransaction"
"""The only field that may not be 0."""


class UsSection(NamedTuple):
    """One section: its name, its layout by version, and what a second segment holds: `gpc` or `sensitive`."""

    name: str
    layouts: dict[int, Layout]
    second: str | None


def _fields(words: str) -> Layout:
    """Fields from words such as `SaleOptOut` or `SensitiveDataProcessing*12`."""
    pairs = (word.partition("*") for word in words.split())
    return tuple((name, int(count or 1)) for name, _, count in pairs)


_MSPA = " MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode"
_NOTICES = "SaleOptOutNotice TargetedAdvertisingOptOutNotice"
_OPT_OUTS = " SaleOptOut TargetedAdvertisingOptOut"
_SENSITIVE = " SensitiveDataProcessing*{} KnownChildSensitiveDataConsents*{}"


def _national(sensitive: int, child: int) -> Layout:
    return _fields(
        "SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice "
        "SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut "
        "TargetedAdvertisingOptOut" + _SENSITIVE.format(sensitive, child) + " PersonalDataConsents" + _MSPA
    )


def _early(sensitive: int, child: int, more_notices: str = "", more: str = "") -> dict[int, Layout]:
    """The layout of the first states: a sharing notice."""
    notices = f"SharingNotice {_NOTICES}{more_notices}"
    return {1: _fields(notices + _OPT_OUTS + _SENSITIVE.format(sensitive, child) + more + _MSPA)}


def _later(sensitive: int, child: int) -> dict[int, Layout]:
    """The layout of the states that followed: a processing notice, and consent to additional processing."""
    choices = _OPT_OUTS + _SENSITIVE.format(sensitive, child) + " AdditionalDataProcessingConsent"
    return {1: _fields(f"ProcessingNotice {_NOTICES}" + choices + _MSPA)}


def _newest(child: str) -> dict[int, Layout]:
    """The layout of the newest states, which begins with the agreement's version, mode and coverage."""
    choices = f"ProcessingNotice {_NOTICES}{_OPT_OUTS} {child} AdditionalDataProcessingConsent"
    return {1: _fields(f"{COVERED} MspaMode {choices}")}


_CALIFORNIA = _fields(
    "SaleOptOutNotice SharingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut"
    + _SENSITIVE.format(9, 2)
    + " PersonalDataConsents"
    + _MSPA
)
_IOWA = _fields(f"ProcessingNotice {_NOTICES} SensitiveDataOptOutNotice" + _OPT_OUTS + _SENSITIVE.format(8, 1) + _MSPA)
_CHILD = "KnownChildSensitiveDataConsents"

US_SECTIONS: dict[int, UsSection] = {
    7: UsSection("usnat", {1: _national(12, 2), 2: _national(16, 3)}, "gpc"),
    8: UsSection("usca", {1: _CALIFORNIA}, "gpc"),
    9: UsSection("usva", _early(8, 1), None),
    10: UsSection("usco", _early(7, 1), "gpc"),
    11: UsSection("usut", _early(8, 1, " SensitiveDataProcessingOptOutNotice"), None),
    12: UsSection("usct", _early(8, 3), "gpc"),
    13: UsSection("usfl", _later(8, 3), None),
    14: UsSection("usmt", _early(8, 3, more=" AdditionalDataProcessingConsent"), "gpc"),
    15: UsSection("usor", _later(11, 3), "gpc"),
    16: UsSection("ustx", _later(8, 1), "gpc"),
    17: UsSection("usde", _later(9, 5), "gpc"),
    18: UsSection("usia", {1: _IOWA}, "gpc"),
    19: UsSection("usne", _later(8, 1), "gpc"),
    20: UsSection("usnh", _later(8, 3), "gpc"),
    21: UsSection("usnj", _later(10, 5), "gpc"),
    22: UsSection("ustn", _later(8, 1), "gpc"),
    23: UsSection("usmn", _later(8, 1), "gpc"),
    24: UsSection("usmd", _newest(""), "gpc"),
    25: UsSection("usin", _newest(_CHILD), "sensitive"),
    26: UsSection("usky", _newest(_CHILD), "sensitive"),
    27: UsSection("usri", _newest(_CHILD), "sensitive"),
}
"""By section id."""

SENSITIVE_VALUES = 8
"""How many values the second segment of the newest states has."""


def choices_of(section: str) -> frozenset[str]:
    """The fields of a section that a purpose can be mapped to: choices, not notices; none for a section that is not."""
    found = [us for us in US_SECTIONS.values() if us.name == section]
    names = {name for us in found for layout in us.layouts.values() for name, _ in layout}
    names |= {"SensitiveDataProcessing" for us in found if us.second == "sensitive"}
    return frozenset(name for name in names if not name.startswith("Mspa") and not name.endswith("Notice"))
