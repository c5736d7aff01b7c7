"""A correction wins over what was asserted, under whatever name, and stays hidden where no plan knows the name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.documents import parse
from registry.dsr.requests import Kind
from registry.flows.access.credentials import create_source
from registry.flows.dsr.correctable import Correctable
from registry.flows.plans import publish
from registry.model.errors import InvalidInput
from tests.factories import identify, ordered
from tests.simulator import Tenant

ADA = ("user_id", "ada")
PLAN = """
plan: people
version: {version}
description: What is known of shoes.
owner: shop team
purposes: [service]
identify: {{description: Who., traits: {{properties: {{shoe_size: {{description: Size., type: {type}}}}}}}}}
"""


def lets_unplanned_in(tenant: Tenant) -> None:
    """A source that takes in what nobody planned."""
    create_source(
        tenant.registry.deployment, tenant.workspace_id, name="any", plan="ecommerce", version="^1.0.0",
        unplanned_properties="allow", actor="operator",
    )  # fmt: skip


def _correct(tenant: Tenant, **traits: object) -> None:
    tenant.run(tenant.request(Kind.RECTIFICATION, *ADA, traits=traits))


def test_a_correction_wins_over_later_assertions(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Adda"))
    _correct(tenant, first_name="Ada")
    tenant.send(identify("ada", first_name="Adda"))
    assert tenant.traits(*ADA) == {"first_name": "Ada"}


def test_a_trait_that_nobody_had_asserted_is_corrected_without_its_name_in_the_clear(tenant: Tenant) -> None:
    lets_unplanned_in(tenant)
    tenant.send(ordered("ada"))
    _correct(tenant, first_name="Ada", shoe_size=38)
    assert tenant.traits(*ADA) == {"first_name": "Ada", "shoe_size": 38}
    rows = tenant.registry.rows("SELECT trait FROM trait_assertion WHERE workspace_id = ?", tenant.workspace_id)
    assert {trait[0] for (trait,) in rows} == {"~"}
    tenant.send(identify("ada", first_name="Adda"))
    assert tenant.traits(*ADA)["first_name"] == "Ada"
    _correct(tenant, first_name="Ada Maria", shoe_size=39)
    assert tenant.traits(*ADA) == {"first_name": "Ada Maria", "shoe_size": 39}


def test_a_correction_finds_its_person_after_an_older_side_has_joined_them(tenant: Tenant) -> None:
    tenant.send(ordered(anonymous="older"))
    tenant.send(identify("ada", first_name="Adda"))
    request = tenant.request(Kind.RECTIFICATION, *ADA, traits={"first_name": "Ada"})
    tenant.send(identify("ada", "older"))
    tenant.run(request)
    assert tenant.traits(*ADA) == {"first_name": "Ada"}


@pytest.mark.parametrize(
    ("traits", "pointer", "expected"),
    [
        ({"age": "secret word"}, "/details/traits/age", "integer"),
        ({"first_name": "Ada", "age": 151}, "/details/traits/age", "at most 150"),
        ({"birthday": "secret word"}, "/details/traits/birthday", "the format date"),
        ({"address": {"city": 7}}, "/details/traits/address/city", "string"),
        ({"address": {"secret word": 7}}, "/details/traits/address/*", "only what the plan declares"),
        ({"secret word": "zzz"}, "/details/traits/*", "a trait that a plan declares, or a linked system holds"),
        ({"": ""}, "/details/traits/*", "a trait that a plan declares, or a linked system holds"),
    ],
)
def test_what_no_plan_would_take_is_no_correction(
    tenant: Tenant, traits: dict[str, object], pointer: str, expected: str
) -> None:
    tenant.send(identify("ada", first_name="Adda"))
    with pytest.raises(InvalidInput) as caught:
        tenant.request(Kind.RECTIFICATION, *ADA, traits=traits)
    assert caught.value.pointer == pointer
    assert f"{pointer}: expected {expected}" in caught.value.detail
    assert "secret word" not in repr((caught.value.detail, caught.value.hint, caught.value.extra))
    assert tenant.traits(*ADA) == {"first_name": "Adda"}


def test_a_system_outside_may_hold_what_no_plan_declares(tenant: Tenant) -> None:
    class Shop:
        traits = frozenset({"shoe_size"})

    deployment = replace(tenant.registry.deployment, linked=[Shop()])  # type: ignore[list-item]
    known = Correctable(deployment, tenant.workspace)
    known.require({"shoe_size": 38})
    assert "shoe_size" in known.names
    with pytest.raises(InvalidInput, match="/details/traits/shoe_size: expected a text, a number, true or false"):
        known.require({"shoe_size": {"left": 38}})
    assert "shoe_size" not in Correctable(tenant.registry.deployment, tenant.workspace).names


def test_a_line_of_text_becomes_what_the_plan_declares(tenant: Tenant) -> None:
    known = Correctable(tenant.registry.deployment, tenant.workspace)
    read = {"age": "42", "first_name": "42", "address": '{"city": "Bonn"}', "company": "Acme", "birthday": "soon"}
    assert [known.read(*one) for one in read.items()] == [42, "42", {"city": "Bonn"}, "Acme", "soon"]
    assert {"age", "first_name", "company"} <= set(known.lines)
    assert "address" not in known.lines
    for empty in (("", ""), ("first_name", ""), ("", "Ada")):
        with pytest.raises(InvalidInput):
            known.read(*empty)


def test_a_newer_version_of_a_plan_says_what_a_correction_is(tenant: Tenant) -> None:
    text = PLAN.format(version="1.0.0", type="string")
    publish(tenant.registry.deployment, tenant.workspace_id, parse(text, file="people"), actor="operator")
    known = Correctable(tenant.registry.deployment, tenant.workspace)
    known.require({"shoe_size": "38"})
    newer = PLAN.format(version="1.1.0", type="integer")
    publish(tenant.registry.deployment, tenant.workspace_id, parse(newer, file="people"), actor="operator")
    known = Correctable(tenant.registry.deployment, tenant.workspace)
    known.require({"shoe_size": 38})
    with pytest.raises(InvalidInput, match="expected integer"):
        known.require({"shoe_size": "38"})
