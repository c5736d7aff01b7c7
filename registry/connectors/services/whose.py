"""Whose the records of an answer are: what each carries, and whether it repeats what it was asked for by (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from registry.connectors.datasets import Key
from registry.connectors.key_values import from_text, plain, to_text, written
from registry.connectors.services.description import Call, Service
from registry.connectors.services.paging import Row
from registry.connectors.services.templates import several, words
from registry.identity.belonging import SHARED, Record, is_key, pointing_at
from registry.identity.rules import IdentityRules
from registry.model.message import Identifier


class Answer(NamedTuple):
    """What a service answered to one question.

    Attributes:
        by: whom it was asked for.
        records: each with what it carries.
        holds_others: it found what was not asked for: something like it, or, where it does not know a parameter,
            everybody.
    """

    by: Identifier
    records: list[tuple[Row, Record]]
    holds_others: bool


class Whose:
    """What tells whose a service's records are. Safe to share between threads.

    Args:
        leading: its keys that lead on.
        rules: by what people are told apart.
    """

    def __init__(self, service: Service, leading: Collection[Key], rules: IdentityRules) -> None:
        self._service, self._leading, self._rules = service, leading, rules

    def told(self, call: Call, by: Identifier, people: Collection[Identifier], rows: Sequence[Row]) -> Answer:
        """The records of an answer: each is of whom it was found by, unless it has another identifier of that kind, or
        value of that key; or none, where another one of the same answer has that is not the person's, either, or where
        what else says there whose it is names somebody else.

        Args:
            people: all that the person is known by, as far as it is known.
        """
        own = {by, *(one for one in people if one.kind == by.kind)}
        forms: AbstractSet[object] = {text for one in own for text in _forms(one)} if is_key(by) else own
        known = {Identifier(one.kind.removeprefix(SHARED), one.value) for one in people}
        said = [self._repeats(row, by, forms, known) for row in rows]
        holds_others = False in said and not call.aliases
        theirs = [call.aliases or one or (one is None and not holds_others) for one in said]
        told = zip(rows, theirs, strict=True)
        records = [(row, self._carried(row, by if own else None, aliases=call.aliases)) for row, own in told]
        return Answer(by, records, holds_others)

    def _repeats(
        self, row: Row, by: Identifier, own: AbstractSet[object], people: AbstractSet[Identifier]
    ) -> bool | None:
        """Whether a record says that it is about one of these, as what it was found by; None where it does not say."""
        if is_key(by):
            told: Collection[object] = self._keys(row, by.kind)
        else:
            values = [value for name in self._service.repeating(by.kind) for value in several(row.get(name))]
            told = [one for value in words(values) if (one := pointing_at(by.kind, value, self._rules)) is not None]
        return not own.isdisjoint(told) if told else self._is_nobodys_else(row, by, people)

    def _is_nobodys_else(self, row: Row, by: Identifier, people: AbstractSet[Identifier]) -> bool | None:
        """False of a record that names a key, or where a key found it anybody, and none of it the person's."""
        read = list(self._read(row))
        if not people.isdisjoint(read):
            return None
        kinds = {one.references for one in self._service.fields.values() if one.references is not None}
        told = {kind: keys for kind in kinds if (keys := self._keys(row, kind))}
        if any(not _forms(one).isdisjoint(told[one.kind]) for one in people if one.kind in told):
            return None
        return False if told or (read and is_key(by)) else None

    def _keys(self, row: Row, kind: str) -> list[str]:
        """The values of a key that a record repeats."""
        values = (value for name in self._service.repeating(kind) for value in several(row.get(name)))
        return [text for value in values if (text := _text(value))]

    def _carried(self, row: Row, by: Identifier | None, *, aliases: bool) -> Record:
        """What a record carries, and what it was found by, where that is its person's and no other one stands there."""
        read = list(self._read(row))
        referred = by is not None and is_key(by)
        if by is not None and not referred and (aliases or all(one.kind != by.kind for one in read)):
            read.append(by)
        texts = ((key.kind, to_text([one])) for key in self._leading for one in several(row.get(key.fields[0])))
        keys = tuple(Identifier(kind, text) for kind, text in texts if text is not None)
        return Record(tuple(dict.fromkeys(read)), keys, referred)

    def _read(self, row: Row) -> Iterator[Identifier]:
        for held in self._service.fields.values():
            for value in words(row.get(held.name)) if held.identity is not None else ():
                if (found := pointing_at(held.identity or "", value, self._rules)) is not None:
                    yield found


def asked(by: Identifier) -> str:
    """What a service is asked with: a key carries its type, which it does not know."""
    return plain(by.value) if is_key(by) else by.value


def _forms(key: Identifier) -> set[str]:
    """The ways in which a record may repeat a key: as it was asked, and a UUID however that is written."""
    values = from_text(key.value)
    ways = written(values[0]) if len(values) == 1 else ()
    return {asked(key), *(_text(one) for one in ways)}


def _text(value: object) -> str:
    """A value of a key as services write it; a whole number without its fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.hex() if isinstance(value, bytes) else str(value).strip()
