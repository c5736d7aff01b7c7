"""The single customer view, as JSON: each value with where it came from and why it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry.model.clock import DAY, Micros, rfc3339
from registry.model.compartment import purposes_of
from registry.model.decision import SENTENCES, Decision, Reason
from registry.model.ids import FragmentId, ProfileId, text_id
from registry.model.message import Identifier
from registry.model.provenance import Provenance
from registry.profiles.assertion import TraitAssertion
from registry.profiles.computed import ComputedTrait
from registry.profiles.survivorship import Choice, Verification


@dataclass(frozen=True, slots=True)
class SeenIdentifier:
    """An identifier of the person, the fragment that hangs on it, and where it was first seen; whether it was
    proven is told of contact points only.
    """

    identifier: Identifier
    fragment_id: FragmentId
    source_name: str
    first_seen_at: Micros
    verification: Verification | None = None


def build_view(
    profile_id: ProfileId,
    purpose: str,
    choices: Iterable[Choice],
    identifiers: Iterable[SeenIdentifier],
    consents: Mapping[str, Decision],
    withheld: Mapping[Reason, int],
    *,
    now: Micros,
) -> dict[str, object]:
    """The view of one profile for one purpose: text, numbers, lists and objects only.

    Args:
        purpose: what the view was asked for; choices are among what may be opened for it.
        consents: the decision for each purpose of the policy.
        withheld: how many values are there but not shown, per reason.
        now: when the view was made.
    """
    return {
        "profile_id": text_id(profile_id),
        "purpose": purpose,
        "as_of": rfc3339(now),
        "traits": [_trait(choice) for choice in sorted(choices, key=lambda choice: choice.chosen.trait)],
        "identifiers": [
            {
                "kind": seen.identifier.kind,
                "value": seen.identifier.value,
                "fragment_id": text_id(seen.fragment_id),
                "verification": seen.verification.value if seen.verification is not None else None,
                "source": seen.source_name,
                "first_seen_at": rfc3339(seen.first_seen_at),
            }
            for seen in sorted(identifiers, key=_order)
        ],
        "consents": {name: consent_json(decision) for name, decision in sorted(consents.items())},
        "withheld": withheld_json(withheld),
    }


def withheld_json(withheld: Mapping[Reason, int]) -> dict[str, object]:
    """How much is there but not shown, and for which reasons: never silently missing."""
    return {
        "count": sum(withheld.values()),
        "reasons": [
            {"reason": reason.value, "sentence": SENTENCES[reason], "count": count}
            for reason, count in sorted(withheld.items())
        ],
    }


def _order(seen: SeenIdentifier) -> tuple[Micros, str, str]:
    return seen.first_seen_at, seen.identifier.kind, seen.identifier.value


def consent_json(decision: Decision) -> dict[str, object]:
    """A decision as the view and the consent matrix show it."""
    return {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "sentence": decision.sentence,
        "lawful_basis": decision.lawful_basis,
        "record_id": text_id(decision.record_id) if decision.record_id is not None else None,
        "valid_until": rfc3339(decision.valid_until) if decision.valid_until is not None else None,
    }


def computed_json(trait: ComputedTrait, value: object) -> dict[str, object]:
    """A computed trait, with what it was computed of."""
    return {
        "trait": trait.trait,
        "value": value,
        "measure": trait.measure.value,
        "event": trait.event,
        "window_days": trait.window_days,
        "consent_tags": [trait.purpose],
    }


def provenance_json(provenance: Provenance) -> dict[str, object]:
    """Where a value came from."""
    return {
        "source": provenance.source_name,
        "message_id": provenance.message_id,
        "observed_at": rfc3339(provenance.observed_at),
        "received_at": rfc3339(provenance.received_at),
        "method": provenance.method.value,
        "trust": provenance.trust,
        **({"transformed_by": list(provenance.transformed_by)} if provenance.transformed_by else {}),
    }


def _trait(choice: Choice) -> dict[str, object]:
    chosen = choice.chosen
    return {
        "trait": chosen.trait,
        "value": chosen.value,
        "why": choice.why.value,
        "because": choice.because,
        "confidence": choice.confidence,
        "verified": choice.verification is not Verification.UNVERIFIED,
        "verification": choice.verification.value,
        "age_days": choice.age // DAY,
        "provenance": provenance_json(chosen.provenance),
        "consent_tags": sorted(purposes_of(chosen.compartment)),
        "agreeing": _sources(choice.agreeing),
        "rivals": {"count": len(choice.rivals), "values": [_rival(one) for one in choice.rivals]},
    }


def _rival(assertion: TraitAssertion) -> dict[str, object]:
    """A value that did not count. It was opened for the purpose like the one that does; others are withheld."""
    return {
        "value": assertion.value,
        "provenance": provenance_json(assertion.provenance),
        "consent_tags": sorted(purposes_of(assertion.compartment)),
    }


def _sources(assertions: Sequence[TraitAssertion]) -> dict[str, object]:
    """How many say the same, and where that came from."""
    return {
        "count": len(assertions),
        "provenance": [provenance_json(assertion.provenance) for assertion in assertions],
    }
