"""Synthetic traffic of an online shop: about 1 KB an event, some people new, most known. Nobody in it exists."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

PAGE = {
    "url": "https://shop.example/catalogue/samples?sort=price",
    "path": "/catalogue/samples",
    "referrer": "https://search.example/",
    "search": "?sort=price",
    "title": "Samples - a sample shop",
}
CONTEXT: dict[str, Any] = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Sample/1.0 Safari/537.36",
    "locale": "en-GB",
    "timezone": "Europe/Berlin",
    "library": {"name": "analytics-python", "version": "2.4.0"},
    "screen": {"width": 1920, "height": 1080, "density": 2},
    "page": PAGE,
}
YES = {"categoryPreferences": {"Analytics": True, "Functional": True, "Advertising": True}}
NO = {"categoryPreferences": {"Analytics": False, "Functional": True, "Advertising": False}}


def product(chance: random.Random) -> dict[str, Any]:
    """A product of a thousand."""
    number = chance.randrange(1000)
    return {
        "product_id": f"product-{number}", "sku": f"sku-{number}", "name": f"Sample product {number}",
        "brand": "Sample brand", "category": "Samples", "variant": "blue", "price": 9.99, "quantity": 1,
        "url": f"https://shop.example/products/{number}", "image_url": f"https://shop.example/images/{number}.jpg",
    }  # fmt: skip


def order(chance: random.Random, person: int) -> dict[str, Any]:
    """An order of two products."""
    return _call(chance, person, "track", event="Order Completed", properties={
        "order_id": f"order-{chance.getrandbits(48)}", "checkout_id": "checkout-1", "affiliation": "web",
        "subtotal": 19.98, "total": 26.5, "revenue": 19.98, "shipping": 3.5, "tax": 3.02, "discount": 0,
        "coupon": "SAMPLE", "currency": "EUR", "products": [product(chance), product(chance)],
    })  # fmt: skip


def visit(chance: random.Random, people: int, *, new: float = 0.05, apart: int = 1) -> dict[str, Any]:
    """One call of somebody: of `people` known ones, or, in a share `new` of cases, of somebody never seen.

    Of ten calls five view or add a product, two view a page, two order, one identifies. Six of ten
    people said yes to everything in the shop's banner, two said no, two were not asked.
    """
    known = chance.random() >= new
    person = chance.randrange(people) * apart if known else people * apart + chance.getrandbits(40)
    kind = chance.randrange(10)
    if kind < 5:
        event = "Product Viewed" if kind < 4 else "Product Added"
        return _call(chance, person, "track", event=event, properties=product(chance) | {"currency": "EUR"})
    if kind < 7:
        return _call(chance, person, "page", name="Catalogue", properties=PAGE)
    if kind < 9:
        return order(chance, person)
    return introduction(chance, person)


def introduction(chance: random.Random, person: int) -> dict[str, Any]:
    """The call in which somebody makes themselves known."""
    traits = {"email": f"person-{person}@shop.example", "first_name": "Sample", "last_name": f"Person {person}"}
    return _call(chance, person, "identify", traits=traits)


def visits(
    chance: random.Random, count: int, people: int, *, new: float = 0.05, apart: int = 1
) -> Iterator[dict[str, Any]]:
    """So many calls of `visit`."""
    return (visit(chance, people, new=new, apart=apart) for _ in range(count))


def _call(chance: random.Random, person: int, kind: str, **members: Any) -> dict[str, Any]:
    context = dict(CONTEXT)
    if person % 10 < 8:
        context["consent"] = YES if person % 10 < 6 else NO
    return {
        "type": kind,
        "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
        "userId": f"user-{person}",
        "anonymousId": str(uuid.UUID(int=person)),
        "timestamp": "2026-01-01T12:00:00.000Z",
        "context": context,
        **members,
    }
