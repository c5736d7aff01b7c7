"""What of an event a destination may have at a moment: by its purpose, the person's consent, and what it wants."""

from __future__ import annotations

from typing import Any, NamedTuple

from registry.flows.consent.locking import locked_of, refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.opening import compartments_for, open_events, versions_of
from registry.flows.outgoing.delivery import people_of
from registry.flows.outgoing.destinations import ALL
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import text_id
from registry.model.stored_upkeep import Destination, FeedItem
from registry.store import consents, identities
from registry.store import destinations as rows


class Ready(NamedTuple):
    """An event that may be sent: where it stands, and what is sent of it."""

    item: FeedItem
    call: dict[str, Any]


class Judged(NamedTuple):
    """What of an event a destination may have now, if anything; `withheld`: it would have had more otherwise."""

    ready: Ready | None
    withheld: bool = False


UNWANTED = Judged(None)
WITHHELD = Judged(None, withheld=True)


def judged(deployment: Deployment, workspace: OpenWorkspace, row: Destination, item: FeedItem) -> Judged:
    """What of an event a destination may have now, by its purpose and by what it wants."""
    # 2. judge
    workspace_id = workspace.workspace_id
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
    # 3. open
    present = {name for name in event.compartments.split(",") if name} - locked
    grant = OpenGrant(workspace_id, compartments_for(row.purpose, present), f"destination for {row.purpose}")
    try:
        [(_, content, _)] = open_events(deployment, grant, [event], versions=versions_of(whole))
    except SealBroken:
        return WITHHELD
    people = {person.kind: person.value for person in people_of(deployment, workspace, item.fragment_id, row.purpose)}
    known = {"userId": people.get("user_id"), "anonymousId": people.get("anonymous_id")}
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
    return Judged(Ready(item, call))


def _wanted(words: str, name: str) -> bool:
    listed = words.split(",")
    return ALL in listed or name in listed
