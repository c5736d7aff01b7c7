"""Questions and subjects that are read many at once are what they are when each is read alone."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api import questions, subject_lines
from registry.api.questions import Plain
from registry.flows.consent.given import Question
from registry.model.errors import InvalidInput, RegistryError
from registry.model.message import Identifier
from tests.unit.identity.identity_rules import shipped_rules

RULES = shipped_rules()
APPLICATION: Any = SimpleNamespace(deployment=SimpleNamespace(policies=SimpleNamespace(identity=RULES)))

KINDS = st.sampled_from(["user_id", "user_id", "user_id", "email", "phone", "anonymous_id", "no_such_kind"])
VALUES = st.one_of(
    st.from_regex(r"user-[0-9]{1,4}", fullmatch=True),
    st.sampled_from(
        ["", " a ", "null", "Undefined", "0000", "a@b.example", "A@B.example", "+1 415 555 0100", "a\nb", "ä"]
    ),
    st.text(max_size=8),
)
SUBJECTS = st.fixed_dictionaries({"kind": KINDS, "value": VALUES})
PURPOSES = st.sampled_from(["marketing", "marketing", "service", "", "no such"])
ODD = st.one_of(st.none(), st.integers(), st.lists(st.text(max_size=2), max_size=2), st.text(max_size=3))
CHECKS = st.one_of(
    st.fixed_dictionaries({"subject": SUBJECTS, "purpose": PURPOSES}),
    st.fixed_dictionaries(
        {"subject": SUBJECTS, "purpose": PURPOSES},
        optional={
            "categories": st.sampled_from([[], ["user.contact"], None, "user.contact"]),
            "jurisdiction": st.sampled_from(["DE", "US-CA", "de", None]),
            "at": st.sampled_from(["2026-01-01T00:00:00Z", "yesterday", None]),
            "purpos": st.just("x"),
        },
    ),
    st.fixed_dictionaries({"subject": st.one_of(SUBJECTS, ODD), "purpose": st.one_of(PURPOSES, ODD)}),
)

PIECES = [b"", b" ", b"{", b"}", b'{"kind":"user_id",', b'"value":"x"}']


@given(checks=st.lists(CHECKS, max_size=5), spaced=st.booleans())
def test_checks_of_a_batch_are_those_of_each(checks, spaced):
    body = written({"checks": checks}, indent=2 if spaced else None)
    alone = [either(lambda check=check: questions.question_of(APPLICATION, written(check))) for check in checks]
    wrong = next((place for place, one in enumerate(alone) if isinstance(one, RegistryError)), None)
    read = either(lambda: questions.questions_of(APPLICATION, body))
    if wrong is None:
        assert (read.questions() if isinstance(read, Plain) else read) == alone
        assert all(isinstance(one, Question) for one in alone)
    else:
        assert isinstance(read, InvalidInput)
        assert (read.code, read.pointer) == (alone[wrong].code, f"/checks/{wrong}{alone[wrong].pointer or ''}")


@given(
    lines=st.lists(
        st.one_of(SUBJECTS.map(orjson.dumps), st.sampled_from(PIECES)),
        min_size=1, max_size=6,
    ),
    ends=st.sampled_from([b"\n", b"\r\n", b" ", b""]),
    last=st.sampled_from([b"", b"\n", b"\n\n"]),
)  # fmt: skip
def test_subjects_of_many_lines_are_those_of_each(lines, ends, last):
    block = ends.join(lines) + last
    read = either(lambda: subject_lines.read(RULES, block))
    if read is not None and not isinstance(read, RegistryError):
        each = [questions.person_of(APPLICATION, orjson.loads(line)) for line in block.splitlines()]
        assert list(read.each()) == each
        assert all(isinstance(one, Identifier) for one in each)


def test_what_nearly_all_send_is_read_at_once():
    lines = b'{"kind":"user_id","value":"u-1"}\n{"value":"u-2","kind":"user_id"}'
    for block in (lines, lines + b"\n"):
        read = subject_lines.read(RULES, block)
        assert read is not None and list(read.values) == ["u-1", "u-2"]
    body = b'{"checks":[{"subject":{"kind":"user_id","value":"u-1"},"purpose":"marketing"}]}'
    assert isinstance(questions.questions_of(APPLICATION, body), Plain)
    with pytest.raises(InvalidInput) as caught:
        questions.question_of(APPLICATION, b'{"subject":{"kind":"user_id","value":7},"purpose":"marketing"}')
    assert caught.value.__context__ is None, "nothing that holds the body hangs on the error"


def written(value, indent=None):
    """JSON by the standard library: orjson writes no integers beyond 64 bits, which callers may."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()


def either(call: Any) -> Any:
    """What a call gives, or the error that it raises."""
    try:
        return call()
    except RegistryError as error:
        return error
