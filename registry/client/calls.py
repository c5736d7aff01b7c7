"""What both faces of the SDK share: the requests' shapes, and how answers are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import httpx

from registry.client.answers import Decision, RegistryUnavailable, RequestRefused, Subject

CHECK = "/v1/consent/check"
RECORDS = "/v1/consent/records"
LOOKUP = "/v1/profiles/lookup"

TIMEOUT_S = 2.0
FRESH_S = 2.0
CACHE_SIZE = 100_000


def headers(api_key: str) -> dict[str, str]:
    """The headers of every request."""
    return {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}


def question(subject: Subject, purpose: str, categories: Collection[str]) -> dict[str, Any]:
    """The body of a check."""
    body: dict[str, Any] = {"subject": {"kind": subject.kind, "value": subject.value}, "purpose": purpose}
    return body | {"categories": sorted(categories)} if categories else body


def decision_of(response: httpx.Response, purpose: str) -> Decision:
    """The decision of a response; anything but a good answer is a no.

    Raises:
        RegistryUnavailable: the server could not answer, and a recent answer may stand in.
    """
    if response.status_code >= 500 or response.status_code == 429:
        raise RegistryUnavailable(f"the server answered {response.status_code}")
    if response.status_code != 200:
        return Decision.unavailable(purpose)
    try:
        return Decision.from_json(response.json(), purpose)
    except ValueError:
        return Decision.unavailable(purpose)


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good response.

    Raises:
        RequestRefused: the server refused the request.
        RegistryUnavailable: it could not answer, or not with JSON.
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code >= 500 or (response.is_success and not isinstance(body, Mapping)):
        raise RegistryUnavailable(f"the server answered {response.status_code}")
    if not response.is_success:
        raise RequestRefused.from_answer(response.status_code, body)
    return dict(body or {})
