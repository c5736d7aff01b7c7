"""The plan of a request: what will be done with every field of every system, before anything is touched.

`LinkedSystem` is the one place where systems outside Registry come in: a request asks each of them
for its plan, lets it act, and lets it look again. What such a system announces and reports are the
same `FieldAccount`s that the certificate consists of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

from registry.dsr.accounting import FieldAccount
from registry.dsr.census import DeclaredField
from registry.dsr.requests import Kind
from registry.model.message import Identifier

UNTOUCHED = "this kind of request changes nothing in this system"
CORRECTED = "GDPR Art. 16: kept, with the value that the person corrected it to"


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """What one system would do.

    Attributes:
        accounts: one per field, with the rows that are there now.
        undecided: the (table, field) found there that nobody has declared: they block the approval.
        unreachable: why it could not be asked now, in our words; the plan is then incomplete, and blocks too.
        categories: by (table, field), the fideslang key that its reviewed description declares.
        traits: by (table, field), the trait that a request of this kind would write there, were it corrected.
    """

    system: str
    accounts: Sequence[FieldAccount] = ()
    undecided: Sequence[tuple[str, str]] = ()
    unreachable: str | None = None
    categories: Mapping[tuple[str, str], str] = field(default_factory=dict)
    traits: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def others(self) -> Mapping[str, int]:
        """By table, rows that carry an identifier of the person's and are somebody else's, so they are left."""
        return {one.table: one.others for one in self.accounts if one.others}

    def correcting(self, corrections: Collection[str]) -> SystemPlan:
        """The plan of a rectification of these traits: it says which fields get another value."""
        accounts = [
            one._replace(ground=CORRECTED) if self.traits.get((one.table, one.field)) in corrections else one
            for one in self.accounts
        ]
        return replace(self, accounts=accounts)

    def places(self) -> set[str]:
        """The traits that have a field in a row that is there."""
        there = {(one.table, one.field) for one in self.accounts if one.rows}
        return {trait for place, trait in self.traits.items() if place in there}


class LinkedSystem(Protocol):
    """A system outside Registry that holds records of people: a database, a processor, a service.

    Every method may be called again after a crash, and does again no more than is left to do. Each is
    given every identifier of the person in the clear, for this call only: nothing of them may be stored,
    logged or put into an error. What cannot be done now raises `LinkedSystemUnavailable`, and is tried again.
    """

    @property
    def name(self) -> str:
        """The system's name, as plans and certificates state it."""

    def undecided(self) -> Sequence[tuple[str, str]]:
        """Every (table, field) that is there and that nobody has declared: each blocks every request."""

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        """By what else these people are known, as records of theirs here say; asked again with whatever is new.

        Beside the kinds of the identity policy there are kinds for keys of records, which no policy knows:
        `shop.customers.id`. Each system is given all of them, and uses those that lead to records of its own.
        What several people share comes as `shared.phone`: it leads to nobody's records. Asked once more right before
        an erasure runs: what has come since lets that wait.
        """

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What a request of this kind would do here; changes nothing."""

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        """Do it; what was done with every field that `plan` names. The request's id is the same when it is done again.

        Args:
            corrections: of a rectification, by trait; otherwise none.
        """

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """After an erasure: rows still found, by table or `table.column`, looked for in another way; else none."""

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(table, row) of all that an access or portability request gives out of this system, as a stream."""

    def close(self) -> None:
        """Let go of every connection."""


@runtime_checkable
class HoldsTraits(Protocol):
    """A linked system that says which traits of the profile its fields hold: a rectification may name these."""

    @property
    def traits(self) -> Collection[str]:
        """The traits that a rectification writes there."""


@runtime_checkable
class Described(Protocol):
    """A linked system that a reviewed file describes: what it holds is known also while it does not answer."""

    @property
    def declared(self) -> Sequence[tuple[str, str, str | None]]:
        """(table, field, data category) of every field, None where it is about nobody."""


def traits_of(systems: Iterable[LinkedSystem]) -> frozenset[str]:
    """The traits that these systems say they hold."""
    return frozenset(trait for system in systems if isinstance(system, HoldsTraits) for trait in system.traits)


class Corrections(NamedTuple):
    """How many corrections are asked for, and how many of them have a place in any system where the person is."""

    asked: int
    placed: int


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What a request will do, in every system."""

    kind: Kind
    systems: Sequence[SystemPlan]
    retained: Sequence[Mapping[str, Any]] = ()
    """What an erasure will set aside, by legal hold and statutory duty."""
    corrections: Corrections | None = None
    """Of a rectification, what becomes of what is to be corrected."""
    beside: Sequence[str] = ()
    """Profiles here under what systems outside know the person by, of which nobody has decided whose they are."""

    @property
    def undecided(self) -> list[tuple[str, str, str]]:
        """Every (system, table, field) that somebody has to decide about first."""
        return [(plan.system, table, name) for plan in self.systems for table, name in plan.undecided]

    @property
    def unreachable(self) -> list[str]:
        """The systems that could not be asked."""
        return [plan.system for plan in self.systems if plan.unreachable is not None]

    @property
    def is_complete(self) -> bool:
        """Whether every system answers, and nothing is left to be decided before an approval."""
        return not (self.undecided or self.unreachable or self.beside)


def plan_json(plan: RequestPlan, fields: Iterable[DeclaredField]) -> dict[str, object]:
    """The plan as a JSON object: per system and table, each field with what becomes of it and why.

    Args:
        fields: the declarations, whose categories are told with each field.
    """
    declared = {(f.system, f.table, f.field): f for f in fields}
    systems = []
    for system in plan.systems:
        tables: dict[str, dict[str, object]] = {}
        for account in system.accounts:
            known = declared.get((account.system, account.table, account.field))
            made = {"table": account.table, "rows": account.rows, "rows_of_others": account.others, "fields": []}
            table = tables.setdefault(account.table, made)
            told: dict[str, object] = {"field": account.field, "disposition": account.disposition.value}
            told |= {"ground": account.ground} if account.ground else {}
            own = system.categories.get((account.table, account.field))
            told |= {"categories": list(known.categories) if known else [own] if own else []}
            listed = table["fields"]
            if isinstance(listed, list):
                listed.append(told)
        systems.append({"system": system.system, "unreachable": system.unreachable, "tables": list(tables.values())})
    return {
        "kind": plan.kind.value,
        "complete": plan.is_complete,
        "systems": systems,
        "retained": [dict(one) for one in plan.retained],
        "corrections": plan.corrections._asdict() if plan.corrections is not None else None,
        "beside": list(plan.beside),
        "undecided": [{"system": s, "table": t, "field": f} for s, t, f in plan.undecided],
    }
