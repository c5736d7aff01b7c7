"""Subjects as callers write them, many at once: one object or one line of NDJSON each.

What goes over to another process (`hashers`) comes from here: nothing of the application is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from registry.identity.normalise import normalise_each
from registry.identity.rules import IdentityRules
from registry.keys.blind_index import KindKeys
from registry.model.errors import InvalidInput
from registry.model.message import Identifier


class Subject(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A subject reference: a kind of the identity policy and a value, not yet in its normal form."""

    kind: str
    value: str


_SUBJECT = msgspec.json.Decoder(Subject)


class People(NamedTuple):
    """Identifiers in their normal form, as columns."""

    kinds: Sequence[str]
    values: Sequence[str]

    @classmethod
    def of(cls, people: Sequence[Identifier]) -> People:
        """Identifiers as columns."""
        return cls([one.kind for one in people], [one.value for one in people])

    def each(self) -> Iterator[Identifier]:
        """One after the other."""
        return map(Identifier, *self)


def people_of(rules: IdentityRules, subjects: Sequence[Subject]) -> People | None:
    """Many subjects; None where one of them points at nobody, or is of no kind, which reading each alone tells."""
    kinds = [one.kind for one in subjects]
    try:
        values = normalise_each(kinds, [one.value for one in subjects], rules)
    except InvalidInput:
        return None
    return People(kinds, values) if values is not None else None


def are_subjects(block: bytes) -> bool:
    """Whether lines begin as those of subjects do: enough to tell them from profile references."""
    return b'"kind"' in block[:64]


def read(rules: IdentityRules, block: bytes) -> People | None:
    """The subjects of lines that are each one object of `kind` and `value`; None where one is anything else.

    All are read at once. An object of that form holds no other, so where every line begins and ends one, and there are
    as many objects as lines, they are one a line. A carriage return may end a line or stand between two members.
    """
    lines = block.removesuffix(b"\n")
    ends = lines.count(b"\n")
    if b"\r" in lines or not lines.startswith(b"{") or not lines.endswith(b"}") or lines.count(b"}\n{") != ends:
        return None
    try:
        subjects = _SUBJECT.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return people_of(rules, subjects) if len(subjects) == ends + 1 else None


def hashed(block: bytes, rules: IdentityRules, keys: KindKeys) -> bytes | None:
    """The blind index of each subject of a block, one after the other; None as `read`."""
    people = read(rules, block)
    return keys.index_each(*people) if people is not None else None
