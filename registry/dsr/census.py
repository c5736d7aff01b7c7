"""The census: what one declaration of a field says, and what follows from it (DESIGN section 16).

A field is declared once, by how it is handled; what access, portability, erasure and restriction do
to it, what a plan announces, what a certificate accounts for and what the records of processing say
all follow from that one word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.requests import EFFECTS, Effect, Kind

OWN_SYSTEM = "registry"


class Handling(StrEnum):
    """What a field is to a person, and so what becomes of it."""

    CONTENT = "content"
    """Data of the person: given out, corrected, restricted, erased."""
    CONTEXT = "context"
    """What is known about such data, times and sources: given out with it, erased with it."""
    REFERENCE = "reference"
    """Keyed hashes, random ids and keys that tie rows together: they say nothing to anybody, and are erased."""
    MEMORY = "memory"
    """Keyed memory that somebody does not want to be known: kept after an erasure, since it is its effect."""
    ACT = "act"
    """What was done about the person and why, in words of ours: given out, and kept as proof."""
    EVIDENCE = "evidence"
    """What proves that duties were met, without saying of whom: kept."""
    HELD = "held"
    """Set aside by an erasure, for a legal hold or a statutory duty alone, under a key of its own."""
    MESSAGE = "message"
    """Whom a letter or a passed-on erasure is about: under a key of its own, which is destroyed once it is taken."""
    OPERATION = "operation"
    """About nobody outside: the registry's own running."""


GROUNDS: Mapping[Handling, str] = {
    Handling.MEMORY: "GDPR Art. 17(1) and 21(3): a keyed hash, so that the person is not recorded again",
    Handling.ACT: "GDPR Art. 5(2) and 17(3)(e): proof that the request was met; nothing that names the person",
    Handling.EVIDENCE: "GDPR Art. 5(2) and 17(3)(e): proof that the request was met; nothing that names the person",
    Handling.HELD: "GDPR Art. 17(3)(b), (e): kept for the holds and duties that `retained` names, and for nothing else",
    Handling.MESSAGE: "GDPR Art. 12(3) and 19: sealed under a key of its own until it has been told, then destroyed",
}
"""On which ground a field of a handling outlives an erasure."""

NOT_GIVEN = "GDPR Art. 15(4): a keyed reference or key, which means nothing outside and would weaken its protection"

OWN_PROOF = "GDPR Art. 5(2) and 15(4): the controller's own proof, of who acted and by which ids"

HELD_BACK = "GDPR Art. 18(2): of somebody erased, sealed for a legal claim or duty; an officer opens it for that alone"


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """One field of one table of one system.

    Attributes:
        categories: fideslang keys of the data; none where it is about nobody.
        purposes: what it is used for: names of purposes, or the word that says where they stand.
        retention: how long it is kept, in words.
    """

    system: str
    table: str
    field: str
    handling: Handling
    categories: tuple[str, ...]
    purposes: str
    retention: str

    @property
    def is_personal(self) -> bool:
        """Whether the field is about a person at all."""
        return self.handling is not Handling.OPERATION

    def disposition(self, kind: Kind) -> tuple[Disposition, str | None]:
        """What a request of this kind does with the field, and the ground if it is kept."""
        return _disposition(self.handling, kind)

    def as_json(self) -> dict[str, object]:
        """The declaration as a JSON object, with what each kind of request does."""
        return {
            "system": self.system,
            "table": self.table,
            "field": self.field,
            "handling": self.handling.value,
            "categories": list(self.categories),
            "purposes": self.purposes,
            "retention": self.retention,
            "does": {kind.value: self.disposition(kind)[0].value for kind in Kind} if self.is_personal else {},
        }


def declared(
    table: str,
    *,
    purposes: str,
    retention: str,
    system: str = OWN_SYSTEM,
    content: Mapping[str, Sequence[str]] | None = None,
    **handled: str,
) -> list[DeclaredField]:
    """The declarations of a table.

    Args:
        content: the fields that are data of the person, each with its categories.
        handled: per other handling, the names of its fields, separated by spaces.
    """
    found = [
        DeclaredField(system, table, name, Handling.CONTENT, tuple(categories), purposes, retention)
        for name, categories in (content or {}).items()
    ]
    by_default = {
        Handling.CONTEXT: ("user.behavior",),
        Handling.REFERENCE: ("user.unique_id.pseudonymous",),
        Handling.MEMORY: ("user.unique_id.pseudonymous",),
        Handling.ACT: ("user.unique_id.pseudonymous",),
        Handling.EVIDENCE: ("user.unique_id.pseudonymous",),
        Handling.HELD: ("user",),
        Handling.MESSAGE: ("user.unique_id", "user.contact"),
        Handling.OPERATION: (),
    }
    for word, names in handled.items():
        handling = Handling(word)
        found += [
            DeclaredField(system, table, name, handling, by_default[handling], purposes, retention)
            for name in names.split()
        ]
    return found


@cache
def _disposition(handling: Handling, kind: Kind) -> tuple[Disposition, str | None]:
    match EFFECTS[kind]:
        case Effect.ERASE:
            ground = GROUNDS.get(handling)
            return (Disposition.RETAINED, ground) if ground else (Disposition.ERASED, None)
        case Effect.GIVE:
            if handling is Handling.HELD:
                return Disposition.RETAINED, HELD_BACK
            if handling in (Handling.CONTENT, Handling.CONTEXT, Handling.ACT):
                return Disposition.EXPORTED, None
            return Disposition.RETAINED, OWN_PROOF if handling is Handling.EVIDENCE else NOT_GIVEN
        case Effect.CORRECT:
            return Disposition.RETAINED, "GDPR Art. 16: kept, and the person's own word stands above it"
        case Effect.RECORD:
            return Disposition.RETAINED, "kept; what it may be used for is limited by what the request records"


def undeclared(present: Iterable[tuple[str, str]], fields: Iterable[DeclaredField]) -> list[tuple[str, str]]:
    """The (table, column) that exist and that no declaration names."""
    known = {(field.table, field.field) for field in fields}
    return sorted(set(present) - known)


def accounts(fields: Iterable[DeclaredField], rows: Mapping[str, int], kind: Kind) -> list[FieldAccount]:
    """What a request of a kind did, or will do, with every personal field of the tables that were looked at.

    Args:
        rows: how many rows of the person each table has, or had. A field of a table that is not named
            here is not accounted for.
    """
    does = {handling: _disposition(handling, kind) for handling in Handling if handling is not Handling.OPERATION}
    return sorted(
        FieldAccount(field.system, field.table, field.field, does[field.handling][0], count, does[field.handling][1])
        for field in fields
        if (count := rows.get(field.table)) is not None and field.handling in does
    )
