"""Which of rival values counts, and why.

What the person corrected (GDPR Art. 16) comes first, then the trust rank, then recency. So a double
opt-in stands against what staff typed in later, however much later. Decay lowers the confidence in a
value, never its place: an old good source still beats a new bad one, but says how old it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from registry.model.clock import Micros
from registry.model.errors import InvalidInput
from registry.model.provenance import Method, Provenance
from registry.profiles.assertion import TraitAssertion
from registry.profiles.trust import TrustPolicy


class Verification(StrEnum):
    """Whether a value was proven."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    DOUBLE_OPT_IN = "double_opt_in"


def verification(assertions: Iterable[TraitAssertion]) -> Verification:
    """The best that any of these assertions of one value says of it."""
    methods = {assertion.provenance.method for assertion in assertions}
    if Method.DOUBLE_OPT_IN in methods:
        return Verification.DOUBLE_OPT_IN
    return Verification.VERIFIED if Method.VERIFIED in methods else Verification.UNVERIFIED


class Why(StrEnum):
    """What decided between rival values."""

    ONLY_VALUE = "only_value"
    ALL_AGREE = "all_agree"
    CORRECTED = "corrected_by_subject"
    HIGHER_TRUST = "higher_trust"
    MORE_RECENT = "more_recent"
    TIE_BREAK = "tie_break"


@dataclass(frozen=True, slots=True)
class Choice:
    """The value that counts for one trait.

    Attributes:
        why: the code of the rule that decided.
        because: the same in a sentence that names sources and ranks, never values.
        agreeing: other assertions of the same value, best first.
        rivals: assertions of other values, best first.
        confidence: 0 to 1, from trust and age.
        verification: whether the value was proven, or only claimed.
        age: of the observation, in microseconds.
    """

    chosen: TraitAssertion
    why: Why
    because: str
    agreeing: tuple[TraitAssertion, ...]
    rivals: tuple[TraitAssertion, ...]
    confidence: float
    verification: Verification
    age: Micros


def choose(assertions: Sequence[TraitAssertion], policy: TrustPolicy, now: Micros) -> Choice:
    """The assertion of one trait that counts; the order of the assertions does not matter.

    Args:
        assertions: at least one, all of one trait.
        policy: for the decay; each assertion's trust is the rank it was given at ingest.

    Raises:
        InvalidInput: there is no assertion, or they are of several traits.
    """
    if len({assertion.trait for assertion in assertions}) != 1:
        raise InvalidInput("a choice is among assertions of one trait, and at least one")
    chosen, *others = sorted(assertions, key=_place, reverse=True)
    value = _text(chosen)
    agreeing = tuple(other for other in others if _text(other) == value)
    rivals = tuple(other for other in others if _text(other) != value)
    why = _why(chosen, agreeing, rivals)
    provenance = chosen.provenance
    return Choice(
        chosen=chosen,
        why=why,
        because=_sentence(why, chosen.provenance, rivals[0].provenance if rivals else None),
        agreeing=agreeing,
        rivals=rivals,
        confidence=policy.confidence(chosen.trait, provenance.trust, now - provenance.observed_at),
        verification=verification((chosen, *agreeing)),
        age=max(0, now - provenance.observed_at),
    )


def _place(assertion: TraitAssertion) -> tuple[bool, int, Micros, Micros, bytes, str, bytes, bytes]:
    """What decides, in order; the last four only make the order total."""
    provenance = assertion.provenance
    return (
        provenance.method is Method.CORRECTED,
        provenance.trust,
        provenance.observed_at,
        provenance.received_at,
        provenance.source_id,
        provenance.message_id,
        assertion.fragment_id,
        _text(assertion),
    )


def _text(assertion: TraitAssertion) -> bytes:
    """The value as JSON with sorted keys: equal for equal values."""
    return orjson.dumps(assertion.value, option=orjson.OPT_SORT_KEYS)


def _why(chosen: TraitAssertion, agreeing: tuple[TraitAssertion, ...], rivals: tuple[TraitAssertion, ...]) -> Why:
    if not rivals:
        return Why.ALL_AGREE if agreeing else Why.ONLY_VALUE
    best, other = _place(chosen), _place(rivals[0])
    if best[0] != other[0]:
        return Why.CORRECTED
    if best[1] != other[1]:
        return Why.HIGHER_TRUST
    return Why.MORE_RECENT if best[2:4] != other[2:4] else Why.TIE_BREAK


def _sentence(why: Why, chosen: Provenance, rival: Provenance | None) -> str:
    if rival is None:
        return (
            "Every source that gives a value gives this one."
            if why is Why.ALL_AGREE
            else f"Only {chosen.source_name} gives a value."
        )
    here = f"{chosen.source_name} ({_words(chosen.method)}, rank {chosen.trust})"
    there = f"{rival.source_name} ({_words(rival.method)}, rank {rival.trust})"
    match why:
        case Why.CORRECTED:
            return f"The person had it corrected through {chosen.source_name}, which stands above {there}."
        case Why.HIGHER_TRUST:
            later = ", though that is more recent" if rival.observed_at > chosen.observed_at else ""
            return f"{here} is trusted more than {there}{later}."
        case Why.MORE_RECENT:
            return f"{here} is as trusted as {there}, and more recent."
        case _:
            return f"{here} and {there} are equal in trust and time; a fixed order of sources decides."


def _words(method: Method) -> str:
    return method.value.replace("_", " ")
