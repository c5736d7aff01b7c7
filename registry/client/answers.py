"""What the client answers: decisions and receipts, which are values, and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["server", "cache", "token", "fail_closed", "fail_open"]
"""Where a decision comes from. `fail_closed` and `fail_open`: from nowhere, the server gave no answer."""

UNAVAILABLE = "unavailable"
"""The reason of a decision that could not be obtained."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, with its reason; true in a condition exactly if allowed.

    Args:
        reason: a code: those of the HTTP interface, `unavailable` when there was no answer.
        lawful_basis: on which an allowed use rests, as GDPR Art. 6(1) lists them.
        record_id: the consent record that decided.
        valid_until: RFC 3339; when an allowed use ends by itself.
        problem: why there was no answer: `timeout`, `unreachable`, `bad-answer`, or the server's code.
    """

    allowed: bool
    reason: str
    purpose: str
    lawful_basis: str | None = None
    record_id: str | None = None
    valid_until: str | None = None
    policy_version: str = ""
    source: Source = "server"
    problem: str | None = None

    def __bool__(self) -> bool:
        # `if registry.check(...)` must not be true for a denial.
        return self.allowed


@dataclass(frozen=True, slots=True)
class Receipt:
    """One act of consent as it was recorded; times are RFC 3339, `receipt` is a signed JWT for the person."""

    record_id: str
    purpose: str
    status: str
    acted_at: str
    recorded_at: str
    receipt: str


class ClientError(Exception):
    """Base of what the client raises. No message holds an identifier or a key."""


class Unavailable(ClientError):
    """The server gave no usable answer to a request that is not a check; `problem` says why.

    A write may have taken place all the same.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the registry gave no usable answer: {self.problem}"


class Refused(ClientError):
    """The server refused the request; `code` is the last part of its problem type."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"the registry refused ({self.status} {self.code}): {self.detail}"


class ConsentRequired(ClientError):
    """The purpose is not permitted for this person; `decision` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.decision = decision

    def __str__(self) -> str:
        return f"not permitted for {self.decision.purpose}: {self.decision.reason}"
