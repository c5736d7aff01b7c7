"""The HTTP interface's JSON, made and read without any I/O. What is not exactly as agreed is no answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.client.answers import Decision, Receipt, Refused, Unavailable
from registry.client.subject import Subject

CHECK_PATH = "/v1/consent/check"
TOKEN_PATH = "/v1/consent/token"  # noqa: S105 - where tokens come from
RECORD_PATH = "/v1/consent/records"
PROFILE_PATH = "/v1/profiles/lookup"

SMALL_ANSWER_BYTES = 256 * 1024
PROFILE_BYTES = 16 * 1024 * 1024
"""Most that is read of an answer: a server that never stops sending is no answer either."""

BAD_ANSWER = "bad-answer"
_CODE = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An HTTP answer: its status and its whole body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing that can be read: `timeout`, `unreachable` or `bad-answer`."""

    problem: str


def request_body(subject: Subject, purpose: str, **members: object) -> bytes:
    """The JSON of a request; members that are None are left out."""
    body: dict[str, object] = {"subject": {"kind": subject.kind, "value": subject.value}, "purpose": purpose}
    body |= {name: value for name, value in members.items() if value is not None}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def read_decision(body: bytes, purpose: str) -> Decision | None:
    """The decision of a 200; None if it is not a decision about this purpose."""
    members = _object(body)
    if members is None or members.get("purpose") != purpose or type(members.get("allowed")) is not bool:
        return None
    reason, version = members.get("reason"), members.get("policy_version", "")
    optional = [members.get(name) for name in ("lawful_basis", "record_id", "valid_until")]
    if not isinstance(reason, str) or not isinstance(version, str) or not _are_texts(optional):
        return None
    lawful_basis, record_id, valid_until = optional
    if valid_until is not None and ends_at(valid_until) is None:
        return None
    return Decision(members["allowed"], reason, purpose, lawful_basis, record_id, valid_until, version)


def ends_at(valid_until: str) -> float | None:
    """The moment of an RFC 3339 text in Unix seconds; None if it is no such text."""
    try:
        moment = datetime.fromisoformat(valid_until)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def read_receipt(answer: Answer | NoAnswer) -> Receipt:
    """The receipt of a recorded act.

    Raises:
        Refused, Unavailable.
    """
    members = _members(answer, 201)
    names = ("record_id", "purpose", "status", "acted_at", "recorded_at", "receipt")
    texts = [members.get(name) for name in names]
    if not all(isinstance(text, str) for text in texts):
        raise Unavailable(BAD_ANSWER)
    return Receipt(*texts)  # type: ignore[arg-type]  # seen to be texts


def read_signed(answer: Answer | NoAnswer) -> str:
    """The signed token of a decision.

    Raises:
        Refused, Unavailable.
    """
    token = _members(answer, 200).get("token")
    if not isinstance(token, str):
        raise Unavailable(BAD_ANSWER)
    return token


def read_profile(answer: Answer | NoAnswer) -> dict[str, Any]:
    """The view of a profile.

    Raises:
        Refused, Unavailable.
    """
    return _members(answer, 200)


def problem_code(answer: Answer) -> tuple[str, str]:
    """The code and detail of a problem document; the bare status of anything else.

    The text of an answer that is not the registry's own is not passed on: a gateway may repeat the
    request in its error page.
    """
    members = _object(answer.body) or {}
    code, detail = members.get("code"), members.get("detail")
    if isinstance(code, str) and _CODE.fullmatch(code) and isinstance(detail, str):
        return code, detail[:500]
    return f"status-{answer.status}", "no problem document"


def is_refusal(answer: Answer) -> bool:
    """Whether the server said no to the caller, and would say so again (4xx but 408 and 429)."""
    return 400 <= answer.status < 500 and answer.status not in {408, 429}


def sorted_categories(categories: Iterable[str]) -> tuple[str, ...]:
    """The categories of a question, in one form for all orders.

    Raises:
        TypeError: one text was given where several are expected.
    """
    if isinstance(categories, str):
        raise TypeError("categories are several texts: write ('…',)")
    return tuple(sorted(set(categories)))


def _members(answer: Answer | NoAnswer, wanted: int) -> dict[str, Any]:
    if isinstance(answer, NoAnswer):
        raise Unavailable(answer.problem)
    if is_refusal(answer):
        raise Refused(answer.status, *problem_code(answer))
    if answer.status != wanted:
        raise Unavailable(problem_code(answer)[0])
    members = _object(answer.body)
    if members is None:
        raise Unavailable(BAD_ANSWER)
    return members


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _are_texts(values: Iterable[object]) -> bool:
    return all(value is None or isinstance(value, str) for value in values)
