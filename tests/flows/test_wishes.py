"""What the privacy centre offers follows the policies: which laws there are, and what data is used for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.dsr.requests import CALIFORNIAN, Kind
from registry.flows.deployment import Deployment
from registry.pages.wishes import WORDS, offered
from tests.simulator import Tenant

GENERAL = [kind for kind in Kind if kind not in CALIFORNIAN]
CALIFORNIA = [kind for kind in Kind if kind in CALIFORNIAN]


def under(deployment: Deployment, *laws: str, usual: str) -> Deployment:
    known = deployment.policies.jurisdictions
    some = replace(known, by_name={name: known.by_name[name] for name in laws})
    return replace(deployment, policies=replace(deployment.policies, jurisdictions=some), jurisdiction=usual)


@pytest.mark.parametrize(
    ("laws", "usual", "kinds"),
    [
        (["gdpr", "ccpa"], "gdpr", [GENERAL, CALIFORNIA]),
        (["gdpr", "ccpa"], "ccpa", [CALIFORNIA, GENERAL]),
        (["gdpr", "lgpd"], "lgpd", [GENERAL]),
        (["ccpa"], "ccpa", [CALIFORNIA]),
    ],
)
def test_kinds_are_offered_by_the_laws_of_the_policy(
    tenant: Tenant, laws: list[str], usual: str, kinds: list[list[Kind]]
) -> None:
    found = offered(under(tenant.registry.deployment, *laws, usual=usual), "en")
    assert [list(group.kinds) for group in found] == kinds


def test_a_kind_for_which_nothing_is_done_is_not_offered(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    catalogue = deployment.policies.purposes
    service = replace(catalogue, purposes={"service": catalogue.purposes["service"]})
    bare = replace(deployment, policies=replace(deployment.policies, purposes=service))
    missing = {kind for group in offered(deployment, "en") for kind in group.kinds} - {
        kind for group in offered(bare, "en") for kind in group.kinds
    }
    assert missing == {Kind.OBJECTION, Kind.WITHDRAWAL, Kind.OPT_OUT, Kind.LIMIT}


@pytest.mark.parametrize("language", WORDS)
def test_every_kind_has_words_in_every_language(language: str) -> None:
    assert set(WORDS[language].kinds) == set(Kind)
