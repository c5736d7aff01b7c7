"""The shipped plan: the events of the specification, with uses that its policies know."""

from __future__ import annotations

from typing import Any

import pytest
from plan_values import SCHEMAS, by_purposes, codes, ecommerce, ecommerce_document, identify, modes, track

from registry.documents import parse
from registry.model.message import CallType
from registry.plans.lint import lint

EVENTS = {
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked",
    "Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered", "Order Updated", "Order Completed",
    "Order Refunded", "Order Cancelled", "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed",
    "Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart", "Product Shared",
    "Cart Shared", "Product Reviewed", "Segment Consent Preference Updated",
}  # fmt: skip

PRODUCT = {"product_id": "p-1", "sku": "s-1", "name": "Chess set", "price": 12.5, "quantity": 2}
ORDER = {"order_id": "o-1", "total": 27.5, "currency": "EUR", "products": [PRODUCT]}
LIBRARY = {"library": {"name": "analytics-python", "version": "2.4.0"}}

WITHOUT_CONSENT = {"service", "security", "legal"}


def policy(name: str) -> Any:
    return parse((SCHEMAS.parent / "policies" / name).read_text(), file=name).value


def test_it_has_every_event_of_the_specification_and_all_calls() -> None:
    calls = {call for call, _ in ecommerce().rules}
    assert {name for call, name in ecommerce().rules if call is CallType.TRACK} == EVENTS
    assert calls == set(CallType) - {CallType.ALIAS}


def test_lint_finds_nothing_in_it() -> None:
    assert lint(ecommerce_document(), ecommerce()) == []


def test_its_purposes_and_identifiers_are_known_to_the_policies() -> None:
    assert ecommerce().purposes <= {purpose["name"] for purpose in policy("purposes.yaml")["purposes"]}
    kinds = {kind["kind"] for kind in policy("identity.yaml")["kinds"]}
    found = {d.identifier for d in ecommerce().field_declarations()} - {None}
    assert {"email", "phone", "device_id"} == found <= kinds


def test_a_purpose_covers_the_categories_of_the_traits_it_is_stated_for() -> None:
    covers = {purpose["name"]: purpose.get("categories") for purpose in policy("purposes.yaml")["purposes"]}
    for declared in ecommerce().field_declarations():
        if declared.event != "identify":
            continue
        for purpose in declared.purposes:
            for category in declared.categories if covers[purpose] is not None else ():
                assert any(category == c or category.startswith(f"{c}.") for c in covers[purpose]), declared.pointer


@pytest.mark.parametrize("name", sorted(name for name in EVENTS if name.split()[0] in ("Order", "Checkout", "Cart")))
def test_orders_carts_and_checkouts_leave_something_without_consent(name: str) -> None:
    purposes = ecommerce().rules[CallType.TRACK, name].sections[0].default
    assert purposes & WITHOUT_CONSENT or name == "Cart Shared"


def test_browsing_without_consent_is_accepted_and_leaves_only_what_operation_needs() -> None:
    context = {**LIBRARY, "ip": "203.0.113.7", "page": {"url": "https://shop.example/"}}
    verdict = ecommerce().check(track({"product_id": "p-1"}, event="Product Viewed", context=context), modes())
    parts = {
        purposes: content
        for purposes, content in by_purposes(verdict).items()
        if set(purposes.split("+")) & WITHOUT_CONSENT
    }
    assert verdict.accepted
    assert parts == {"service": {"context": LIBRARY}, "security": {"context": {"ip": "203.0.113.7"}}}


@pytest.mark.parametrize("trait", ["email", "phone", "name", "first_name", "lastName", "address"])
def test_who_a_customer_is_serves_the_service(trait: str) -> None:
    assert "service" in ecommerce().trait_purposes(trait)


def test_an_order_comes_apart_by_its_purposes() -> None:
    verdict = ecommerce().check(track({**ORDER, "coupon": "SPRING"}, event="Order Completed", context=LIBRARY), modes())
    assert by_purposes(verdict) == {
        "analytics+legal+service": {"properties": ORDER},
        "analytics+marketing": {"properties": {"coupon": "SPRING"}},
        "service": {"context": LIBRARY},
    }


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"order_id": None}, ("type_mismatch", "/properties/order_id")),
        ({"order_id": 17}, ("type_mismatch", "/properties/order_id")),
        ({"total": "27.50"}, ("type_mismatch", "/properties/total")),
        ({"total": -1}, ("out_of_range", "/properties/total")),
        ({"currency": "eur"}, ("pattern_mismatch", "/properties/currency")),
        ({"products": [{"sku": "s"}]}, ("required_missing", "/properties/products/0/product_id")),
        ({"products": [{**PRODUCT, "quantity": 0}]}, ("out_of_range", "/properties/products/0/quantity")),
        ({"products": [{**PRODUCT, "quantity": 1.5}]}, ("type_mismatch", "/properties/products/0/quantity")),
        ({"products": [{**PRODUCT, "price": -0.01}]}, ("out_of_range", "/properties/products/0/price")),
        ({"products": PRODUCT}, ("type_mismatch", "/properties/products")),
    ],
)
def test_a_wrong_order_is_refused(change: dict[str, Any], fault: tuple[str, str]) -> None:
    verdict = ecommerce().check(track({**ORDER, **change}, event="Order Completed"), ecommerce().enforcement)
    assert (verdict.accepted, codes(verdict)) == (False, [fault])


def test_by_default_unplanned_events_are_refused_and_unplanned_properties_left_out() -> None:
    enforcement = ecommerce().enforcement
    assert not ecommerce().check(track({}, event="Order Finished"), enforcement).accepted
    verdict = ecommerce().check(track({**ORDER, "card_number": "4111"}, event="Order Completed"), enforcement)
    assert (verdict.accepted, verdict.omitted) == (True, 1)
    assert by_purposes(verdict) == {"analytics+legal+service": {"properties": ORDER}}


def test_a_company_may_be_a_name_or_an_object() -> None:
    for company in ("A firm", {"name": "A firm", "employee_count": 5}):
        assert ecommerce().check(identify({"company": company}), modes(properties="block")).violations == ()
    assert not ecommerce().check(identify({"company": 5}), modes()).accepted
