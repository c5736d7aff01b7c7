"""What of an event a destination may have at a moment: by its purpose, the person's consent, and what it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from registry.flows.consent.locking import locked_of, refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.opening import compartments_for, kept_since, open_events, versions_of
from registry.flows.outgoing.delivery import people_of
from registry.flows.outgoing.destinations import ALL
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND, Micros, rfc3339
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, ProfileId, text_id
from registry.model.message import Identifier
from registry.model.stored_upkeep import Destination, FeedItem
from registry.store import consents, identities
from registry.store import destinations as rows

AS_NEW: Micros = SECOND
"""How long nothing but what is written can change what was judged."""


class Ready(NamedTuple):
    """An event that may be sent.

    Attributes:
        item: where it stands.
        call: what is sent of it.
        people: the identifiers of the person that may be told.
        versions: the state of each fragment of the person when it was judged.
        judged_at: when that was.
    """

    item: FeedItem
    call: dict[str, Any]
    people: Sequence[Identifier]
    versions: Mapping[FragmentId, int]
    judged_at: Micros


class Judged(NamedTuple):
    """What of an event a destination may have now, if anything; `withheld`: it would have had more otherwise."""

    ready: Ready | None
    withheld: bool = False


UNWANTED = Judged(None)
WITHHELD = Judged(None, withheld=True)


def judged(deployment: Deployment, workspace: OpenWorkspace, row: Destination, item: FeedItem) -> Judged:
    """What of an event a destination may have now, by its purpose and by what it wants."""
    # 2. judge
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        event = rows.event(transaction, workspace_id, item.fragment_id, item.event_id)
        own = identities.fragments(transaction, workspace_id, [item.fragment_id])
        whole = identities.fragments_of_profiles(transaction, workspace_id, {f.profile_id for f in own.values()})
        states = consents.states(transaction, workspace_id, [fragment.fragment_id for fragment in whole])
        locked = locked_of(transaction, workspace_id, whole)
    if event is None or not whole or not _wanted(row.events, event.plan_event or event.call):
        return UNWANTED
    refused = refused_by_profile(deployment, whole, states)[whole[0].profile_id]
    if row.purpose in refused or row.purpose not in deployment.policies.purposes.purposes:
        return WITHHELD
    if event.received_at < kept_since(deployment, row.purpose):  # other purposes may still keep it
        return WITHHELD
    # 3. open
    present = {name for name in event.compartments.split(",") if name} - locked
    grant = OpenGrant(workspace_id, compartments_for(row.purpose, present), f"destination for {row.purpose}")
    try:
        [(_, content, _)] = open_events(deployment, grant, [event], versions=versions_of(whole))
    except SealBroken:
        return WITHHELD
    people = people_of(deployment, workspace, item.fragment_id, row.purpose)
    named = {person.kind: person.value for person in people}
    known = {"userId": named.get("user_id"), "anonymousId": named.get("anonymous_id")}
    if not content or not any(known.values()):
        return WITHHELD
    if event.call == "identify" and ALL not in row.traits.split(","):
        kept = {name: value for name, value in content.get("traits", {}).items() if name in row.traits.split(",")}
        content = {**content, "traits": kept}
    call = {
        "type": event.call,
        "messageId": content.pop("messageId", None) or text_id(event.event_id),
        "timestamp": rfc3339(event.observed_at),
        **{name: value for name, value in known.items() if value is not None},
        **content,
    }
    return Judged(Ready(item, call, people, versions_of(whole), now))


def judged_since(
    deployment: Deployment, workspace: OpenWorkspace, row: Destination, ready: Sequence[Ready]
) -> list[Judged]:
    """The same later: anew where anything was said, locked, joined, parted or erased since, or a consent may have
    ended by itself.
    """
    workspace_id, moment = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        own = identities.fragments(transaction, workspace_id, {one.item.fragment_id for one in ready})
        whole = identities.fragments_of_profiles(transaction, workspace_id, {f.profile_id for f in own.values()})
    people: dict[ProfileId, dict[FragmentId, int]] = {}
    for fragment in whole:
        people.setdefault(fragment.profile_id, {})[fragment.fragment_id] = fragment.state_version
    versions = {fragment_id: people[fragment.profile_id] for fragment_id, fragment in own.items()}
    return [
        Judged(one)
        if 0 <= moment - one.judged_at < AS_NEW and versions.get(one.item.fragment_id) == one.versions
        else judged(deployment, workspace, row, one.item)
        for one in ready
    ]


def _wanted(words: str, name: str) -> bool:
    listed = words.split(",")
    return ALL in listed or name in listed
