"""Compartments: the distinct sets of purposes that one data key covers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

Compartment = NewType("Compartment", str)
"""Purpose names, sorted and joined by `+`; never empty. `analytics+service`."""


IDENTITY = Compartment("@identity")
"""The reserved compartment of identifiers' own values: opened to find, export and explain."""

QUARANTINE = Compartment("@quarantine")
"""The reserved compartment of rejected messages."""

OUTSIDE = Compartment("@outside")
"""The reserved compartment of a correction that has begun in systems outside, or of an objection and the like that has
begun and may wait. Nothing is sealed under it: its key says so, in the keystore, where no older copy of the
data takes it back.
"""


def compartment_of(purposes: Iterable[str]) -> Compartment:
    """The compartment of a non-empty set of purposes."""
    return Compartment("+".join(sorted(set(purposes))))


def purposes_of(compartment: Compartment) -> frozenset[str]:
    """The purposes that a compartment serves."""
    return frozenset(compartment.split("+"))
