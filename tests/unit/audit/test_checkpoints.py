"""A checkpoint has one spelling, and nothing else is taken for one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.audit.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from registry.model.errors import InvalidInput

ROOT = bytes(range(32))
TEXT = f"registry/log\n5\n{base64.b64encode(ROOT).decode()}\n"
ORIGINS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=20)


@given(ORIGINS, st.integers(0, 2**63), st.binary(min_size=32, max_size=32))
def test_what_was_stated_is_what_is_read(origin: str, size: int, root: bytes) -> None:
    stated = Checkpoint(origin, size, root)
    assert parse_checkpoint(checkpoint_text(stated)) == stated


def test_its_text_is_origin_size_and_root_each_on_a_line() -> None:
    assert checkpoint_text(Checkpoint("registry/log", 5, ROOT)) == TEXT


def test_lines_after_the_third_are_extensions_of_others() -> None:
    assert parse_checkpoint(TEXT + "timestamp 1\n") == Checkpoint("registry/log", 5, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "\n\n\n", "registry/log\n5\n", TEXT[:-1], TEXT.removeprefix("registry/log"),
        TEXT.replace("\n5\n", "\n05\n"), TEXT.replace("\n5\n", "\n-5\n"), TEXT.replace("\n5\n", "\n 5\n"),
        TEXT.replace("\n5\n", "\n+5\n"), TEXT.replace("\n5\n", "\n5_0\n"), TEXT.replace("\n5\n", "\n٥\n"),
        TEXT.replace("\n5\n", "\n\n"), TEXT.replace("\n5\n", "\n5.0\n"), TEXT.replace("\n5\n", f"\n{'9' * 5000}\n"),
        TEXT.replace("=", ""), TEXT.replace("=", "\xe9"), TEXT.replace("8=", "9="), TEXT.replace("=\n", "= \n"),
        f"registry/log\n5\n{base64.b64encode(ROOT[:31]).decode()}\n", "registry/log\n5\n\n",
        f"registry/log\n5\n{base64.b64encode(ROOT + b'0').decode()}\n", TEXT.replace("\n", "\r\n"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_checkpoint(text)


@given(st.text(max_size=80))
def test_any_text_is_refused_or_read_with_one_spelling(text: str) -> None:
    for candidate in (text, f"o\n{text}\n", f"o\n1\n{text}\n"):
        try:
            found = parse_checkpoint(candidate)
        except InvalidInput:
            continue
        assert candidate.startswith(checkpoint_text(found))
