"""Several who write what a few people allow, at once: what each did, and what was acknowledged to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from threading import Barrier

from registry.consent.signals.spoken import Spoken
from registry.dsr.requests import Kind
from registry.flows.access import preferences
from registry.flows.consent import ledger, signalled
from registry.flows.ingest import queue, recounting
from registry.flows.retention import sweeping
from registry.flows.stewards import deciding
from registry.model.clock import SECOND, Micros, rfc3339
from registry.model.errors import Conflict, InvalidInput, NotFound
from tests.factories import consent, identify, ordered
from tests.simulator import Tenant

PURPOSES = ("marketing", "analytics", "security")
CATEGORY = {"marketing": "Advertising", "analytics": "Analytics"}
PEOPLE = 3
FOREVER = 2**63 - 1

Reference = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody was told is so: a no or a yes, or an end of a restriction.

    Attributes:
        own: by an act of the person's own, which only another such act takes back.
        since: when it was said at the earliest.
        until: when at the latest.
        repeated: whether it is not recorded where it stands already.
        ended: when the acknowledgement came.
    """

    reference: Reference
    purpose: str
    yes: bool
    own: bool
    since: Micros
    until: Micros
    ended: Micros
    repeated: bool


def references(person: int) -> list[Reference]:
    """What points at one of the people."""
    return [("user_id", f"u{person}"), ("email", f"e{person}@shop.example"), ("anonymous_id", f"b{person}")]


class Writer:
    """One who writes: by whatever way there is, about whoever comes."""

    def __init__(self, tenant: Tenant, seed: int, words: list[Word]) -> None:
        self._tenant, self._random, self._words = tenant, Random(seed), words
        self._clock = tenant.registry.clock

    def write(self, acts: int) -> None:
        """Do so many acts."""
        ways: Sequence[tuple[Callable[[], None], int]] = (
            (self._say, 8), (self._save, 6), (self._signal, 4), (self._event, 12), (self._join, 4), (self._part, 2),
            (self._merge, 2), (self._request, 3), (self._lift, 3), (self._sweep, 2), (self._recount, 1),
        )  # fmt: skip
        for way in self._random.choices([way for way, _ in ways], [weight for _, weight in ways], k=acts):
            way()

    def _anybody(self) -> Reference:
        return self._random.choice(references(self._random.randrange(PEOPLE)))

    def _acknowledged(
        self,
        reference: Reference,
        said: dict[str, bool],
        start: Micros,
        *,
        own: bool,
        at: Micros | None = None,
        repeated: bool = False,
    ) -> None:
        ended = self._clock()
        for purpose, yes in said.items():
            since, until = (start, ended) if at is None else (at, at)
            self._words.append(Word(reference, purpose, yes, own, since, until, ended, repeated))

    def _late(self, start: Micros) -> Micros | None:
        return start - self._random.randrange(3 * SECOND) if self._random.random() < 0.3 else None

    def _say(self) -> None:
        reference, purpose, start = self._anybody(), self._random.choice(PURPOSES), self._clock()
        status = self._random.choice(["granted", "denied", "withdrawn", "objected", "expired"])
        at = self._late(start)
        self._tenant.say(*reference, purpose, status, acted_at=at)
        if status != "expired":
            self._acknowledged(reference, {purpose: status == "granted"}, start, own=True, at=at)

    def _save(self) -> None:
        reference, start = self._anybody(), self._clock()
        said = {purpose: self._random.random() < 0.3 for purpose in self._random.sample(PURPOSES, 2)}
        preferences.choose(
            self._tenant.registry.deployment, self._tenant.workspace, self._tenant.person(*reference), said,
            language="en", channel="preference_page",
        )  # fmt: skip
        self._acknowledged(reference, said, start, own=True, repeated=True)

    def _signal(self) -> None:
        reference, start = self._anybody(), self._clock()
        if self._random.random() < 0.3:
            said, objects = {"marketing": False}, frozenset({"marketing"})
        else:
            said, objects = {p: self._random.random() < 0.6 for p in CATEGORY}, frozenset[str]()
        signalled.record_signals(
            self._tenant.registry.deployment, self._tenant.workspace, self._tenant.person(*reference),
            Spoken(said, objects), actor="app:banner",
        )  # fmt: skip
        self._acknowledged(reference, said, start, own=bool(objects), repeated=True)

    def _event(self) -> None:
        reference, start = self._anybody(), self._clock()
        said = {p: self._random.random() < 0.6 for p in CATEGORY}
        at = self._late(start)
        objects = self._random.random() < 0.15
        context = consent(**{CATEGORY[purpose]: yes for purpose, yes in said.items()})
        self._send(reference, context, at, opted_out=objects)
        if objects:
            said.pop("marketing")
            self._acknowledged(reference, {"marketing": False}, start, own=True, at=at, repeated=True)
        self._acknowledged(reference, said, start, own=False, at=at, repeated=True)

    def _send(
        self, reference: Reference, context: dict[str, object] | None, at: Micros | None, *, opted_out: bool = False
    ) -> None:
        kind, value = reference
        more = {"context": context} if context is not None else {}
        if at is not None:
            more["timestamp"] = rfc3339(at)
        if kind == "email":
            call = identify(None, f"b{value[1]}-{self._random.randrange(3)}", email=value, **more)
        else:
            call = ordered(value if kind == "user_id" else None, value if kind == "anonymous_id" else None, **more)
        self._deliver(call, opted_out=opted_out)

    def _deliver(self, call: dict[str, object], *, opted_out: bool = False) -> None:
        for tries in range(queue.TRIES):  # as the intake does
            try:
                self._tenant.send(call, opted_out=opted_out)
            except Conflict:
                if tries == queue.TRIES - 1:
                    raise
            else:
                return

    def _join(self) -> None:
        user, mail, browser = references(self._random.randrange(PEOPLE))
        if self._random.random() < 0.5:
            self._deliver(identify(user[1], None, email=mail[1]))
        else:
            self._deliver(ordered(user[1], browser[1]))

    def _part(self) -> None:
        one, *others = references(self._random.randrange(PEOPLE))
        try:
            self._tenant.keep_apart(one, self._random.choice(others))
        except (NotFound, Conflict, InvalidInput):
            return  # not known yet, or not together, or taken apart by another just now

    def _merge(self) -> None:
        one, *others = references(self._random.randrange(PEOPLE))
        people = self._tenant.person(*one), self._tenant.person(*self._random.choice(others))
        try:
            deciding.merge(self._tenant.registry.deployment, self._tenant.workspace, *people, actor="person:steward")
        except (NotFound, Conflict):
            return  # not known yet, one person already, or one of them forbids it

    def _request(self) -> None:
        reference, start = self._anybody(), self._clock()
        kind = self._random.choice([Kind.OBJECTION, Kind.WITHDRAWAL, Kind.RESTRICTION, Kind.OPT_OUT])
        purpose = "*" if kind is Kind.RESTRICTION else self._random.choice(PURPOSES)
        more = {} if kind is Kind.RESTRICTION else {"purposes": [purpose]}
        if self._tenant.profile(*reference) is None:
            return
        self._tenant.run(self._tenant.request(kind, *reference, **more))
        self._acknowledged(reference, {purpose: False}, start, own=True)

    def _lift(self) -> None:
        reference, start = self._anybody(), self._clock()
        person = self._tenant.person(*reference)
        try:
            ledger.lift_restriction(
                self._tenant.registry.deployment, self._tenant.workspace, person, actor="person:officer"
            )
        except NotFound:
            return
        self._acknowledged(reference, {"*": True}, start, own=True)

    def _sweep(self) -> None:
        sweeping.sweep(self._tenant.registry.deployment, self._tenant.workspace, actor="operator")

    def _recount(self) -> None:
        tenant = self._tenant
        try:
            recounting.recount(tenant.registry.deployment, tenant.workspace, names=["orders_count"], actor="operator")
        except Conflict:
            return  # another counts


def race(tenants: Sequence[Tenant], seed: int, acts: int) -> list[Word]:
    """Let a writer for each of these do its acts, all at once; what was acknowledged.

    Raises:
        Whatever one of them was told.
    """
    words: list[Word] = []
    start = Barrier(len(tenants))

    def run(number: int) -> None:
        writer = Writer(tenants[number], seed * 1_000 + number, words)
        start.wait(30)
        writer.write(acts)

    with ThreadPoolExecutor(len(tenants)) as pool:
        for future in [pool.submit(run, number) for number in range(len(tenants))]:
            future.result()
    return words


def standing_noes(words: Sequence[Word]) -> list[Word]:
    """The noes that nothing said since, or at the same moment, can have lifted."""

    def lifts(yes: Word, no: Word) -> bool:
        same = yes.yes and yes.purpose == no.purpose and yes.reference[1][1] == no.reference[1][1]
        # What stands already is not recorded again: a late yes of a time between the two counts (decision 0014).
        later = yes.until >= no.since or (no.repeated and yes.ended >= no.since)
        return same and later and (yes.own or not no.own)

    return [no for no in words if not no.yes and not any(lifts(other, no) for other in words)]
