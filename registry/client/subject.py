"""Whom a question is about: a kind of identifier and its value, which shows itself to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn


class Subject:
    """An identifier of a person, of a kind of the registry's identity policy.

    `repr` and `str` hide the value, and it cannot be pickled, so that it does not end up in logs,
    error reports or queues.

    Raises:
        TypeError, ValueError: kind or value is no text, or is empty. The value is not in the message.
    """

    __slots__ = ("kind", "value")

    kind: str
    value: str

    def __init__(self, kind: str, value: str) -> None:
        object.__setattr__(self, "kind", _text(kind))
        object.__setattr__(self, "value", _text(value))
        if "\0" in kind:
            raise ValueError("a subject's kind holds no NUL")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a subject does not change")

    def __repr__(self) -> str:
        return f"Subject({self.kind!r}, hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subject) and (self.kind, self.value) == (other.kind, other.value)

    def __hash__(self) -> int:
        return hash((self.kind, self.value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a subject is not pickled: it would leave a person's identifier where it lands")


SubjectReference = Subject | Mapping[str, str]
"""A `Subject`, or the same as the HTTP interface writes it: `{"kind": "email", "value": "…"}`."""


def email(address: str) -> Subject:
    """The person with this e-mail address."""
    return Subject("email", address)


def user_id(value: str) -> Subject:
    """The person with this id in the app's own accounts."""
    return Subject("user_id", value)


def to_subject(reference: SubjectReference) -> Subject:
    """The subject of a reference.

    Raises:
        TypeError, ValueError: it is neither a subject nor a mapping of `kind` and `value`.
    """
    if isinstance(reference, Subject):
        return reference
    if set(reference) != {"kind", "value"}:
        raise TypeError("a subject is email(…), user_id(…) or a mapping with kind and value")
    return Subject(reference["kind"], reference["value"])


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError("a subject's kind and value are text")
    if not given:
        raise ValueError("a subject's kind and value are not empty")
    return given
