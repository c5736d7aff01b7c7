"""What the matchers know, and what they must not take for it. Every value is made up."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.plans.personal_values import Confidence, match_value

YEAR = 2026


def kinds(text: str) -> set[str]:
    return {match.kind for match in match_value(text, year=YEAR)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jane.doe@shop.example", "email"),
        ("please write to jane.doe+x@mail.shop.example, thanks", "email"),
        ("+49 30 901820", "phone"),
        ("call me: +1 202-456-1111", "phone"),
        ("4111 1111 1111 1111", "card_number"),
        ("5555555555554444", "card_number"),
        ("paid with 378282246310005 today", "card_number"),
        ("536-22-1234", "social_security_number"),
        ("GB82 WEST 1234 5698 7654 32", "iban"),
        ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "passport"),
        ("my passport no. C01X00T47 is new", "passport"),
        ("Reisepass: C01X00T47", "passport"),
        ("she was born on 29.02.1980 in May", "birth_date"),
        ("DOB: 1980-02-29", "birth_date"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc", "token"),
        ("Bearer abcdefghijklmnopqrstuvwx", "token"),
        ("1987-04-12", "birth_date"),
        ("12.04.1987", "birth_date"),
        ("221 Baker Street", "street_address"),
        ("Unter den Linden, Hauptstraße 12", "street_address"),
        ("12 rue de la Paix", "street_address"),
        ("52.520008, 13.404954", "coordinates"),
        ("203.0.113.7", "ip_address"),
        ("2001:db8::1", "ip_address"),
    ],
)
def test_personal_values_are_known(text: str, kind: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "EUR", "chess set", "order-50314", "019a5b1e-7f3c-7d60-a6c1-f8f0c7a9a111", "2026-11-23T10:00:00Z",
        "2026-11-23",
        "4111 1111 1111 1112", "000-00-0000", "product 123456", "1732356000000000", "1.2.3", "v10.4.2", "12.5, 13.7",
        "GB82 WEST 1234 5698 7654 33", "https://shop.example/p/1", "a@b", "@handle", "#fff000", "0000000000000000",
    ],
)  # fmt: skip
def test_other_values_are_not_taken_for_personal(text: str) -> None:
    assert kinds(text) - {"card_number"} == set() or match_value(text, year=YEAR)[0].confidence is Confidence.LOW
    assert not [match for match in match_value(text, year=YEAR) if match.confidence is Confidence.HIGH]


@given(st.text(max_size=60))
def test_a_match_never_holds_the_text(text: str) -> None:
    for match in match_value(f"{text} jane.{text}@shop.example", year=YEAR):
        assert "jane" not in repr(match)


@pytest.mark.parametrize(
    "unit", ["a", "1", "1 ", "a.", "a@", "+1 ", "1-", "é ", "A1 ", "<", "-", ".", "1.1111,", "a b "]
)
def test_no_text_stalls_the_matchers(unit: str) -> None:
    text = (unit * 100_000)[: 100_000 + random.Random(1).randrange(9)]
    start = time.perf_counter()
    match_value(text, year=YEAR)
    assert time.perf_counter() - start < 0.25
