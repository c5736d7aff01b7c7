"""What callers write when they ask about people: subjects, and questions about them, one or thousands.

Nearly all are a subject and a purpose alone. Those are read straight into columns, many at once; whatever is not of
that form, or wrong, is read one after the other, which tells what is wrong and where.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import msgspec

from registry.api.application import Application
from registry.api.bodies import decode_object
from registry.api.consent import moment
from registry.api.subject_lines import People, Subject, people_of
from registry.api.tags import JURISDICTION
from registry.flows.consent.given import NO_CATEGORIES, Asking, Question
from registry.flows.identity.subjects import subject
from registry.model.errors import InvalidInput, TooLarge
from registry.model.message import Identifier

BATCH_CHECKS = 10_000
CHECK_MEMBERS = frozenset({"subject", "purpose", "categories", "at", "jurisdiction"})
_PLACE = re.compile(JURISDICTION)


class _Check(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    subject: Subject
    purpose: str


class _Checks(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    checks: list[_Check]


_CHECK, _CHECKS = msgspec.json.Decoder(_Check), msgspec.json.Decoder(_Checks)
_OTHERWISE = (msgspec.DecodeError, UnicodeDecodeError)
"""What is said of bytes that are not of the form; a form that is not kept is a `DecodeError`, too."""


class Plain(NamedTuple):
    """Questions that a board answers, as columns."""

    people: People
    asked: list[Asking]

    @classmethod
    def of(cls, questions: Sequence[Question]) -> Plain | None:
        """Questions as columns; None where there are none, or one is about another moment, or names a place."""
        if not questions or not all(one.is_plain for one in questions):
            return None
        people = People.of([one.person for one in questions])
        return cls(people, [(one.purpose, one.categories) for one in questions])

    def questions(self) -> list[Question]:
        """One question after the other."""
        return [Question(person, *asked) for person, asked in zip(self.people.each(), self.asked, strict=True)]


def question_of(application: Application, body: bytes) -> Question:
    """A check as a caller writes it.

    Raises:
        MalformedJson: it is no JSON object.
        InvalidInput: it is not a check; `pointer` says where.
    """
    check: _Check | None
    try:
        check = _CHECK.decode(body)
    except _OTHERWISE:  # which holds the body: no error of ours is raised while it is at hand
        check = None
    if check is None:
        return _question(application, decode_object(body))
    person = subject(application.deployment.policies.identity, check.subject.kind, check.subject.value)
    return Question(person, check.purpose, NO_CATEGORIES)


def questions_of(application: Application, body: bytes) -> Plain | list[Question]:
    """A body of many checks: `Plain` where all of them are of a subject and a purpose alone.

    Raises:
        MalformedJson: it is no JSON object.
        InvalidInput: one is no check; `pointer` says which, and where in it.
        TooLarge: more than `BATCH_CHECKS`.
    """
    try:
        plain = _CHECKS.decode(body).checks
    except _OTHERWISE:
        plain = []
    if 0 < len(plain) <= BATCH_CHECKS:
        people = people_of(application.deployment.policies.identity, [check.subject for check in plain])
        if people is not None:
            return Plain(people, list(zip([check.purpose for check in plain], repeat(NO_CATEGORIES))))
    checks = decode_object(body).get("checks")
    if not isinstance(checks, list):
        raise InvalidInput("checks is not a list", pointer="/checks")
    if len(checks) > BATCH_CHECKS:
        raise TooLarge(f"more than {BATCH_CHECKS} checks in one request")
    asked: list[Question] = []
    for place, check in enumerate(checks):
        try:
            asked.append(_question(application, check))
        except InvalidInput as error:
            pointer = f"/checks/{place}{error.pointer or ''}"
            raise InvalidInput(f"check {place}: {error.detail}", pointer=pointer) from None
    return asked


def person_of(application: Application, reference: object) -> Identifier:
    """A subject reference as a caller writes it.

    Raises:
        InvalidInput: it is not one; `pointer` says where.
    """
    if not isinstance(reference, dict):
        raise InvalidInput("subject is not an object with kind and value", pointer="/subject")
    kind, value = reference.get("kind"), reference.get("value")
    if not isinstance(kind, str) or not isinstance(value, str):
        raise InvalidInput("subject needs kind and value, both text", pointer="/subject")
    return subject(application.deployment.policies.identity, kind, value)


def place_of(place: object, pointer: str) -> str | None:
    """A jurisdiction as a caller writes it; None where none is said.

    Raises:
        InvalidInput: it is no code of ISO 3166.
    """
    if place is None or (isinstance(place, str) and _PLACE.fullmatch(place)):
        return place
    raise InvalidInput("jurisdiction is no code of ISO 3166-1 or -2, as DE or US-CA", pointer=pointer)


def yes_or_no(text: str | None, pointer: str) -> bool:
    """A choice as a caller writes it into an address; no where nothing is said.

    Raises:
        InvalidInput: it is neither `true` nor `false`.
    """
    if text not in (None, "true", "false"):
        raise InvalidInput("say true or false", pointer=pointer)
    return text == "true"


def _question(application: Application, question: object) -> Question:
    if not isinstance(question, dict):
        raise InvalidInput("a check is not an object")
    if not question.keys() <= CHECK_MEMBERS:  # a misspelt one would leave out what it was to say
        raise InvalidInput(f"a check has no members but {', '.join(sorted(CHECK_MEMBERS))}", pointer="/*")
    purpose, categories = question.get("purpose"), question.get("categories")
    if categories is None:
        categories = []
    if not isinstance(purpose, str):
        raise InvalidInput("purpose is not text", pointer="/purpose")
    if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
        raise InvalidInput("categories is not a list of text", pointer="/categories")
    at, place = question.get("at"), place_of(question.get("jurisdiction"), "/jurisdiction")
    if at is not None and not isinstance(at, str):
        raise InvalidInput("at is not an RFC 3339 time", pointer="/at")
    person = person_of(application, question.get("subject"))
    return Question(person, purpose, frozenset(categories), place, moment(at, "/at"))
