"""An app as its developers write it, checked strictly by `make check`: the client's types reach it, and its mistakes
are found (an ignored one that is none would be an error of its own). It is never run.
"""

from __future__ import annotations

from registry.client import (
    AsyncRegistry,
    Decision,
    Registry,
    Subject,
    consent_dependency,
    email,
    require_consent,
)

registry = Registry("http://127.0.0.1:8080", "key", follow=True)
waiting = AsyncRegistry("http://127.0.0.1:8080", "key", max_stale=0)


@require_consent("marketing", subject="customer", registry=registry)
def send_offer(customer: Subject, text: str) -> int:
    """A plain function, or a task."""
    return len(text)


@require_consent("personalisation", subject=email, registry=waiting, categories=("user.behavior",))
async def recommend(who: str) -> list[str]:
    """A coroutine function, whose subject is worked out of its argument."""
    return [who]


def who_is_logged_in() -> Subject:
    """What an app's own login knows."""
    return email("shopper@example.com")


may_recommend = consent_dependency("personalisation", subject=who_is_logged_in, registry=waiting)


async def story() -> Decision:
    """Right, and wrong."""
    sent: int = send_offer(email("shopper@example.com"), text="new")
    found: list[str] = await recommend("shopper@example.com")
    decided: Decision = await may_recommend()
    send_offer(email("shopper@example.com"), sent)  # type: ignore[arg-type]
    registry.allows("shopper@example.com", "marketing")  # type: ignore[arg-type]
    recommend("shopper@example.com").upper()  # type: ignore[attr-defined]
    await registry.check(email("shopper@example.com"), "marketing")  # type: ignore[misc]
    return decided if found else registry.check({"kind": "user_id", "value": "u-7"}, "analytics")
