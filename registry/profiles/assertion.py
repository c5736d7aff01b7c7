"""Trait assertions: one source's current word on one trait, in plaintext and in memory only."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.compartment import Compartment
from registry.model.ids import FragmentId
from registry.model.provenance import Provenance


@dataclass(frozen=True, slots=True, repr=False)
class TraitAssertion:
    """A value with its provenance. The `repr` hides the value, and the trait's name with it, since
    names that no plan knows may hold anything.

    Attributes:
        value: any JSON value.
        compartment: the purposes it may serve: its consent tags.
    """

    trait: str
    value: object
    provenance: Provenance
    fragment_id: FragmentId
    compartment: Compartment

    def __repr__(self) -> str:
        return f"TraitAssertion({self.compartment}, personal data hidden)"
