"""Addresses and telephone numbers are found however their signs are written; the numbers of orders are not."""

from __future__ import annotations

from time import process_time
from unicodedata import normalize

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from registry.plans.contact_points import as_compared, find, may_hold
from registry.plans.telephone_numbers import Looks, region_of

ADDRESS = "bob@example.org"


@pytest.mark.parametrize(
    "written",
    [
        ADDRESS, "bob%40example.org", "bob%252540example.org", "bob&#64;example.org", "bob&#x40;example.org",
        "bob&commat;example.org", "bob&amp;#64;example&period;org", "&#98;&#111;&#98;&#64;example.org",
        "bob\\u0040example.org", "bob＠example.org", "bob\u200b@example.org", "bob@exam\u00adple.org",
        "ｂｏｂ＠ｅｘａｍｐｌｅ．ｏｒｇ",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "around", ["{}", "Ask {}, or &lt;me&gt; 100% of the time", "https://x.example/?to={}&n=1", "_{}_"]
)
def test_an_address_is_found_by_whatever_signs_it_is_written(written: str, around: str) -> None:
    text = around.format(written)
    [found] = find(text)
    assert text[found.start : found.end].strip("_") == written
    assert found.plain.strip("_") == ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "bob@exämple.рф",
        "bob@exa\u0308mple.org",
        "andre\u0301@example.org",
        "o'bob@example.org",
        "bob@xn--e1afmkfd.xn--p1ai",
        '"bob smith"@example.org',
        f"{'x' * 80}_bob@example.org",
    ],
)
def test_an_address_of_another_form_is_found(text: str) -> None:
    [found] = find(f"to {text}.")
    assert found.kind == "email"
    assert found.plain.endswith(normalize("NFC", text)[-20:])


def test_ways_to_write_an_address_are_the_same_and_addresses_are_not() -> None:
    for one, other in [
        ("Ada@Bücher.example", "ada@xn--bcher-kva.example"), ("ada@stra\u00dfe.de", "ada@xn--strae-oqa.de"),
        ("andre\u0301@example.org", "andr\u00e9@example.org"), ("o’brien@example.org", "O'Brien@example.org"),
    ]:  # fmt: skip
        assert as_compared(one) == as_compared(other)
    assert as_compared("ada@xn--broken-\u00e9.example") == "ada@xn--broken-\u00e9.example"
    assert len({as_compared(one) for one in ("andre@b.org", "andr\u00e9@b.org", "xn--a@b.org", "u-1")}) == 4


def test_a_picture_for_narrow_pixels_is_no_address() -> None:
    assert find("https://cdn.example/shoe@2x.png?v=3") == []
    assert [one.plain for one in find("bob@2x.io")] == ["bob@2x.io"]


@pytest.mark.parametrize(
    ("region", "text", "plain"),
    [
        ("GB", "ask on 020 7946 0958, please", "+442079460958"),
        ("US", "(212) 555-0123", "+12125550123"),
        ("US", "212.555.0123", "+12125550123"),
        ("US", "ring 2125550123 later", "+12125550123"),
        ("DE", "030/12345678", "+493012345678"),
        ("DE", "Tel.: 0 89 / 123 45 67", "+49891234567"),
        ("DE", "von Bob 015112345678", "+4915112345678"),
        ("DE", "?tel=0151%2012345678", "+4915112345678"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("FR", "0044 20 7946 0958", "+442079460958"),
        ("US", "0049-151-12345678", "+4915112345678"),
        ("DE", "0151 23 45 67 89", "+4915123456789"),
        ("DE", "Tel. 030 1 23 45 67", "+49301234567"),
        ("FR", "0612 34 56 78", "+33612345678"),
        ("NL", "06 12 34 56 78", "+31612345678"),
        ("DE", "0151\u2011234\u202f567\u200989", "+4915123456789"),
        ("DE", "\u2068\u202a0151 23456789\u202c\u2069", "+4915123456789"),
        ("US", "&plus;44 20 7946 0958", "+442079460958"),
        ("DE", "0176 1234 5678", "+4917612345678"),
        ("DE", "0151.234.567.89", "+4915123456789"),
        ("US", "https://wa.me/4915123456789?text=hi", "+4915123456789"),
        ("DE", "send?phone=4915123456789", "+4915123456789"),
        ("US", "call 447911123456", "+447911123456"),
        ("US", "?tel=%2B49+30+12345678&n=1", "+493012345678"),
        ("DE", "?tel=0176+12345678", "+4917612345678"),
        ("DE", "?q=call+Bob+%28030%29+12345678", "+493012345678"),
        ("US", "?tel=+493012345678", "+493012345678"),
        ("DE", "/to/030%2012345678/", "+493012345678"),
        ("DE", '{"note": "hi\\n030 12345678"}', "+493012345678"),
        ("DE", r'{"x": "{\"n\": \"hi\\n030\\u00a012345678\"}"}', "+493012345678"),
        ("DE", "_030 12345678_", "+493012345678"),
        ("DE", "030.12345678", "+493012345678"),
        ("DE", "ask 030 12345678-12.", "+493012345678"),
        ("DE", "(0176 / 12 34 56 78)", "+4917612345678"),
        ("DE", "０１７６ ／ １２ ３４ ５６ ７８", "+4917612345678"),
        ("DE", "（０３０） １２３４５６７８", "+493012345678"),
        ("DE", "Tel ٠٣٠ ١٢٣٤٥٦٧٨", "+493012345678"),
    ],
)
def test_a_number_without_a_country_code_is_found_as_its_region_writes_it(region: str, text: str, plain: str) -> None:
    [found] = find(text, [region])
    assert (found.kind, found.plain) == ("phone", plain)
    assert not text[found.start - 1 : found.start].isdigit()
    assert not text[found.end : found.end + 1].isdigit()


@pytest.mark.parametrize(
    ("region", "text", "numbers"),
    [
        ("DE", "030 12345678 030 87654321", ["+493012345678", "+493087654321"]),
        ("GB", "2024 020 7946 0958", ["+442079460958"]),
        ("DE", "am 12.05.2024 030 12345678 um 9", ["+493012345678"]),
        ("US", "2026-01-15 212-555-0123", ["+12125550123"]),
        ("US", "212-555-0123 10:30, x2 (212) 555-0124", ["+12125550123", "+12125550124"]),
        ("DE", "+44 20 7946 0958 2026-01-02", ["+442079460958"]),
        ("DE", "+49 30 1234567 12.03.2024 09:15", ["+49301234567"]),
        ("DE", "tel +44 20 7946 0958 0176 1234 5678", ["+442079460958", "+4917612345678"]),
        ("DE", "(Bob: 0049 30 12345678) 0176 1234 5678", ["+493012345678", "+4917612345678"]),
        ("DE", "0151/234567-89 0176 1234 5678", ["+4915123456789", "+4917612345678"]),
        ("DE", "0176 1234 5678) 0151 23456789&b=", ["+4917612345678", "+4915123456789"]),
        ("DE", "0049 (0)151 23456789 (030) 12345678", ["+4915123456789", "+493012345678"]),
        ("DE", "+49 30 12345678 0176 11223344", ["+493012345678", "+4917611223344"]),
        ("DE", "0049 30 98765432 / 0176 11223344", ["+493098765432", "+4917611223344"]),
        ("DE", "+49 30 98 06 54 32", ["+493098065432"]),
        ("DE", "017612345678 / 015123456789", ["+4917612345678", "+4915123456789"]),
        ("US", "(212) 555-0123x45", ["+12125550123"]),
        ("US", "(212) 552-5611 1-212-306-1944", ["+12125525611", "+12123061944"]),
        ("US", "10115 (212) 552-5611 2026", ["+12125525611"]),
        ("US", "12125 212.217.5323 212.810.4571.", ["+12122175323", "+12128104571"]),
        ("DE", "030/95589097. 030-77192211", ["+493095589097", "+493077192211"]),
        ("GB", "020 7946 5253. 0044 20 7946 8892", ["+442079468892", "+442079465253"]),
        ("DE", "+49 30 27405180 10:30 030 1234567 19,99 EUR", ["+493027405180", "+49301234567"]),
        ("DE", "0151 8896 1681, 0151 9759 3399 0151 6171 8728", ["+4915188961681", "+4915197593399", "+4915161718728"]),
        ("DE", "7 0151 8958 5166", ["+4915189585166"]),
        ("DE", "030 / 3244 6474 0151 49872171", ["+493032446474", "+4915149872171"]),
        ("DE", "(0151 9563 8783 (030) 9733 3649", ["+4915195638783", "+493097333649"]),
        ("DE", "030/79137412 " * 9, ["+493079137412"] * 9),
    ],
)
def test_numbers_are_found_beside_other_digits(region: str, text: str, numbers: list[str]) -> None:
    assert sorted(one.plain for one in find(text, [region])) == sorted(numbers)


def test_long_texts_of_digits_are_looked_through_in_a_time_that_grows_with_them_alone() -> None:
    assert len(find("a@b.cd " * 20_000)) == 20_000
    assert find("001 " * 500, ["DE"]) == []


def test_a_number_is_found_behind_any_number_of_others_that_are_none() -> None:
    text = "99999 " * 66_000
    assert [one.start for one in find(f"{text}+44 20 7946 0958", ["US"])] == [len(text)]


def test_a_text_of_nothing_but_pieces_that_may_be_numbers_is_not_looked_at_for_ever_and_hides_none() -> None:
    number = "0151 23 45 67 89"
    text = "030 1 " * 5_000 + f"or {number}"
    found = find(text, ["DE"])
    assert [text[one.start : one.end] for one in found[-1:]] == [number]
    assert not [one for one in found if one.plain], "whose they are is not known"
    assert sum(one.end - one.start for one in found) > len(text) * 0.9
    assert [one.plain for one in find(f"ring {number}; " * 50, ["DE"])] == ["+4915123456789"] * 50


def test_a_letter_under_any_number_of_accents_is_read_at_once() -> None:
    text = "a" + "\u0315\u0300" * 100_000
    began = process_time()
    assert [one.plain for one in find(f"{text} bo\u0308b@example.org")] == ["b\u00f6b@example.org"]
    assert process_time() - began < 2, "sorted all at once they take half a minute"


def test_what_texts_may_be_looked_at_together_comes_to_an_end_and_hides_none() -> None:
    looks, number = Looks(40), "0151 23 45 67 89"
    found = [find(f"ring {number}", ["DE"], looks=looks) for _ in range(3)]
    assert [[one.plain for one in told] for told in found] == [["+4915123456789"], ["+4915123456789"], [""]]
    assert [one.plain for one in find("ring +49 151 23456789", ["DE"], looks=looks)][:1] == ["+4915123456789"]
    assert find(f"ring {number}", ["DE"])[0].plain, "another person's are another's"


def test_a_number_at_the_beginning_of_a_text_is_one_and_mere_digits_alone_are_none() -> None:
    assert [one.plain for one in find(" 00491707654321 is Bob's")] == ["+491707654321"]
    assert find(" 00491707654321 ") == []


@pytest.mark.parametrize("region", ["US", "DE", "GB", "FR"])
@pytest.mark.parametrize(
    "text",
    [
        "8218 9201 0711 6400", "DE67 7038 9909 1182 5464 16", "250 069 810", "083-2771670-9473033",
        "ORD-2024-000123", "order 2125550123", "order 0301234567", "4111 1111 1111 1111", "2026-01-15T10:30:00.000Z",
        "12.05.2026 14:30", "192.168.100.200", "52.520008, 13.404954", "1,234,567.89", "978-3-16-148410-0",
        "DE89 3704 0044 0532 0130 00", "00340434161094042557", "GA1.2.1234567890.1705312200", "1705312200000",
        "0190a5b2-1234-7000-8000-012345678901", "Chrome/120.0.6099.129 Safari/537.36", "RE-2024-10-1234567",
        "order 0815-4711-2233", "0301 234567", "100-200-3000", "2125550123", "0612345678", "0.433729, -129.756599",
        "26.036801 -26.252379",
        "004608772769", "lodash@4.17.21", "a=1&copy=2&b=50%25",
    ],
)  # fmt: skip
def test_a_number_of_something_else_is_none_of_a_telephone(text: str, region: str) -> None:
    assert find(text, [region]) == []


def test_mere_digits_count_in_a_field_that_is_called_so() -> None:
    assert [one.plain for one in find("2125550123", ["US"], is_called_so=True)] == ["+12125550123"]


PIECES = [
    "0151", "030", "12 34", "5678", "901", "٣٤٥٦٧٨٩", "४५६७८९०", "bob", "@", "＠", "x.example", "%40", "&#64;",
    "\\u0040", "\\n", "０", "／", "=", "+", "_",
    "+49", "＋49", " ", "\u00a0", "–", "/", "(", ")", "-", ".", ",", '"', "ß",
]  # fmt: skip


@given(some.lists(some.sampled_from(PIECES), max_size=9))
@example(["0049", "~30", "~12", "~34", "~56"])
def test_whatever_is_found_may_be_held_by_its_text_and_by_what_is_written_of_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    if find(text, ["DE", "US", "IN", "EG"], is_called_so=True):
        assert may_hold(text)
        assert may_hold(orjson.dumps({"a": [{"b": text}]}))


@pytest.mark.parametrize("held", [{"price": 9.99, "sku": "sku-701", "n": [1234, 567]}, {"a b": "c, d"}, [], "Bob's"])
def test_what_holds_none_need_not_be_looked_through(held: object) -> None:
    assert not may_hold(orjson.dumps(held))


def test_where_a_number_is() -> None:
    assert [region_of(number) for number in ("+442079460958", "+80012345678", "2125550123")] == ["GB", None, None]
