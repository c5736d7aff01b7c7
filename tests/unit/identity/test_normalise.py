"""One form per identifier, and none for what points at nobody."""

from __future__ import annotations

import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st
from identity_rules import shipped_rules

from registry.identity.normalise import Blocked, BlockReason, normalise, normalise_each
from registry.model.message import Identifier

RULES = shipped_rules()


def form(kind: str, raw: str) -> str | BlockReason:
    result = normalise(kind, raw, RULES)
    return result.value if isinstance(result, Identifier) else result.reason


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Ada@Shop.Example", "ada@shop.example"),
        ("  o'brien+news@shop.example ", "o'brien+news@shop.example"),
        ("jose\u0301@shop.example", "jos\u00e9@shop.example"),
        ("a@B\u00dcCHER.example", "a@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@b", BlockReason.MALFORMED),
        ("a..b@shop.example", BlockReason.MALFORMED),
        ("a@-shop.example", BlockReason.MALFORMED),
        ("a@shop.example1.2", BlockReason.MALFORMED),
        ("x" * 250 + "@shop.example", BlockReason.MALFORMED),
        ("Ada <ada@shop.example>", BlockReason.MALFORMED),
        ("email", BlockReason.BLOCKED_VALUE),
        ("x" * 321, BlockReason.TOO_LONG),
    ],
)
def test_an_address_has_one_form(raw: str, expected: str) -> None:
    assert form("email", raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("+1 (202) 555-0143", "+12025550143"),
        ("202.555.0143", "+12025550143"),
        ("tel:+44-20-7946-0018", "+442079460018"),
        ("+1 202 555 0143 ext. 7", BlockReason.SHARED_LINE),
        ("12", BlockReason.MALFORMED),
        ("call me", BlockReason.MALFORMED),
        ("000-000-0000", BlockReason.BLOCKED_PATTERN),
    ],
)
def test_a_phone_number_has_one_form(raw: str, expected: str) -> None:
    assert form("phone", raw) == expected


def test_a_user_id_keeps_its_case_and_loses_its_margins() -> None:
    assert form("user_id", " Ada-7 ") == "Ada-7"
    assert form("user_id", "Zoe\u0308") == "Zo\u00eb"


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("user_id", "NULL", BlockReason.BLOCKED_VALUE),
        ("user_id", "'undefined'", BlockReason.BLOCKED_VALUE),
        ("user_id", '"None"', BlockReason.BLOCKED_VALUE),
        ("user_id", "[object Object]", BlockReason.BLOCKED_VALUE),
        ("user_id", "-1", BlockReason.BLOCKED_VALUE),
        ("user_id", "Guest", BlockReason.BLOCKED_VALUE),
        ("user_id", "NaN", BlockReason.BLOCKED_VALUE),
        ("user_id", "   ", BlockReason.EMPTY),
        ("user_id", "''", BlockReason.EMPTY),
        ("user_id", "\0\u200b", BlockReason.EMPTY),
        ("user_id", "\u00a0null\x1f", BlockReason.BLOCKED_VALUE),
        ("anonymous_id", "00000000-0000-0000-0000-000000000000", BlockReason.BLOCKED_PATTERN),
        ("anonymous_id", "0", BlockReason.BLOCKED_PATTERN),
        ("device_id", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", BlockReason.BLOCKED_PATTERN),
        ("user_id", "{{ user.id }}", BlockReason.BLOCKED_PATTERN),
        ("device_id", "9774D56D682E549C", BlockReason.BLOCKED_VALUE),
        ("user_id", "x" * 256, BlockReason.TOO_LONG),
    ],
)
def test_what_points_at_nobody_is_blocked_by_default(kind: str, raw: str, reason: BlockReason) -> None:
    assert normalise(kind, raw, RULES) == Blocked(kind, reason)


def test_a_value_blocked_for_one_kind_is_free_for_another() -> None:
    assert form("user_id", "9774d56d682e549c") == "9774d56d682e549c"


@given(st.sampled_from(list(RULES.kinds)), st.text(max_size=40))
@example("user_id", "\x1f0")
@example("email", "A@\u0130stanbul.example")
@example("email", "\u212a@shop.example")
def test_normalising_twice_changes_nothing(kind: str, raw: str) -> None:
    once = normalise(kind, raw, RULES)
    if isinstance(once, Identifier):
        assert normalise(kind, once.value, RULES) == once
        assert unicodedata.is_normalized("NFC", once.value)


plain = st.text("abAB09._-+'@x", min_size=1, max_size=24)


@given(st.one_of(plain, st.builds("{}@{}.example".format, plain, plain), st.emails()))
def test_the_quick_way_for_plain_addresses_agrees_with_the_library(raw: str) -> None:
    try:
        found = validate_email(raw.strip(), check_deliverability=False)
        expected: str | None = f"{found.local_part}@{found.ascii_domain}".lower()
    except EmailNotValidError:
        expected = None
    result = normalise("email", raw, RULES)
    assert (result.value if isinstance(result, Identifier) else None) == expected


def test_a_value_never_shows_in_a_repr() -> None:
    assert "marker" not in repr(normalise("email", "marker@shop.example", RULES))
    assert "marker" not in repr(normalise("email", "marker@", RULES))


TEXTS = st.one_of(
    st.sampled_from(
        ["u-1", "User@2", "null", "Null ", " u", "0000", "", "a\nb", "\u00e9", "undefined", "x" * 600, "'q'"]
    ),
    st.text(max_size=12),
    st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True),
)


@given(st.lists(TEXTS, max_size=6), st.sampled_from(sorted(RULES.kinds)), st.booleans())
@example(["u-1", "u-2"], "user_id", False)
@example(["u-1", "a\nb"], "user_id", False)
def test_many_have_the_forms_that_each_has(texts: list[str], kind: str, mixed: bool) -> None:
    kinds = [kind if not mixed or n % 2 else "email" for n in range(len(texts))]
    expected = [normalise(*one, RULES) for one in zip(kinds, texts, strict=True)]
    found = normalise_each(kinds, texts, RULES)
    if any(isinstance(one, Blocked) for one in expected):
        assert found is None
    else:
        assert found is not None
        assert list(found) == [one.value for one in expected if isinstance(one, Identifier)]
