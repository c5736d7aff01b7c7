"""Why two identifiers are one person: the shortest path of claims, each with source, message and time.

The shape of the path is nobody's secret; the identifiers' values and the messages' ids are shown as
far as the purpose may see them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.access.policy import Principal
from registry.flows.consent.locking import locked_of
from registry.flows.deployment import Deployment
from registry.flows.identity.subjects import NO_SOURCE, fragments_of_profile
from registry.flows.opening import (
    API_SOURCE,
    compartments_for,
    open_events,
    open_identifiers,
    source_names,
)
from registry.flows.profiles import read
from registry.flows.workspace import OpenWorkspace
from registry.identity.explain import path
from registry.identity.links import SENTENCES, Link, Refusal, Verdict
from registry.identity.picture import Edge, Node, draw
from registry.identity.resolve import Partition
from registry.model.clock import rfc3339
from registry.model.decision import Reason
from registry.model.errors import InvalidInput
from registry.model.grants import OpenGrant
from registry.model.ids import BlindIndex, FragmentId, MessageKey, ProfileId, text_id
from registry.model.stored import Fragment, StewardDecision, StoredEvent, StoredIdentifier, StoredLink
from registry.profiles.view import withheld_json
from registry.store import events, identities, stewardship

STEWARD_SOURCE = "steward"


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """One profile's identifiers and the claims that join them; values only as far as a purpose may see.

    Attributes:
        fragments: by the identifier that each hangs on, oldest first.
        shown: the values that the purpose may see, by fragment.
        claims: of each pair, in the order in which they came.
        told: the ids of the claims' messages, as far as the purpose may open them.
        decisions: a steward's word on a pair.
        refused: claims that lead out of the profile, and why they join nothing.
        beyond: the fragments at their far ends.
        withheld: how many identifiers are there but not shown, by reason.
    """

    profile_id: ProfileId
    fragments: Mapping[BlindIndex, Fragment]
    identifiers: Sequence[StoredIdentifier]
    shown: Mapping[FragmentId, str]
    claims: Mapping[Link, Sequence[StoredLink]]
    messages: Mapping[MessageKey, StoredEvent]
    told: Mapping[MessageKey, str]
    decisions: Mapping[Link, StewardDecision]
    refused: Mapping[Link, str]
    beyond: Mapping[BlindIndex, Fragment]
    names: Mapping[bytes, str]
    withheld: Mapping[Reason, int]


def graph(
    deployment: Deployment, workspace: OpenWorkspace, principal: Principal, profile_id: ProfileId, purpose: str
) -> Graph:
    """A profile's identity graph, for a purpose.

    Raises:
        Forbidden, UnknownPurpose, PurposeDenied, NotFound: as reading the profile.
    """
    read.require(deployment, principal, purpose)
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        fragments = fragments_of_profile(workspace, transaction, profile_id)
        read.permitted(deployment, transaction, workspace, fragments, purpose)
        ids = [fragment.fragment_id for fragment in fragments]
        assertions = events.assertions(transaction, workspace_id, ids)
        known = identities.identifiers_of(transaction, workspace_id, ids)
        anchors = {fragment.anchor: fragment for fragment in fragments}
        links = identities.links_touching(transaction, workspace_id, anchors)
        inner = [link for link in links if link.low in anchors and link.high in anchors]
        messages = events.by_messages(transaction, workspace_id, {link.message_key for link in inner})
        decided = stewardship.decisions_touching(transaction, workspace_id, anchors)
        across = {(link.low, link.high) for link in links} - {(link.low, link.high) for link in inner}
        refusals = identities.refusals_of(transaction, workspace_id, across)
        far = {end for pair in across for end in pair} - anchors.keys()
        beyond = identities.fragments_by_index(transaction, workspace_id, far)
        names = source_names(transaction, workspace_id)
        locked = locked_of(transaction, workspace_id, fragments)
    shown, hidden = read.visible(known, [row for row in assertions if row.compartment not in locked], purpose)
    present = {name for row in messages.values() for name in row.compartments.split(",") if name} - locked
    grant = OpenGrant(workspace_id, compartments_for(purpose, present), f"profiles:explain {purpose}")
    found, withheld = open_identifiers(deployment, grant, shown)
    values = {row.fragment_id: who.value for row, who in found}
    if hidden:
        withheld[Reason.OTHER_PURPOSE] += hidden
    told = zip(messages, open_events(deployment, grant, messages.values()), strict=True)
    opened = {key: content.get("messageId") for key, (_, content, _) in told}
    claims: dict[Link, list[StoredLink]] = defaultdict(list)
    for link in sorted(inner, key=lambda link: (link.received_at, link.source_id)):
        claims[Link(link.low, link.high)].append(link)
    read.note(deployment, workspace, principal, fragments, purpose, "explain")
    return Graph(
        profile_id,
        anchors,
        known,
        values,
        claims,
        messages,
        {key: told for key, told in opened.items() if isinstance(told, str)},
        {Link(row.low, row.high): row for row in decided},
        {Link(row.low, row.high): row.reason for row in refusals},
        beyond,
        names,
        withheld,
    )


def explain(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    profile_id: ProfileId,
    purpose: str,
    *,
    ends: tuple[FragmentId, FragmentId] | None = None,
) -> dict[str, object]:
    """The path between two identifiers of a profile, or from its oldest to each of the others.

    Raises:
        InvalidInput: one of the two is not an identifier of this profile.
        Forbidden, UnknownPurpose, PurposeDenied, NotFound: as reading the profile.
    """
    found = graph(deployment, workspace, principal, profile_id, purpose)
    anchor_of = {fragment.fragment_id: anchor for anchor, fragment in found.fragments.items()}
    if ends is not None and not set(ends) <= anchor_of.keys():
        raise InvalidInput("name two identifiers of this profile, by their fragment_id", pointer="/one")
    order = [fragment.fragment_id for fragment in found.fragments.values()]
    wanted = [ends] if ends is not None else [(order[0], other) for other in order[1:]]
    together = Partition((frozenset(found.fragments),), ())
    paths = []
    for one, other in wanted:
        chain = path(found.claims, together, anchor_of[one], anchor_of[other]) or ()
        links = [link_json(found, link) for link in chain]
        paths.append({"one": text_id(one), "other": text_id(other), "links": links})
    return {
        "profile_id": text_id(profile_id),
        "purpose": purpose,
        "identifiers": [_identifier(found, row) for row in found.identifiers],
        "paths": paths,
        "withheld": withheld_json(found.withheld),
    }


def picture(found: Graph, kinds: Sequence[str]) -> str:
    """The graph as SVG, with what it shows in words.

    Args:
        kinds: the policy's kinds, strongest first.
    """
    everybody = {**found.fragments, **found.beyond}
    ends = {index: text_id(fragment.fragment_id) for index, fragment in everybody.items()}
    nodes = [
        Node(ends[index], fragment.kind, found.shown.get(fragment.fragment_id), True)
        for index, fragment in found.fragments.items()
    ]
    nodes += [Node(ends[index], fragment.kind, None, False) for index, fragment in found.beyond.items()]
    edges = []
    for link in found.claims:
        decision = found.decisions.get(link)
        words = "; ".join(_words(found, claim) for claim in found.claims[link])
        vouched = decision is not None and decision.verdict == Verdict.SAME
        edges.append(Edge(ends[link.low], ends[link.high], words, vouched=vouched))
    for link, reason in found.refused.items():
        if link.low in ends and link.high in ends:
            edges.append(Edge(ends[link.low], ends[link.high], SENTENCES[Refusal(reason)].rstrip("."), refused=True))
    return draw(nodes, edges, kinds)


def _words(found: Graph, claim: StoredLink) -> str:
    told = _claim(found, claim)
    said = f" in message {told['message_id']}" if told["message_id"] else ""
    return f"{told['source']} said so{said} on {told['received_at']}"


def link_json(found: Graph, link: Link) -> dict[str, object]:
    """One step of a path: its two ends, who claims it, and whether a steward has said so."""
    decision = found.decisions.get(link)
    return {
        "one": text_id(found.fragments[link.low].fragment_id),
        "other": text_id(found.fragments[link.high].fragment_id),
        "claims": [_claim(found, claim) for claim in found.claims[link]],
        "vouched_by": decision.actor if decision is not None and decision.verdict == Verdict.SAME else None,
    }


def _claim(found: Graph, claim: StoredLink) -> dict[str, object]:
    event = found.messages.get(claim.message_key)
    by_hand = STEWARD_SOURCE if claim.source_id == NO_SOURCE else API_SOURCE
    return {
        "source": found.names.get(claim.source_id, by_hand),
        "message_id": found.told.get(claim.message_key),
        "event_id": text_id(event.event_id) if event is not None else None,
        "type": event.call if event is not None else None,
        "observed_at": rfc3339(claim.observed_at),
        "received_at": rfc3339(claim.received_at),
    }


def _identifier(found: Graph, row: StoredIdentifier) -> dict[str, object]:
    return {
        "fragment_id": text_id(row.fragment_id),
        "kind": row.kind,
        "value": found.shown.get(row.fragment_id),
        "source": found.names.get(row.source_id, API_SOURCE),
        "first_seen_at": rfc3339(row.first_seen_at),
    }
