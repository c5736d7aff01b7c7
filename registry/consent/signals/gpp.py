"""IAB GPP strings, decoded strictly: the header, the US sections, the European TC string, and US Privacy.

Source: IAB Tech Lab, "Global Privacy Platform String", version 1. Sections of other kinds are named, not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry.consent.signals.bits import MAX_CHARS, Bits
from registry.consent.signals.tcf import TcString, decode_tc_string
from registry.consent.us_sections import COVERED, SENSITIVE_VALUES, US_SECTIONS, UsSection
from registry.model.errors import InvalidInput

HEADER_TYPE, HEADER_VERSION = 3, 1
TCF_EU, US_PRIVACY = 2, 6
MAX_SECTIONS = 64
_US_PRIVACY = re.compile(r"1[YN-]{3}")


@dataclass(frozen=True, slots=True)
class UsChoices:
    """What a US section says: per field its values (0 not applicable, 1, 2), and Global Privacy Control."""

    version: int
    values: Mapping[str, tuple[int, ...]]
    gpc: bool | None = None


@dataclass(frozen=True, slots=True)
class GppString:
    """A GPP string, decoded.

    Attributes:
        tcf: of the section `tcfeuv2`.
        us: the US sections by name.
        sale_opt_out: of the section `uspv1`: whether the person opted out of sale; None where not said.
        unread: ids of the sections that this decoder does not know, which therefore say nothing.
    """

    tcf: TcString | None
    us: Mapping[str, UsChoices]
    sale_opt_out: bool | None
    unread: tuple[int, ...]


def decode_gpp_string(text: str) -> GppString:
    """A GPP string, every bit of the sections that are known accounted for.

    Raises:
        InvalidInput: it is too long, cut off, or of another layout or version; a section is missing or
            over-many; or one of them cannot be read. `detail` says which.
    """
    if len(text) > MAX_CHARS:
        raise InvalidInput("the GPP string is too long")
    header, *sections = text.split("~")
    ids = _section_ids(header)
    if len(ids) != len(sections):
        raise InvalidInput("the GPP string has not the sections that its header names")
    tcf: TcString | None = None
    sale: bool | None = None
    us: dict[str, UsChoices] = {}
    unread: list[int] = []
    for number, section in zip(ids, sections, strict=True):
        if number == TCF_EU:
            tcf = decode_tc_string(section)
        elif number == US_PRIVACY:
            sale = _us_privacy(section)
        elif number in US_SECTIONS:
            us[US_SECTIONS[number].name] = _us(section, US_SECTIONS[number])
        else:
            unread.append(number)
    return GppString(tcf, us, sale, tuple(unread))


def _section_ids(header: str) -> list[int]:
    bits = Bits(header, "the header of the GPP string")
    if bits.number(6) != HEADER_TYPE or bits.number(6) != HEADER_VERSION:
        raise InvalidInput("this is no GPP string of version 1")
    ids: list[int] = []
    last = 0
    for _ in range(bits.number(12)):
        pair = bits.flag()
        start = last + bits.fibonacci()
        last = start + bits.fibonacci() if pair else start
        if len(ids) + last - start >= MAX_SECTIONS:
            raise InvalidInput("the header of the GPP string names too many sections")
        ids += range(start, last + 1)
    bits.end()
    return ids


def _us(section: str, known: UsSection) -> UsChoices:
    first, *more = section.split(".")
    bits = Bits(first, f"the section {known.name}")
    version = bits.number(6)
    layout = known.layouts.get(version)
    if layout is None:
        raise InvalidInput(f"the section {known.name} is of a version that is not known")
    values = {name: _values(bits, name, count) for name, count in layout}
    bits.end()
    gpc: bool | None = None
    if len(more) > (0 if known.second is None else 1):
        raise InvalidInput(f"the section {known.name} has more segments than there are")
    for segment in more:
        bits = Bits(segment, f"the second segment of {known.name}")
        if known.second == "gpc":
            if bits.number(2) != 1:
                raise InvalidInput(f"the second segment of {known.name} is of a type that there is not")
            gpc = bits.flag()
        else:
            values["SensitiveDataProcessing"] = _values(bits, "SensitiveDataProcessing", SENSITIVE_VALUES)
        bits.end()
    return UsChoices(version, values, gpc)


def _values(bits: Bits, name: str, count: int) -> tuple[int, ...]:
    read = tuple([bits.number(2) for _ in range(count)])
    if max(read) > 2 or (name == COVERED and read[0] == 0):
        raise InvalidInput(f"{bits.name}: {name} has a value that there is not")
    return read


def _us_privacy(section: str) -> bool | None:
    """Whether a US Privacy string says that the person opted out of sale: its third character."""
    if _US_PRIVACY.fullmatch(section) is None:
        raise InvalidInput("the section uspv1 is no US Privacy string of version 1")
    return {"Y": True, "N": False}.get(section[2])
