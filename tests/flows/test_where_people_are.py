"""The lawful basis is that of the place where the person is, if the caller says so, else the default."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.consent.purposes import LawfulBasis
from registry.flows.consent import checks, explaining, tokens
from registry.flows.consent.given import Question
from registry.flows.consent.permitted import check_many, filter_people, filter_profiles
from registry.flows.deployment import Deployment
from registry.model.decision import Decision
from registry.model.ids import ProfileId
from tests.simulator import Tenant

ADA = ("user_id", "ada")
PLACES = {"US-CA": True, "US-NY": True, "US": True, "DE": False, None: False}
"""Whether somebody who has said nothing of marketing may be sent offers there."""


@pytest.fixture
def abroad(tenant: Tenant) -> Deployment:
    """A deployment whose marketing rests on consent, but in the United States on not having opted out."""
    deployment = tenant.registry.deployment
    known = deployment.policies.purposes
    bases = {"default": LawfulBasis.CONSENT, "US": LawfulBasis.OPT_OUT}
    marketing = replace(known.purposes["marketing"], lawful_basis=bases)
    purposes = replace(known, purposes={**known.purposes, "marketing": marketing})
    return replace(deployment, policies=replace(deployment.policies, purposes=purposes))


def every_way(abroad: Deployment, tenant: Tenant, place: str | None) -> list[Decision]:
    workspace, ada, now = tenant.workspace, tenant.person(*ADA), abroad.clock()
    issued, _ = tokens.issue(
        abroad, workspace, ada, "marketing", presented=ADA, lifetime_s=60, jurisdiction=place
    )  # fmt: skip
    return [
        checks.check(abroad, workspace, ada, "marketing", jurisdiction=place),
        checks.check(abroad, workspace, ada, "marketing", jurisdiction=place, at=now),
        *check_many(abroad, workspace, [Question(ada, "marketing", frozenset(), place)]),
        explaining.explain(abroad, workspace, ada, "marketing", jurisdiction=place).decision,
        issued,
    ]


@pytest.mark.parametrize(("place", "allowed"), PLACES.items())
def test_who_is_silent_is_judged_by_the_ground_of_where_they_are(
    abroad: Deployment, tenant: Tenant, place: str | None, allowed: bool
) -> None:
    tenant.say(*ADA, "analytics", "granted")
    assert [one.allowed for one in every_way(abroad, tenant, place)] == [allowed] * 5


@pytest.mark.parametrize("place", PLACES)
def test_a_no_counts_everywhere(abroad: Deployment, tenant: Tenant, place: str | None) -> None:
    tenant.say(*ADA, "marketing", "withdrawn")
    assert {(one.allowed, one.reason.value) for one in every_way(abroad, tenant, place)} == {(False, "withdrawn")}


def test_questions_of_one_batch_are_answered_each_by_its_own_place(abroad: Deployment, tenant: Tenant) -> None:
    tenant.say(*ADA, "analytics", "granted")
    asked = [Question(tenant.person(*ADA), "marketing", frozenset(), place) for place in PLACES]
    assert [one.allowed for one in check_many(abroad, tenant.workspace, asked)] == list(PLACES.values())


@pytest.mark.parametrize(("place", "allowed"), PLACES.items())
def test_many_are_filtered_by_the_ground_of_where_they_all_are(
    abroad: Deployment, tenant: Tenant, place: str | None, allowed: bool
) -> None:
    tenant.say(*ADA, "analytics", "granted")
    tenant.say("user_id", "eve", "marketing", "withdrawn")
    people = [tenant.person("user_id", one) for one in ("ada", "eve", "nobody")]
    found = filter_people(abroad, tenant.workspace, people, "marketing", place)
    assert found == [allowed, False, False]
    profiles = [ProfileId(tenant.profile("user_id", one) or b"") for one in ("ada", "eve")]
    assert filter_profiles(abroad, tenant.workspace, profiles, "marketing", place) == found[:2]
