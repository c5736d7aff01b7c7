"""One call of the Segment tracking protocol, decoded, in plaintext and in memory only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from registry.model.clock import Micros


class CallType(StrEnum):
    """The six calls of the tracking protocol."""

    TRACK = "track"
    IDENTIFY = "identify"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


@dataclass(slots=True, repr=False)
class Message:
    """One call as received, with batch-level context merged in and its times settled.

    `body` is the decoded JSON object. The `repr` hides it: messages hold personal data.
    """

    call: CallType
    name: str
    message_id: str
    body: dict[str, object]
    observed_at: Micros
    received_at: Micros
    opted_out_by_signal: bool = field(default=False)

    def __repr__(self) -> str:
        return f"Message({self.call.value}, personal data hidden)"


class Identifier(NamedTuple):
    """A kind and a normalised value that point at a person. The `repr` hides the value."""

    kind: str
    value: str

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, value hidden)"


class Violation(NamedTuple):
    """One way in which one event broke the plan; never holds the value.

    Attributes:
        code: stable, e.g. `required_missing`, `type_mismatch`, `unplanned_event`.
        path: JSON pointer into the event; a name that the plan does not know is written `*`.
        rule: JSON pointer of the rule in the plan.
        expected: what the plan expects there, in words taken from the plan only.
    """

    code: str
    path: str
    rule: str
    expected: str
