"""An HTTP service outside as a linked system of requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from registry.connectors.datasets import Key
from registry.connectors.services.description import ERASE, ROW, TABLE, TRAIT, Call, Held, Service
from registry.connectors.services.exchange import Exchange, Told
from registry.connectors.services.paging import Row, all_rows, first_of
from registry.connectors.services.templates import address, at, fault_in, filled, several
from registry.connectors.services.whose import Answer, Whose, asked
from registry.dsr.accounting import TOLD, Disposition, FieldAccount
from registry.dsr.plan import CORRECTED, UNTOUCHED, SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.identity.belonging import SHARED, Belonging, Record
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

EVERY = "every field"
UNTOLD = (
    "a record that is asked for by {0} does not say whose it is: say which field repeats that (`{1}: {0}`), or, where "
    "none does and the answers hold nobody else's, `aliases: true` at the call"
)
NO_MORE: Mapping[str, Any] = MappingProxyType({})


class HttpService:
    """One described service. Safe to share between threads.

    Args:
        leading: the keys that lead on, wherever they stand: what records hold at one of this service's is told.
        rules: by what people are told apart.
    """

    def __init__(self, service: Service, exchange: Exchange, leading: Collection[Key], rules: IdentityRules) -> None:
        self._rules = rules
        self._service = service
        self._exchange = exchange
        self._whose = Whose(service, [key for key in leading if key.dataset == service.name], rules)

    @property
    def name(self) -> str:
        """The service's name."""
        return self._service.name

    @property
    def declared(self) -> list[tuple[str, str, str | None]]:
        """What its description says of every field, whether it answers or not."""
        return [(TABLE, one.name, one.category) for one in self._service.fields.values()]

    @property
    def traits(self) -> frozenset[str]:
        """The traits that its description says its fields hold."""
        return frozenset(one.trait for one in self._service.fields.values() if one.trait is not None)

    def close(self) -> None:
        """Close every connection."""
        self._exchange.close()

    def findings(self) -> list[tuple[str, str, str]]:
        """Every (table, field, reason) that somebody has to decide on; fields of answers are only seen in a plan."""
        guesses = (one.name for one in self._service.fields.values() if one.guess)
        untold = self._service.untold()
        return [
            *((TABLE, name, "a guess that nobody has confirmed") for name in guesses),
            *((TABLE, EVERY, UNTOLD.format(by, "references" if "." in by else "identity")) for by in untold),
        ]

    def undecided(self) -> list[tuple[str, str]]:
        """Every (table, field) that is still a guess."""
        return [(place, name) for place, name, _ in self.findings()]

    @property
    def rules(self) -> IdentityRules:
        """By what this service's records are told apart."""
        return self._rules

    def records(self, people: Sequence[Identifier], known: Sequence[Identifier] = ()) -> Iterator[Record]:
        """What the records carry that these lead to, whoever's they are.

        Args:
            known: by what else the person is known: a record that repeats one of these is of nobody else.

        Raises:
            LinkedSystemUnavailable: the service does not answer.
        """
        yield from (record for answer in self._answers(people, known=known) for _, record in answer.records)

    def _answers(
        self, people: Sequence[Identifier], *actions: str, known: Sequence[Identifier] = ()
    ) -> Iterator[Answer]:
        """What it answers to every question that finds records.

        What several people share finds records as well: what else they carry tells whose they are.
        """
        asked_for = [Identifier(one.kind.removeprefix(SHARED), one.value) for one in people]
        own = {*people, *known}
        for call in (call for action in actions or ("find",) for call in self._service.calls[action]):
            for person, values in self._for_each(call, asked_for, []):
                if call.count is None and person is not None:
                    yield self._whose.told(call, person, own, list(self._pages(call, values)))

    def leads(self, people: Sequence[Identifier]) -> list[Identifier]:
        """By what else these people are known, as their records say."""
        return Belonging(self._rules, people).take(self.records(people))

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What a request of this kind would do here; fields of the answers that nobody declared stand in it, too."""
        undeclared = set[str]()
        own, others = self._told_apart(people)
        for row in own:
            undeclared |= {name for name, value in row.items() if not self._service.knows(name, value)}
        undecided = [*self.undecided(), *((TABLE, name) for name in sorted(undeclared))]
        told = {(TABLE, one.name): one.category for one in self._service.fields.values() if one.category is not None}
        named = {(TABLE, one.name): one.trait for one in self._service.fields.values() if one.trait is not None}
        calls = self._calls(kind) if EFFECTS[kind] is Effect.CORRECT else []
        traits = {place: name for place, name in named.items() if any(call.writes(name) for call in calls)}
        accounts = self._accounts(kind, len(own), len(others))
        return SystemPlan(self.name, accounts, undecided, categories=told, traits=traits)

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(table, record) of everything that an access gives out."""
        for row in (row for _, row, _, own in self._each(people, self._answers(people)) if own):
            given = {name: value for name, value in row.items() if (held := self._of(name)) and held.exported}
            if given:
                yield TABLE, given

    def run(
        self,
        request_id: str,  # noqa: ARG002 - what is done here is the same for whichever request
        kind: Kind,
        people: Sequence[Identifier],
        corrections: Mapping[str, object],
    ) -> Sequence[FieldAccount]:
        """Make the calls that the description has for this kind of request.

        Raises:
            LinkedSystemUnavailable: the service does not answer or refuses, or a field is undecided.
        """
        planned = self.plan(kind, people)
        if planned.undecided:
            raise LinkedSystemUnavailable(  # whose names a service gave: they may hold anything, and stand in the plan
                f"{self.name}: its records have fields that nobody has decided on",
                hint="the request's plan names them, or registry connectors check says why: declare them in its file",
            )
        calls, written = self._calls(kind), dict[str, str]()
        if EFFECTS[kind] is Effect.CORRECT:
            there = {one.name: one.trait for one in self._service.fields.values() if one.trait in corrections}
            written = {name: trait for name, trait in there.items() if trait and any(c.writes(trait) for c in calls)}
            calls = [call for call in calls if any(map(call.writes, written.values()))]
        tells, everybody = EFFECTS[kind] is Effect.RECORD, people
        answers = list(self._answers(people)) if any(call.by == ROW or not tells for call in calls) else []
        each = list(self._each(people, answers))
        if EFFECTS[kind] is Effect.ERASE:
            known = [one for one in people if not one.kind.startswith(SHARED)]  # what is shared leads nowhere
            led = each if len(known) == len(people) else self._each(known, self._answers(known))
            self._require_nothing_new(people, (record for _, _, record, _ in led))
        rows, others = _apart(each)
        if not tells:  # what erases or writes by it would reach the records of others as well
            shared = {one for record in others for one in record.identifiers}
            loose = {answer.by for answer in answers if answer.holds_others}
            self._require_by_row(calls, loose if rows else ())
            people = [one for one in people if one not in shared | loose]
        for call in calls:
            for _, values in self._for_each(call, people, rows):
                traits = {**self._stands(values), **corrections}
                named = {f"{TRAIT}{name}": value for name, value in traits.items()}
                self._there(call, self._made(call.of_traits(traits), values | named))
        if EFFECTS[kind] is Effect.CORRECT and calls:
            self._require_written(rows, self._told_apart(everybody)[0], {n: corrections[t] for n, t in written.items()})
        first = planned.accounts[0]
        return self._accounts(kind, first.rows, first.others, called=bool(calls), written=written if calls else ())

    def _require_by_row(self, calls: Sequence[Call], loose: Collection[Identifier]) -> None:
        """Go on only if what is to be done is done record by record, where an answer held records of others.

        Args:
            loose: what it was asked by then.

        Raises:
            LinkedSystemUnavailable: it is not.
        """
        kinds = {one.kind for one in loose}.intersection(call.by for call in calls)
        if kinds and all(call.by != ROW for call in calls):
            raise LinkedSystemUnavailable(
                f"{self.name}: asked by {', '.join(sorted(kinds))} it answers with records of others, too, so that no "
                "call is made that changes anything by that",
                hint="let the call be made by `row`, and ask the service why it finds those",
            )

    def _stands(self, values: Mapping[str, Any]) -> dict[str, object]:
        """By trait, what a record that a call is made for holds: many services take a record as a whole."""
        held = ((one.trait, f"{ROW}.{one.name}") for one in self._service.fields.values() if one.trait is not None)
        return {trait: values[place] for trait, place in held if place in values}

    def _require_written(self, before: Sequence[Row], after: Sequence[Row], right: Mapping[str, object]) -> None:
        """Go on only if no record has what it had: a service may write a value in its own form, or pass one over.

        Raises:
            LinkedSystemUnavailable: one has.
        """
        for name, value in right.items():
            wrong = {str(row[name]) for row in before if name in row} - {str(value)}
            if wrong.intersection(str(row.get(name)) for row in after):
                raise LinkedSystemUnavailable(
                    f"{self.name}: {name} still has another value than the corrected one",
                    hint="look whether the call names the member as the service does",
                )

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """After an erasure: records that the service still finds with something that should be gone."""
        if EFFECTS[kind] is not Effect.ERASE:
            return {}
        belonging, left = Belonging(self._rules, people), 0
        for call in (call for call in self._service.calls["remaining"] if call.count is not None):
            left += sum(self._counted(call, values) for _, values in self._for_each(call, people, []))
        answers = self._answers(people, "remaining", "find")
        for row, record in (one for answer in answers for one in answer.records):
            left += belonging.is_own(record) and any(self._is_left(name, value) for name, value in row.items())
        return {TABLE: left} if left else {}

    def _counted(self, call: Call, values: Mapping[str, Any]) -> int:
        """How many records a service says that there are.

        Raises:
            LinkedSystemUnavailable: it says no number.
        """
        told = self._there(call, self._made(call, values))
        counted = at(told.value, call.count or "") if told.is_there else 0
        if not isinstance(counted, int) or isinstance(counted, bool) or counted < 0:
            raise LinkedSystemUnavailable(f"{self.name} does not say how many records there are")
        return counted

    def _is_left(self, name: str, value: Any) -> bool:
        """Whether a field of a record, or of an object that is declared as a whole, holds what should be gone."""
        held = self._of(name)
        return held is not None and not held.kept and any(one not in ("", {}) for one in several(value))

    def _calls(self, kind: Kind) -> list[Call]:
        action = {Effect.ERASE: "erase", Effect.CORRECT: "rectify", Effect.RECORD: "record"}.get(EFFECTS[kind])
        return [call for call in self._service.calls.get(action or "", ()) if not call.kinds or kind in call.kinds]

    def _for_each(
        self, call: Call, people: Sequence[Identifier], rows: Sequence[Row]
    ) -> Iterator[tuple[Identifier | None, dict[str, Any]]]:
        """Whom a call is made for, and what fills its places; for each record, nobody."""
        if call.by == ROW:
            yield from ((None, {f"{ROW}.{name}": value for name, value in row.items()}) for row in rows)
        for person in people:
            if person.kind == call.by:
                yield person, {"identifier": asked(person)}

    def _each(
        self, people: Sequence[Identifier], answers: Iterable[Answer]
    ) -> Iterator[tuple[bytes, Row, Record, bool]]:
        """Every record, each once, whatever it was found by: a mark of it, and whether it is these people's own."""
        belonging, seen = Belonging(self._rules, people), set[tuple[bytes, bool]]()
        for row, record in (one for answer in answers for one in answer.records):
            mark, own = orjson.dumps(row, option=orjson.OPT_SORT_KEYS), belonging.is_own(record)
            if (mark, own) not in seen:
                seen.add((mark, own))
                yield mark, row, record, own

    def _told_apart(self, people: Sequence[Identifier]) -> tuple[list[Row], list[Record]]:
        """The records of these people; and those of others that are found by what is theirs."""
        return _apart(list(self._each(people, self._answers(people))))

    def _require_nothing_new(self, people: Sequence[Identifier], records: Iterable[Record]) -> None:
        """Go on only if the records lead to nothing that was not asked about: nobody would find it once they are gone.

        Raises:
            LinkedSystemUnavailable: some came meanwhile that do.
        """
        if Belonging(self._rules, people).take(records):
            raise LinkedSystemUnavailable(
                f"{self.name}: records of this person came meanwhile, which lead on to others",
                hint="it is tried again by itself; if they never cease to come, stop what writes them",
            )

    def _made(self, call: Call, values: Mapping[str, Any], more: Mapping[str, Any] = NO_MORE) -> Told:
        try:
            path = address(call.path, values)
            query, body = filled(call.query, values), filled(call.body, values)
        except KeyError:
            raise LinkedSystemUnavailable(f"{self.name}: a record lacks a field that a call is made of") from None
        if call.body is None:
            query = query | more
        else:
            body = body | more
        told = self._exchange.ask(call.method, path, query, body)
        return told if call in self._service.calls[ERASE] else self._understood(told)  # which is looked after

    def _understood(self, told: Told) -> Told:
        """Go on only if an answer does not say itself that it failed, in a member that is no field of the records.

        Raises:
            LinkedSystemUnavailable: it does.
        """
        fault = fault_in(told.value)
        if fault is not None and not self._service.covers(fault):
            raise LinkedSystemUnavailable(
                f"{self.name} answers that it failed, by `{fault}`",
                hint="ask the service why; if that is a field of its records, declare it",
            )
        return told

    def _there(self, call: Call, told: Told) -> Told:
        """Go on only if an answer that nothing is there says that it knows nobody: a wrong path is answered so, too.

        Raises:
            LinkedSystemUnavailable: the description does not say so.
        """
        if not told.is_there and not call.nobody:
            raise LinkedSystemUnavailable(
                f"{self.name}: nothing is at {call.path}",
                hint="mend the path, or say `nobody: 404` at the call if that is how it says that it knows nobody",
            )
        return told

    def _pages(self, call: Call, values: Mapping[str, Any]) -> Iterator[Row]:
        def ask(more: Mapping[str, Any]) -> Told:
            return self._made(call, values, more)

        def follow(link: str, before: Told) -> Told:
            return self._understood(self._exchange.follow(link, before))

        first = self._there(call, ask(first_of(call.pages)))
        return all_rows(self.name, call.pages, call.rows, first, ask, follow)

    def _of(self, name: str) -> Held | None:
        parts = name.split(".")
        named = (self._service.fields.get(".".join(parts[:end])) for end in range(len(parts), 0, -1))
        return next((held for held in named if held is not None), None)

    def _accounts(
        self, kind: Kind, rows: int, others: int, *, called: bool = False, written: Collection[str] = ()
    ) -> list[FieldAccount]:
        effect, accounts = EFFECTS[kind], []
        for name, held in self._service.fields.items():
            if effect is Effect.ERASE and not held.kept:
                accounts.append(FieldAccount(self.name, TABLE, name, Disposition.ERASED, rows, others=others))
            elif effect is Effect.GIVE and held.exported:
                accounts.append(FieldAccount(self.name, TABLE, name, Disposition.EXPORTED, rows, others=others))
            else:
                ground = CORRECTED if name in written else held.ground or UNTOUCHED
                if effect is Effect.RECORD and called:
                    ground = f"{TOLD} the {kind.value}"
                accounts.append(FieldAccount(self.name, TABLE, name, Disposition.RETAINED, rows, ground, others))
        return accounts


def _apart(each: Sequence[tuple[bytes, Row, Record, bool]]) -> tuple[list[Row], list[Record]]:
    """Records that are these people's own, each once, and those of others."""
    own = {mark: row for mark, row, _, is_own in each if is_own}
    return list(own.values()), [record for mark, _, record, _ in each if mark not in own]
