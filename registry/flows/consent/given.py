"""Questions, and what an answer from memory is made of: the part that many people share, and what is of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.ids import RecordId
from registry.model.message import Identifier

if TYPE_CHECKING:  # NumPy takes a tenth of a second to import: see `boards`
    import numpy as np
    from numpy.typing import NDArray

Asking = tuple[str, frozenset[str]]
"""A purpose and categories, as far as a board answers: about now, by the lawful basis that counts everywhere."""

NO_CATEGORIES = frozenset[str]()


class Question(NamedTuple):
    """May these categories (fideslang keys; none asks about the purpose alone) of a person, who is in a jurisdiction
    (ISO 3166; None where nobody knows), be used for a purpose? `at` is the past moment asked about; None for now.
    """

    person: Identifier
    purpose: str
    categories: frozenset[str]
    jurisdiction: str | None = None
    at: Micros | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is one that a board answers: about now, by the lawful basis that counts everywhere."""
        return self.jurisdiction is None and self.at is None


class Outcome:
    """A decision without the record it rests on and without its end; `rests` says whether it has a record.

    What a face makes of it can be `kept` with it.
    """

    __slots__ = ("decision", "kept", "rests")

    def __init__(self, decision: Decision, rests: bool) -> None:
        self.decision = decision
        self.rests = rests
        self.kept: object = None


class Given(NamedTuple):
    """One answer from memory; `lasting` unless time alone will change it."""

    outcome: Outcome
    record_id: RecordId | None
    until: Micros | None
    lasting: bool

    def decision(self) -> Decision:
        """The same as `decide` says it."""
        bare = self.outcome.decision
        if self.record_id is None:
            return bare
        return Decision(
            bare.allowed, bare.reason, bare.purpose, bare.lawful_basis, self.record_id, self.until, bare.policy_version
        )


class Answers(NamedTuple):
    """The answers to many people, as columns.

    Attributes:
        outcomes: those that there are.
        codes: which of them each person's is.
        records: the records that they rest on, 16 bytes a person; what stands there where an outcome rests on none
            says nothing.
        untils: the ends, 0 for none; likewise.
    """

    outcomes: Sequence[Outcome]
    codes: NDArray[np.int32]
    records: NDArray[np.void]
    untils: NDArray[np.int64]
