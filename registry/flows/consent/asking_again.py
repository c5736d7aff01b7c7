"""Who is to be asked again: whose consent was given before the purpose was changed in substance."""

from __future__ import annotations

from collections.abc import Iterator

from registry.consent.decide import decide
from registry.consent.records import WHOLE_PERSON
from registry.flows.consent.standing import standings_for
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.decision import Reason
from registry.model.ids import ProfileId
from registry.store import identities, standings

PAGE = 5_000


def outdated(deployment: Deployment, workspace: OpenWorkspace, purpose: str) -> Iterator[ProfileId]:
    """The profiles that granted a purpose as it was before, in the order of their ids.

    Raises:
        UnknownPurpose: the policy has no such purpose.
        StoreUnavailable: the list broke off; what has come is no whole list.
    """
    catalogue, rules = deployment.policies.purposes, deployment.policies.identity
    if not catalogue.purpose(purpose).material_since:
        return
    after = b""
    while True:
        with deployment.data.read(workspace.workspace_id) as transaction:
            ids = identities.profiles_after(transaction, workspace.workspace_id, after, PAGE)
            if not ids:
                return
            asked = (purpose, WHOLE_PERSON)
            people = standings.of_page(transaction, workspace.workspace_id, asked, after, ids[-1])
        now = deployment.clock()
        for profile_id, lines in people.items():
            person = standings.person_of(workspace.workspace_id, lines)
            standing = standings_for(rules, *person, (purpose,))[purpose]
            if decide(purpose, frozenset(), standing, catalogue, now=now).reason is Reason.ASK_AGAIN:
                yield profile_id
        after = ids[-1]
