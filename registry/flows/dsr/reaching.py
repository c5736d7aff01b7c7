"""By what else people are known in the systems outside: asked until nothing new is found.

Only what is new is asked for again: every identifier once in every system, so that circles end by themselves. What
turns out to be shared with others leads nowhere, nor does what was found by it: then all is asked anew without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeGuard, TypeVar

from registry.dsr.plan import LinkedSystem
from registry.identity.belonging import SHARED, Belonging, Record, is_key, pointing_at
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable, RegistryError
from registry.model.message import Identifier

_T = TypeVar("_T")


class TellsRecordsApart(Protocol):
    """A system that says of each record what it carries, so that it can be told whose it is."""

    @property
    def rules(self) -> IdentityRules:
        """By what it tells people apart."""

    def records(self, people: Sequence[Identifier], known: Sequence[Identifier] = ()) -> Iterator[Record]:
        """What the records carry that these lead to, whoever's they are.

        Args:
            known: by what else the person is known, where it is written in letters that tell nothing apart.
        """


def tells_records_apart(system: LinkedSystem) -> TypeGuard[TellsRecordsApart]:
    """Whether a system is one that does; asked of the protocol itself, Python takes as long as for a small table."""
    return hasattr(system, "records") and hasattr(system, "rules")


def reached(
    systems: Sequence[LinkedSystem],
    people: Sequence[Identifier],
    rules: IdentityRules | None,
    begun: Collection[Identifier] | None = None,
) -> tuple[list[Identifier], dict[str, LinkedSystemUnavailable]]:
    """What people are known by anywhere, and the systems that did not say, each with its error.

    Args:
        rules: by which identifiers are read where no system tells records apart, and so has some of its own.
        begun: those of the people that the request began with, where others were learnt before: only beside these may
            a stronger identifier be taken for the person's, whenever it is asked.
    """
    apart = next((system.rules for system in systems if tells_records_apart(system)), None)
    rules = apart or rules
    shared, silent = set[Identifier](), dict[str, LinkedSystemUnavailable]()
    while True:
        belonging = Belonging(apart, people, shared, begun)
        new = belonging.known
        while new:
            found: list[Record] = []
            for system in systems:
                try:
                    found += asked(system, partial(_records, system, new, belonging.known, rules))
                except LinkedSystemUnavailable as error:
                    silent[system.name] = error
            new = belonging.take(found) or belonging.adopt()
        contested = belonging.contested()
        if not contested:
            return belonging.everything, silent
        shared |= contested


def require_nothing_new(system: LinkedSystem, people: Sequence[Identifier], rules: IdentityRules | None) -> None:
    """Go on only if a system leads to nothing that was not asked about: once it has erased, nobody would find that.

    Those that tell records apart look by themselves, in the transaction in which they erase.

    Args:
        rules: by which what it says may have been read.

    Raises:
        LinkedSystemUnavailable: something came meanwhile that does, or it does not answer.
    """
    if tells_records_apart(system):
        return
    known = {*people, *(Identifier(one.kind.removeprefix(SHARED), one.value) for one in people)}

    def leads_on() -> bool:
        told = system.leads([one for one in people if not one.kind.startswith(SHARED)])  # which leads nowhere
        new = [one for one in told if one not in known and not one.kind.startswith(SHARED)]
        return any(one not in known for one in _pointing(new, rules))

    if asked(system, leads_on):
        raise LinkedSystemUnavailable(
            f"{system.name}: records of this person came meanwhile, which lead on to others",
            hint="it is tried again by itself; if they never cease to come, stop what writes them",
        )


def asked(system: LinkedSystem, ask: Callable[[], _T]) -> _T:
    """What a system answers; whatever it raises becomes one error, without the text, which may hold anything.

    Raises:
        LinkedSystemUnavailable: for whatever it raised.
    """
    try:
        return ask()
    except LinkedSystemUnavailable as error:  # in words of ours
        raise LinkedSystemUnavailable(
            error.detail if error.detail.startswith(system.name) else f"{system.name}: {error.detail}",
            hint=error.hint, extra=error.extra,
        ) from None  # fmt: skip
    except RegistryError as error:
        raise LinkedSystemUnavailable(f"{system.name}: {error.code}", extra=error.extra) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a connector of somebody's own may raise anything
        raise LinkedSystemUnavailable(f"{system.name} failed: {type(error).__name__}") from None


def _records(
    system: LinkedSystem, people: Sequence[Identifier], known: Sequence[Identifier], rules: IdentityRules | None
) -> list[Record]:
    """What records carry; of a system that does not tell them apart, what it says that the person is known by."""
    if tells_records_apart(system):
        return list(system.records(people, known))
    return [Record(tuple(_pointing(system.leads(people), rules)), (), referred=True)]


def _pointing(told: Iterable[Identifier], rules: IdentityRules | None) -> Iterator[Identifier]:
    for one in told:
        found = one if rules is None or is_key(one) else pointing_at(one.kind, one.value, rules)
        if found is not None:
            yield found
