"""Messages as an SDK sends them, with ids of their own. Every value is synthetic."""

from __future__ import annotations

from itertools import count
from typing import Any

_numbers = count(1)


def message_id() -> str:
    """A message id that no other message has."""
    return f"message-{next(_numbers)}"


def identify(user: str | None = None, anonymous: str | None = None, **more: Any) -> dict[str, Any]:
    """An identify call; keyword arguments that are not members of a call are its traits."""
    call = _call("identify", user, anonymous, more)
    call["traits"] = more
    return call


def alias(previous: str, user: str, **more: Any) -> dict[str, Any]:
    """An alias call: `previous` was this user before they were known."""
    return _call("alias", user, None, more) | {"previousId": previous}


def track(event: str, user: str | None = None, anonymous: str | None = None, **more: Any) -> dict[str, Any]:
    """A track call; keyword arguments that are not members of a call are its properties."""
    call = _call("track", user, anonymous, more)
    return call | {"event": event, "properties": more}


def viewed(user: str | None = None, anonymous: str | None = None, **more: Any) -> dict[str, Any]:
    """A product view: analytics and personalisation, so nothing of it is kept without consent."""
    return track("Product Viewed", user, anonymous, **{"product_id": "product-1"} | more)


def ordered(user: str | None = None, anonymous: str | None = None, **more: Any) -> dict[str, Any]:
    """An order: the service needs it, so it is kept without consent."""
    return track("Order Completed", user, anonymous, **{"order_id": "order-1", "products": []} | more)


def consent(**categories: bool) -> dict[str, Any]:
    """A context in which the person chose among the categories of the consent banner."""
    return {"consent": {"categoryPreferences": categories}}


def _call(kind: str, user: str | None, anonymous: str | None, more: dict[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = {"type": kind, "messageId": more.pop("messageId", None) or message_id()}
    if user is not None:
        call["userId"] = user
    if anonymous is not None:
        call["anonymousId"] = anonymous
    for member in ("context", "timestamp", "integrations"):
        if member in more:
            call[member] = more.pop(member)
    return call
