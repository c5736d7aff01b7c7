"""Audiences: who fulfils a named condition, among those whose consent allows its purpose.

A page looks at so many people, in the order of their ids. Whoever may not be used for the purpose is not
opened, not evaluated and not counted among the members.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from registry.access.policy import Principal
from registry.flows.acts import trail
from registry.flows.consent.locking import refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.opening import compartments_for, kept_since, open_assertions, source_names, versions_of
from registry.flows.profiles import read
from registry.flows.workspace import OpenWorkspace
from registry.model.grants import OpenGrant
from registry.model.ids import ProfileId, text_id
from registry.model.stored import Fragment
from registry.profiles.assertion import TraitAssertion
from registry.store import consents, events, identities, retention

PAGE_LIMIT = 1000


def listed(deployment: Deployment) -> list[dict[str, object]]:
    """The audiences of the policy."""
    return [
        {"audience": one.name, "title": one.title, "purpose": one.purpose}
        for one in deployment.policies.computed.audiences.values()
    ]


def members(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    name: str,
    *,
    limit: int,
    after: ProfileId | None,
) -> dict[str, Any]:
    """The members among the next people; `cursor` leads on, None ends it.

    Raises:
        NotFound: there is no such audience.
        Forbidden: the caller may not read for its purpose.
    """
    audience = deployment.policies.computed.audience(name)
    read.require(deployment, principal, audience.purpose)
    workspace_id, purpose = workspace.workspace_id, audience.purpose
    count = min(limit, PAGE_LIMIT)
    page, known = opened(deployment, workspace, purpose, f"audience {name}", limit=count, after=after)
    found = [profile for profile, one in known.items() if audience.when.holds(one.values, one.labels)]
    now = deployment.clock()
    fields: dict[str, int | str] = {"purpose": purpose, "what": f"audience {name}", "members": len(found)}
    with deployment.data.write(workspace_id) as transaction:
        trail.append(
            transaction, workspace_id, now,
            actor=principal.actor, action="profile:view:read", outcome="given", fields=fields,
        )  # fmt: skip
    return {
        "audience": name,
        "purpose": purpose,
        "members": [{"profile_id": text_id(profile)} for profile in sorted(found)],
        "looked_at": len(page),
        "cursor": text_id(page[-1]) if len(page) == count else None,
    }


def opened(
    deployment: Deployment, workspace: OpenWorkspace, purpose: str, why: str, *, limit: int, after: ProfileId | None
) -> tuple[list[ProfileId], dict[ProfileId, read.Known]]:
    """The next people, in the order of their ids, and what is known of those whose consent allows the purpose.

    Args:
        why: for the grant.

    Raises:
        UnknownPurpose: the policy has no such purpose.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        page = identities.profiles_after(transaction, workspace_id, after or b"", limit)
        people: dict[ProfileId, list[Fragment]] = defaultdict(list)
        for fragment in identities.fragments_of_profiles(transaction, workspace_id, page):
            people[fragment.profile_id].append(fragment)
        home = {fragment.fragment_id: profile for profile, own in people.items() for fragment in own}
        everybody = [fragment for own in people.values() for fragment in own]
        refused = refused_by_profile(deployment, everybody, consents.states(transaction, workspace_id, home))
        asked = deployment.policies.purposes.purpose(purpose).name
        allowed = {profile: own for profile, own in people.items() if asked not in refused[profile]}
        rows = events.assertions(transaction, workspace_id, {f.fragment_id for own in allowed.values() for f in own})
        locked: dict[ProfileId, set[str]] = defaultdict(set)
        for lock in retention.locks(transaction, workspace_id, home):
            locked[home[lock.fragment_id]].add(lock.compartment)
        names = source_names(transaction, workspace_id)
    oldest = kept_since(deployment, purpose)
    rows = [row for row in rows if row.compartment not in locked[home[row.fragment_id]] and row.received_at >= oldest]
    grant = OpenGrant(workspace_id, compartments_for(purpose, {row.compartment for row in rows}), why)
    versions = versions_of(fragment for own in allowed.values() for fragment in own)
    known: dict[ProfileId, list[TraitAssertion]] = {profile: [] for profile in allowed}
    for assertion in open_assertions(deployment, grant, rows, names, versions=versions).assertions:
        known[home[assertion.fragment_id]].append(assertion)
    now = deployment.clock()
    return page, {profile: read.make_known(deployment, purpose, own, now=now) for profile, own in known.items()}
