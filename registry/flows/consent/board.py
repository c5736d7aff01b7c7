"""Who of a workspace stands how, in memory: each person's decision for every purpose, as `decide` gives it.

Blind indexes, ids of ours and words of ours; nothing opened, nothing personal in plaintext. A million people of the
shipped purposes take 150 to 300 MB. How a board is kept current, and when it may not be used, is `boards`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from registry.consent.decide import Standing, decide
from registry.consent.purposes import PurposeCatalogue
from registry.flows.consent.given import Answers, Asking, Given, Outcome
from registry.flows.consent.key_table import NONE, KeyTable, Numbers
from registry.flows.consent.standing import FOREVER, NOBODY, Alike, alike, standings_for
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.decision import Decision, Reason
from registry.model.ids import BlindIndex, ProfileId, RecordId
from registry.model.stored import ConsentState
from registry.store.consents import Person
from registry.store.standing import Known

NO_RECORD = bytes(16)
RECORD = np.dtype("V16")
FIRST_ROOM = 1_024
MOST_ALIKE = 10_000
"""Classes of people whose answers are kept."""

MOST_ASKED = 1_000
"""Combinations of purpose and categories that are kept; the categories are the caller's."""


class Column:
    """What everybody's answer is for one purpose: a code for the decision, and what the decision rests on."""

    def __init__(self, purpose: str, nobody: Decision) -> None:
        self.purpose = purpose
        self.outcomes = [Outcome(nobody, False)]
        self.codes = bytearray()
        self._codes_of: dict[tuple[Reason, bool], int] = {}
        self._records = bytearray()
        self._untils: array[int] = array("q")

    def grow(self, room: int) -> None:
        """Make room for so many people."""
        self.codes = _grown(self.codes, room)
        if self._records:
            self._records = _grown(self._records, 16 * room)
        if self._untils:
            self._untils.extend([0] * (room - len(self._untils)))

    def code(self, decision: Decision) -> int:
        """The code of a decision, whatever record it rests on and however long it holds."""
        rests = decision.record_id is not None
        found = self._codes_of.get((decision.reason, rests))
        if found is None:
            found = self._codes_of[decision.reason, rests] = len(self.outcomes)
            bare = Decision(
                decision.allowed, decision.reason, decision.purpose, decision.lawful_basis, None, None,
                decision.policy_version,
            )  # fmt: skip
            self.outcomes.append(Outcome(bare, rests))
        return found

    def put(self, number: int, code: int, record_id: RecordId | None, until: Micros | None) -> None:
        """Somebody's answer."""
        self.codes[number] = code
        if record_id is not None and not self._records:
            self._records = bytearray(16 * len(self.codes))
        if self._records:
            self._records[16 * number : 16 * number + 16] = record_id or NO_RECORD
        if until is not None and not self._untils:
            self._untils = array("q", bytes(8 * len(self.codes)))
        if self._untils:
            self._untils[number] = until or 0

    def given(self, number: int, outcomes: Sequence[Outcome], lasting: bool) -> Given:
        """Somebody's answer, in the words of these outcomes."""
        outcome = outcomes[self.codes[number]]
        if not outcome.rests:
            return Given(outcome, None, None, lasting)
        record_id = RecordId(bytes(self._records[16 * number : 16 * number + 16]))
        return Given(outcome, record_id, (self._untils[number] or None) if self._untils else None, lasting)

    def of(self, numbers: Numbers) -> tuple[NDArray[np.uint8], NDArray[np.void] | None, NDArray[np.int64] | None]:
        """Of many people: the codes; the records and the ends, 0 for none, where anybody has one."""
        records = np.frombuffer(self._records, RECORD)[numbers] if self._records else None
        untils = np.frombuffer(self._untils, np.int64)[numbers] if self._untils else None
        return np.frombuffer(self.codes, np.uint8)[numbers], records, untils


class Asked:
    """A purpose and categories, asked of many people; `column` is None where the policy lacks the purpose."""

    def __init__(
        self, catalogue: PurposeCatalogue, column: Column | None, purpose: str, categories: frozenset[str]
    ) -> None:
        self.column = column
        self.nobody = Outcome(decide(purpose, categories, NOBODY, catalogue, now=0), False)
        found = catalogue.purposes.get(purpose)
        self._covered = found is None or all(found.covers(category) for category in categories)
        # What the purpose does not cover is refused whatever somebody said, unless they restrict everything.
        self._uncovered = {
            restricted: Outcome(decide(purpose, categories, Standing(True, (), 0, restricted), catalogue, now=0), False)
            for restricted in (False, True)
        }

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcome of each code of the column."""
        if self.column is None:
            return []
        if self._covered:
            return self.column.outcomes
        others = (self._uncovered[one.decision.reason is Reason.RESTRICTED] for one in self.column.outcomes[1:])
        return [self.nobody, *others]


class _Decided(NamedTuple):
    """One person's answers: a code a purpose, the record and the end of each; none of it holds beyond `bound`."""

    codes: Sequence[int]
    records: Sequence[RecordId | None]
    untils: Sequence[Micros | None]
    bound: Micros


class Board:
    """The standing of everybody in a workspace, as of what was put on it. Not safe between threads."""

    def __init__(self, rules: IdentityRules, catalogue: PurposeCatalogue) -> None:
        self._rules, self._catalogue = rules, catalogue
        self._changes = [purpose.material_since for purpose in catalogue.purposes.values()]
        nobody = {name: decide(name, frozenset(), NOBODY, catalogue, now=0) for name in catalogue.purposes}
        self._columns = [Column(name, decision) for name, decision in nobody.items()]
        self._column_of = {column.purpose: column for column in self._columns}
        self._alike: dict[Alike, tuple[Sequence[int], Sequence[bool]]] = {}
        self._asked: dict[tuple[str, frozenset[str]], Asked] = {}
        self._profiles, self._indexes = KeyTable(), KeyTable()
        self._ids = bytearray()
        self._bounds: array[int] = array("q")
        self._used, self._free = 0, list[int]()
        self.as_of: Micros = 0
        """The latest moment that anybody was decided for: of an earlier one the board says nothing."""

    @property
    def people(self) -> int:
        """How many people it holds."""
        return self._used - len(self._free)

    @property
    def later(self) -> int:
        """How many keys wait to be folded in."""
        return max(self._profiles.later, self._indexes.later)

    def fold(self) -> None:
        """Put what came since into the sorted arrays."""
        self._profiles.fold()
        self._indexes.fold()

    def put(self, known: Known, now: Micros) -> None:
        """Put somebody on the board as they stand now, in the place of what stood there of them."""
        number = self._profiles.get(known.profile_id)
        if number == NONE:
            number = self._free.pop() if self._free else self._room()
            self._profiles.put(known.profile_id, number)
            self._ids[16 * number : 16 * number + 16] = known.profile_id
        decided = self._decided(known.person, now)
        for column, code, record, until in zip(self._columns, decided.codes, decided.records, decided.untils):  # noqa: B905
            column.put(number, code, record, until)
        self._bounds[number] = decided.bound
        for index in known.indexes:
            if self._indexes.get(index) != number:
                self._indexes.put(index, number)
        self.as_of = max(self.as_of, now)

    def drop(self, profile_id: bytes) -> None:
        """Take somebody off; nothing happens where they are not there."""
        number = self._profiles.get(profile_id)
        if number == NONE:
            return
        self._profiles.put(profile_id, NONE)
        self._ids[16 * number : 16 * number + 16] = bytes(16)
        for column in self._columns:
            column.put(number, 0, None, None)
        self._bounds[number] = FOREVER
        self._free.append(number)

    def forget(self, what: str, gone: Iterable[bytes]) -> None:
        """Take `profiles` off, or `indexes` that lead to nobody any more."""
        for key in gone:
            if what == "profiles":
                self.drop(key)
            else:
                self._indexes.put(key, NONE)

    @property
    def keys(self) -> dict[str, KeyTable]:
        """The keys of both kinds, by what the store calls them."""
        return {"profiles": self._profiles, "indexes": self._indexes}

    def asked(self, purpose: str, categories: frozenset[str] = frozenset()) -> Asked:
        """A question, to be put to people of this board."""
        found = self._asked.get((purpose, categories))
        if found is None:
            if len(self._asked) >= MOST_ASKED:
                self._asked.clear()
            column = self._column_of.get(purpose)
            found = self._asked[purpose, categories] = Asked(self._catalogue, column, purpose, categories)
        return found

    def number_of(self, index: BlindIndex) -> int:
        """The number of the person behind an identifier; `NONE` for nobody."""
        return self._indexes.get(index)

    def numbers_of(self, what: str, keys: bytes) -> Numbers:
        """The same of many `indexes`, or `profiles`, written one after the other."""
        return self.keys[what].get_many(keys)

    def numbers_after(self, profile_id: bytes) -> Numbers:
        """The numbers of everybody after a profile, in the order of the profiles' ids."""
        return self._profiles.numbers_after(profile_id)

    def holds(self, number: int, now: Micros) -> bool:
        """Whether what stands there of somebody is still so."""
        return number == NONE or self._bounds[number] > now

    def overdue(self, numbers: Numbers, now: Micros) -> list[ProfileId]:
        """Of whom among these it is not: time alone has changed it."""
        if not self._used:
            return []
        bounds = np.frombuffer(self._bounds, np.int64)
        return self.ids_of(numbers[(numbers != NONE) & (bounds[numbers] <= now)].tolist())

    def ids_of(self, numbers: Sequence[int]) -> list[ProfileId]:
        """The profile ids of these people."""
        return [ProfileId(bytes(self._ids[16 * number : 16 * number + 16])) for number in numbers]

    def given(self, asked: Asked, number: int) -> Given:
        """The answer for one person."""
        if asked.column is None or number == NONE:
            return Given(asked.nobody, None, None, True)
        return asked.column.given(number, asked.outcomes, self._bounds[number] == FOREVER)

    def answers(self, questions: Sequence[Asking], numbers: Numbers) -> Answers:
        """`given` for each of many people, to a question of their own."""
        if questions.count(questions[0]) == len(questions):
            return self._answers(self.asked(*questions[0]), numbers)
        places = {one: place for place, one in enumerate(dict.fromkeys(questions))}
        which = np.fromiter(map(places.__getitem__, questions), np.int32, len(questions))
        made = Answers([], *_nothing(len(numbers)))
        outcomes, order = list[Outcome](), np.argsort(which, kind="stable")
        for one, own in zip(places, np.split(order, np.cumsum(np.bincount(which))[:-1]), strict=True):
            part = self._answers(self.asked(*one), numbers[own])
            made.codes[own], made.records[own], made.untils[own] = part.codes + len(outcomes), part.records, part.untils
            outcomes += part.outcomes
        return made._replace(outcomes=outcomes)

    def _answers(self, asked: Asked, numbers: Numbers) -> Answers:
        codes, records, untils = _nothing(len(numbers))
        if asked.column is None or not self._used:
            return Answers([asked.nobody], codes, records, untils)
        known = numbers != NONE
        codes[known], own_records, own_untils = asked.column.of(numbers[known])
        if own_records is not None:
            records[known] = own_records
        if own_untils is not None:
            untils[known] = own_untils
        return Answers([asked.nobody, *asked.outcomes[1:]], codes, records, untils)

    def allowed(self, asked: Asked, numbers: Numbers) -> NDArray[np.bool_]:
        """For whom among these the answer is yes."""
        if asked.column is None or not self._used:
            return np.zeros(len(numbers), bool)
        yes = np.array([outcome.decision.allowed for outcome in asked.outcomes])
        codes = np.frombuffer(asked.column.codes, np.uint8)
        return yes[codes[numbers]] & (numbers != NONE)  # type: ignore[no-any-return]

    def ids(self, numbers: Numbers) -> bytes:
        """The profile ids of these people, one after the other."""
        return np.frombuffer(self._ids, "V16")[numbers].tobytes() if self._used else b""

    def _room(self) -> int:
        if self._used == len(self._bounds):
            room = max(FIRST_ROOM, self._used + self._used // 2)
            self._ids = _grown(self._ids, 16 * room)
            self._bounds.extend([FOREVER] * (room - self._used))
            for column in self._columns:
                column.grow(room)
        self._used += 1
        return self._used - 1

    def _decided(self, person: Person, now: Micros) -> _Decided:
        common = alike(self._rules, *person, now, self._catalogue.last_change)
        if common is None:
            decisions = self._decide(person, now)
            codes = [column.code(one) for column, one in zip(self._columns, decisions, strict=True)]
            return _Decided(codes, [d.record_id for d in decisions], [d.valid_until for d in decisions],
                            self._bound(person[1], now))  # fmt: skip
        known = self._alike.get(common)
        if known is None:
            if len(self._alike) >= MOST_ALIKE:
                self._alike.clear()
            decisions = self._decide(person, now)
            codes = [column.code(one) for column, one in zip(self._columns, decisions, strict=True)]
            known = self._alike[common] = codes, [decision.record_id is not None for decision in decisions]
        own = {row.purpose: row.record_id for row in person[1]}
        records = [
            own[column.purpose] if rests else None for column, rests in zip(self._columns, known[1], strict=True)
        ]
        return _Decided(known[0], records, [None] * len(records), FOREVER)

    def _decide(self, person: Person, now: Micros) -> list[Decision]:
        standings = standings_for(self._rules, *person, self._catalogue.purposes)
        return [
            decide(column.purpose, frozenset(), standings[column.purpose], self._catalogue, now=now)
            for column in self._columns
        ]

    def _bound(self, states: Sequence[ConsentState], now: Micros) -> Micros:
        """The next moment at which an act begins to count, or ends, or a purpose means something else."""
        moments = [row.acted_at for row in states] + [row.expires_at for row in states if row.expires_at is not None]
        return min((moment for moment in (*moments, *self._changes) if moment > now), default=FOREVER)


def _nothing(people: int) -> tuple[NDArray[np.int32], NDArray[np.void], NDArray[np.int64]]:
    """Columns of nobody's answers."""
    return np.zeros(people, np.int32), np.zeros(people, RECORD), np.zeros(people, np.int64)


def _grown(held: bytearray, size: int) -> bytearray:
    """A longer copy: NumPy may be looking at the one there was."""
    return held + bytes(size - len(held))
