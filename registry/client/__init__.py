"""The client that apps import: may this person's data be used for this purpose, now?

It promises: no answer is a no (fail closed), unless the last answer is younger than a stated bound, or the
app named the purpose as one that goes on (`fail_open`); a warm check costs microseconds; identifiers are
never cached, logged, shown or pickled.
It imports nothing else of registry, and FastAPI only when `consent_dependency` is asked for.

    registry = Registry("http://127.0.0.1:8080", api_key)
    if registry.allows(email("shopper@example.com"), "marketing"):
        ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.client.answers import ClientError, ConsentRequired, Decision, Receipt, Refused, Unavailable
from registry.client.asynchronous import AsyncRegistry
from registry.client.blocking import Registry
from registry.client.guards import require_consent
from registry.client.subject import Subject, SubjectReference, email, user_id

if TYPE_CHECKING:
    from registry.client.fastapi import consent_dependency, consent_problem
    from registry.client.tokens import read_token

__all__ = [
    "AsyncRegistry",
    "ClientError",
    "ConsentRequired",
    "Decision",
    "Receipt",
    "Refused",
    "Registry",
    "Subject",
    "SubjectReference",
    "Unavailable",
    "consent_dependency",
    "consent_problem",
    "email",
    "read_token",
    "require_consent",
    "user_id",
]


def __getattr__(name: str) -> Any:
    # An app without FastAPI pays nothing for the part that needs it (PEP 562).
    if name in {"consent_dependency", "consent_problem"}:
        from registry.client import fastapi

        return getattr(fastapi, name)
    if name == "read_token":  # what verifies signatures is imported by those who do
        from registry.client.tokens import read_token

        return read_token
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
