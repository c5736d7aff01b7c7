"""What a package leaves out because it is about somebody else than its person (GDPR Art. 15(4)), by rule, and counted.

1. declared   fields that a tracking plan declares to be of others (`x-subject: other`) are replaced as a whole
2. found      an e-mail address or telephone number in any other text or name is replaced, unless it is the person's:
              one of their identifiers, or in a field that a plan declares as the person's contact data

Numbers without a country code are read as where the workspace is, and as where the person's own numbers are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import orjson

from registry.dsr.holding import SECTIONS, FieldCategories
from registry.flows.dsr.package.remembered import Remembered
from registry.model.message import Identifier
from registry.plans.contact_points import ENDS_OF_LINES, Found, as_compared, find, is_of_a_number, may_hold
from registry.plans.telephone_numbers import Looks, region_of

DECLARED = "declared"
LEFT_OUT = {
    DECLARED: "[left out: about somebody else]",
    "email": "[left out: somebody else's e-mail address]",
    "phone": "[left out: somebody else's telephone number]",
}
"""What stands in the place of what is left out, by why."""

CONTACT = "user.contact"
SHORTEST = 7
"""Digits of a telephone number that are enough to compare by: with and without country code or leading zero."""

_WITHOUT_GAPS = re.compile(r"^.*[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Words of scripts that leave no gap before an address."""

DOCUMENT_BYTES = 4_096
"""The longest document of which it is remembered that it names nobody else, as of where events come from."""

LONGEST_EXTENSION = 4
"""Digits of an extension, behind the number of a company: whoever has that is somebody else."""

Path = Sequence[str]


class Redactor:
    """Leaves others out of the values of one person's package, and counts what it left out, by why.

    Args:
        people: the person's own identifiers and contacts.
        region: where telephone numbers without a country code are (ISO 3166-1); they are not found where None.
        left_out: what stands in the place of what is left out, by why.
        looks: how much is looked at for telephone numbers before whatever may be one is left out.
    """

    def __init__(
        self,
        people: Iterable[Identifier],
        region: str | None = None,
        left_out: Mapping[str, str] = LEFT_OUT,
        looks: Looks | None = None,
    ) -> None:
        self._left_out = left_out
        self._own: set[str] = set()
        self._numbers: set[str] = set()
        self._regions = [region] if region is not None else []
        self._looks = looks if looks is not None else Looks()
        self._names = Remembered(_read)
        self._contacts: dict[str, tuple[Mapping[str, frozenset[str]], frozenset[str]]] = {}
        self.learn(people)
        self.counts: Counter[str] = Counter(dict.fromkeys(LEFT_OUT, 0))

    def learn(self, people: Iterable[Identifier]) -> None:
        """Take these for the person's own, too: what became known since."""
        own = list(people)
        self._own |= {as_compared(person.value) for person in own}
        numbers = [person.value for person in own if person.kind == "phone"]
        self._numbers |= set(map(_digits, numbers))
        regions = [*self._regions, *filter(None, map(region_of, numbers))] if self._regions else []
        self._regions = [*dict.fromkeys(regions)]
        given = tuple(self._regions), self._looks
        self._found = {called: Remembered(partial(_found_in, *given, called)) for called in (False, True)}
        self._documents = Remembered[bytes, bool](may_hold, DOCUMENT_BYTES)

    def event(self, content: Mapping[str, Any], categories: FieldCategories, others: Iterable[Path]) -> dict[str, Any]:
        """A message's content without others.

        Args:
            others: where the plan declares fields of others; `*` is every item of a list.
        """
        told = dict(content)
        for path in others:
            if path[0] in told:
                told[path[0]] = self._without(told[path[0]], path[1:])
        for section, held in told.items():
            if section not in SECTIONS or not isinstance(held, dict):
                told[section] = self.value(held)
            else:
                told[section] = self._section(section, held, categories.get(section, {}))
        shown: dict[str, Any] = {}
        for name, held in told.items():
            shown[self._name(name, shown)] = held
        return shown

    def value(self, value: Any, *, whole: bool = True) -> Any:
        """A value of any depth without others' addresses and numbers in its texts.

        Args:
            whole: whether a text that is nothing but an address or a number is replaced, too; within a document
                it is.
        """
        return self._value(value, whole)

    def member(self, name: str, value: Any) -> Any:
        """A value of this name without others: in one that is called a telephone number, mere digits are one."""
        _, is_number = self._names[name]
        return self._value(value, True, is_number)

    def declared(self) -> str:
        """What stands for a value that is declared to be of somebody else; counts it."""
        self.counts[DECLARED] += 1
        return self._left_out[DECLARED]

    def _value(self, value: Any, whole: bool, is_number: bool = False) -> Any:
        if isinstance(value, str):
            return self._text(value, whole, is_number)
        if isinstance(value, dict):
            return self._named(value) if self._may_name(_written(value)) else value
        if isinstance(value, list):
            if not self._may_name(_written(value)):
                return value
            return [self._value(inner, whole, is_number) for inner in value]
        if is_number and isinstance(value, int):
            told = self._text(str(value), whole, is_number)
            return value if told == str(value) else told
        return value

    def _section(self, section: str, members: dict[str, Any], declared: Mapping[str, frozenset[str]]) -> dict[str, Any]:
        """A section of a message without others; one that said the same before, and named nobody, is not read again."""
        written = _written(members)
        if not self._may_name(written):
            return members
        own = self._contacts_of(section, declared)
        before = self.counts.total()
        told = self._named(members, own)
        if written is not None and own.isdisjoint(members) and self.counts.total() == before:
            self._documents.keep(written, False)
        return told

    def _contacts_of(self, section: str, declared: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """The fields that are the person's contacts; most events are declared as the one before."""
        last, own = self._contacts.get(section, (None, frozenset()))
        if last is not declared:
            own = frozenset(name for name, categories in declared.items() if is_contact(categories))
            self._contacts[section] = declared, own
        return own

    def _may_name(self, written: bytes | None) -> bool:
        """Whether a text in a value can hold an address or a number: most values have none, and are not looked
        through.
        """
        return written is None or self._documents[written]

    def _named(self, members: Mapping[str, Any], own: Collection[str] = ()) -> dict[str, Any]:
        """Members without others, in their names as well, which may be anybody's; `own` are the person's contacts."""
        told: dict[str, Any] = {}
        for name, value in members.items():
            is_plain, is_number = self._names[name]
            shown = name if is_plain and name not in told else self._name(name, told)
            is_plain = name in own or (isinstance(value, str) and not self._found[is_number][value])
            told[shown] = value if is_plain else self._value(value, True, is_number)
        return told

    def _name(self, name: str, told: Collection[str]) -> str:
        """A member's name without others, and unlike those that stand there already."""
        is_plain, _ = self._names[name]
        shown = name if is_plain else self.value(name)
        return shown if shown not in told else f"{shown} {len(told)}"

    def _text(self, text: str, whole: bool, is_number: bool) -> str:
        found = self._found[is_number][text]
        if not found:
            return text
        pieces, last = [], 0
        for kind, start, end, plain in found:
            before = text[max(0, start - 2) : start]
            if self._is_own(kind, plain, before, text[start:end]) or (not whole and text[start:end] == text.strip()):
                continue
            self.counts[kind] += 1
            pieces += [text[last:start], self._left_out[kind]]
            last = end
        return "".join([*pieces, text[last:]])

    def _is_own(self, kind: str, plain: str, before: str, written: str) -> bool:
        if kind == "email":
            address = as_compared(plain)
            quoted = address.partition("'")[2]  # as in French, or the end of a quotation
            behind = _WITHOUT_GAPS.sub("", address)
            ends_no_line = before[-1:] + address if before[:1] == "\\" and before[1:] in ENDS_OF_LINES else address
            return not self._own.isdisjoint((address, address.lstrip("_.+-"), quoted, behind, ends_no_line))
        number = _digits(plain)
        return any(min(len(number), len(own)) >= SHORTEST
                   and (number.endswith(own) or own.endswith(number) or _is_before_another(own, number, written))
                   for own in self._numbers)  # fmt: skip

    def _without(self, value: Any, path: Path) -> Any:
        if not path:
            return self.declared() if value is not None else None
        step, rest = path[0], path[1:]
        if isinstance(value, list):  # also one in the place of an object
            return [self._without(item, rest if step == "*" else path) for item in value]
        if isinstance(value, dict) and step in value:
            return {**value, step: self._without(value[step], rest)}
        return value


@lru_cache(1_024)
def is_contact(categories: frozenset[str]) -> bool:
    """Whether a field is declared as contact data of the person's own."""
    return any(name == CONTACT or name.startswith(f"{CONTACT}.") for name in categories)


def _read(name: str) -> tuple[bool, bool]:
    """Whether a member's name can hold nothing of others, and whether it is one of a telephone number."""
    return not may_hold(name), is_of_a_number(name)


def _found_in(regions: Collection[str], looks: Looks, is_number: bool, text: str) -> list[Found]:
    return find(text, regions, is_called_so=is_number, looks=looks) if may_hold(text) else []


def _written(value: object) -> bytes | None:
    """A value as JSON; None of a system outside, and nothing that JSON has."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


def _is_before_another(own: str, number: str, written: str) -> bool:
    """Whether this is the person's number and, after a gap, digits of something else: too many for an extension."""
    beyond = len(number) - len(own)
    gap = re.search(rf"\s(?=\d{{{beyond}}}$)", written) if beyond > LONGEST_EXTENSION else None
    return gap is not None and number.startswith(own)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text).lstrip("0")
