"""What the synthetic shopper does, sent with `segment-analytics-python`: its host changed, nothing else.

Nobody in it exists: names, addresses and orders are made up, and the domain is reserved (RFC 2606).
"""

from __future__ import annotations

from typing import Any

EMAIL = "robin.sample@example.com"
STAFF_EMAIL = "r.sample@example.net"
USER = "customer-1001"
PHONE = "7f0c2f6e-phone-browser"
LAPTOP = "b41d9a02-laptop-browser"

YES = {"consent": {"categoryPreferences": {"Analytics": True, "Advertising": True, "Functional": True}}}


def _product(number: int, price: float) -> dict[str, Any]:
    return {"product_id": f"sku-{number}", "name": f"Sample product {number}", "price": price, "quantity": 1}


def shop(url: str, write_key: str) -> int:
    """Browse anonymously on a phone, log in, order, log in on a laptop too. How many calls were made."""
    sdk = _client(url, write_key)
    calls = 0

    def track(event: str, properties: dict[str, Any], **who: Any) -> None:
        nonlocal calls
        calls += 1
        sdk.track(event=event, properties=properties, **who)

    anonymous: dict[str, Any] = {"anonymous_id": PHONE, "context": YES}
    track("Product List Viewed", {"list_id": "new", "category": "Samples"}, **anonymous)
    for number in range(1, 9):
        track("Product Viewed", _product(number, 10.0 + number), **anonymous)
    track("Product Added", _product(3, 13.0), **anonymous)
    # What does not keep the plan:
    track("Product Viewed", {"name": "without its id"}, **anonymous)
    track("Product Added", _product(4, -1.0), **anonymous)
    track("Totally Unplanned", {"anything": "at all"}, **anonymous)
    track("Product Viewed", {**_product(5, 15.0), "not_in_the_plan": "left out"}, **anonymous)
    # Logging in on the phone, then ordering:
    calls += 1
    sdk.identify(
        user_id=USER, anonymous_id=PHONE, context=YES,
        traits={"email": EMAIL, "first_name": "Robin", "last_name": "Sample", "loyalty_tier": "silver"},
    )  # fmt: skip
    track("Order Completed", {"products": [_product(3, 13.0)], "total": 13.0}, user_id=USER, anonymous_id=PHONE)
    order = {"order_id": "order-1", "total": 13.0, "currency": "EUR", "products": [_product(3, 13.0)]}
    track("Order Completed", order, user_id=USER, anonymous_id=PHONE)
    # The second device: a few anonymous views, then the same customer logs in.
    for number in range(9, 12):
        track("Product Viewed", _product(number, 20.0), anonymous_id=LAPTOP)
    calls += 1
    sdk.identify(user_id=USER, anonymous_id=LAPTOP, traits={})
    track("Product Added to Wishlist", _product(11, 20.0), user_id=USER, anonymous_id=LAPTOP)
    sdk.shutdown()
    return calls


def staff(url: str, write_key: str) -> None:
    """A member of staff types another e-mail address in, later than the customer gave theirs."""
    sdk = _client(url, write_key)
    sdk.identify(user_id=USER, traits={"email": STAFF_EMAIL})
    sdk.shutdown()


def come_back(url: str, write_key: str) -> None:
    """After the erasure: the same devices and the same customer send events again."""
    sdk = _client(url, write_key)
    sdk.track(user_id=USER, event="Product Viewed", properties=_product(1, 11.0))
    sdk.track(anonymous_id=PHONE, event="Product Viewed", properties=_product(1, 11.0))
    sdk.identify(user_id="customer-2002", traits={"email": EMAIL})
    sdk.shutdown()


def _client(url: str, write_key: str) -> Any:
    from segment.analytics.client import Client

    return Client(write_key, host=url, upload_interval=0.2, max_retries=5)
