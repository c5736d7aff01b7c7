"""A correction wins over what was asserted, under whatever name, and stays hidden where no plan knows the name."""

from __future__ import annotations

from registry.dsr.requests import Kind
from tests.factories import identify, ordered
from tests.simulator import Tenant

ADA = ("user_id", "ada")


def _correct(tenant: Tenant, **traits: object) -> None:
    tenant.run(tenant.request(Kind.RECTIFICATION, *ADA, traits=traits))


def test_a_correction_wins_over_later_assertions(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Adda"))
    _correct(tenant, first_name="Ada")
    tenant.send(identify("ada", first_name="Adda"))
    assert tenant.traits(*ADA) == {"first_name": "Ada"}


def test_a_trait_that_nobody_had_asserted_is_corrected_without_its_name_in_the_clear(tenant: Tenant) -> None:
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
