"""Google Consent Mode v2: what its consent types say of the purposes, and the purposes' answer in its types.

Source: Google, "Consent mode reference": each type is `granted` or `denied`.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.consent.purposes import GOOGLE_CONSENT_TYPES, PurposeCatalogue

GRANTED, DENIED = "granted", "denied"
WAIT = "wait_for_update"
"""A member of the command `default` beside the types: how long tags wait for the person's choice, in milliseconds."""


def states_of(command: object) -> object:
    """The states of a command of Consent Mode, without its time of waiting, which says nothing of the person."""
    if isinstance(command, dict) and type(command.get(WAIT)) is int:
        return {kind: state for kind, state in command.items() if kind != WAIT}
    return command


def from_google(states: object, catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What states of consent types say of the purposes mapped to them.

    A purpose of which all types are granted is a yes; one of which a type has any other value is a no; where a type
    is missing it is not spoken of. What is no object is a no for all that are mapped.
    """
    said: dict[str, bool] = {}
    for purpose in catalogue.purposes.values():
        needed = purpose.google_consent
        if not needed:
            continue
        if not isinstance(states, dict) or any(states.get(kind, GRANTED) != GRANTED for kind in needed):
            said[purpose.name] = False
        elif all(kind in states for kind in needed):
            said[purpose.name] = True
    return said


def to_google(allowed: Mapping[str, bool], catalogue: PurposeCatalogue) -> dict[str, str]:
    """The states to set for a person: a type is granted if purposes are mapped to it and all of these are allowed."""
    states: dict[str, str] = {}
    for kind in GOOGLE_CONSENT_TYPES:
        mapped = [purpose.name for purpose in catalogue.purposes.values() if kind in purpose.google_consent]
        granted = bool(mapped) and all(allowed.get(name, False) for name in mapped)
        states[kind] = GRANTED if granted else DENIED
    return states
