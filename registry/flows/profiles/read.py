"""Reading a profile: never without a purpose that the caller's policy and the person's consent allow.

1. access policy     may this caller read for this purpose at all?
2. decision          does the person's standing allow the purpose?
3. open              only the compartments that serve the purpose
4. choose and lay out
5. audit             who read whose profile for what, before anything is given out
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.access.policy import Action, Principal
from registry.flows.acts import trail
from registry.flows.consent.checks import matrix
from registry.flows.consent.locking import locked_of
from registry.flows.deployment import Deployment
from registry.flows.identity.subjects import fragments_of, fragments_of_profile
from registry.flows.ingest import computing
from registry.flows.opening import (
    API_SOURCE,
    compartments_for,
    kept_since,
    open_assertions,
    open_events,
    open_identifiers,
    source_names,
    versions_of,
)
from registry.flows.workspace import OpenWorkspace
from registry.identity.normalise import normalise
from registry.model.clock import Micros, rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.decision import Decision, Reason
from registry.model.errors import NotFound, PurposeDenied, UnknownPurpose
from registry.model.grants import OpenGrant
from registry.model.ids import EventId, ProfileId, text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredAssertion, StoredEvent, StoredIdentifier
from registry.profiles.assertion import TraitAssertion
from registry.profiles.computed import ComputedTrait
from registry.profiles.survivorship import Choice, Verification, choose, verification
from registry.profiles.view import SeenIdentifier, build_view, computed_json, withheld_json
from registry.store import consents, events, identities
from registry.store.database import Transaction

PAGE_LIMIT = 200

ASKED = frozenset({Reason.NO_RECORD, Reason.EXPIRED, Reason.ASK_AGAIN, Reason.AGE_NOT_SHOWN})
"""Why a purpose is not allowed, where asking the person may change it."""

CONTACT_POINTS = frozenset({"email", "phone"})
"""Kinds of identifiers that are also addresses."""


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """What is known of a person for one purpose; `values` are those of chosen and of computed traits, by name."""

    choices: list[Choice]
    computed: list[tuple[ComputedTrait, object]]
    values: dict[str, object]
    labels: frozenset[str]


def lookup(
    deployment: Deployment, workspace: OpenWorkspace, principal: Principal, person: Identifier, purpose: str
) -> dict[str, object]:
    """The single customer view of the person behind an identifier, for a purpose.

    Raises:
        Forbidden, UnknownPurpose, PurposeDenied: not for this caller, or not for this person.
        NotFound: nobody is known under this identifier.
    """
    require(deployment, principal, purpose)
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_of(workspace, transaction, person)
    if not fragments:
        raise NotFound("nobody is known under this identifier")
    return _view(deployment, workspace, principal, fragments, purpose)


def view(
    deployment: Deployment, workspace: OpenWorkspace, principal: Principal, profile_id: ProfileId, purpose: str
) -> dict[str, object]:
    """The single customer view of a profile, for a purpose.

    Raises: as `lookup`.
    """
    require(deployment, principal, purpose)
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_of_profile(workspace, transaction, profile_id)
    return _view(deployment, workspace, principal, fragments, purpose)


def timeline(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    profile_id: ProfileId,
    purpose: str,
    *,
    limit: int,
    before: EventId | None,
) -> dict[str, object]:
    """A page of a profile's events, newest first; `cursor` leads to the next page, None ends it.

    Raises: as `lookup`.
    """
    require(deployment, principal, purpose)
    count = min(limit, PAGE_LIMIT)
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_of_profile(workspace, transaction, profile_id)
        permitted(deployment, transaction, workspace, fragments, purpose)
        ids = [fragment.fragment_id for fragment in fragments]
        locked = locked_of(transaction, workspace.workspace_id, fragments)
        rows = events.newest(transaction, workspace.workspace_id, ids, count + 1, before)
        names = source_names(transaction, workspace.workspace_id)
    present = {name for row in rows for name in row.compartments.split(",") if name}
    grant = OpenGrant(workspace.workspace_id, compartments_for(purpose, present - locked), f"profiles:read {purpose}")
    page = rows[:count]
    oldest = kept_since(deployment, purpose)
    kept = [row for row in page if row.received_at >= oldest]
    shown = [
        _event(row, names, content, withheld)
        for row, content, withheld in open_events(deployment, grant, kept, versions=versions_of(fragments))
    ]
    for place, row in enumerate(page):
        if row.received_at < oldest:  # other purposes may still keep it
            parts = sum(purpose in purposes_of(Compartment(name)) for name in row.compartments.split(","))
            shown.insert(place, _event(row, names, {}, {Reason.RETENTION_ENDED: parts} if parts else {}))
    note(deployment, workspace, principal, fragments, purpose, "timeline")
    cursor = text_id(page[-1].event_id) if len(rows) > count else None
    return {"profile_id": text_id(profile_id), "purpose": purpose, "events": shown, "cursor": cursor}


def require(deployment: Deployment, principal: Principal, purpose: str) -> None:
    """Go on only if the caller's policy allows reading for the purpose.

    Raises:
        UnknownPurpose, Forbidden.
    """
    if purpose not in deployment.policies.purposes.purposes:
        raise UnknownPurpose("the purpose is not in the policy", pointer="/purpose")
    deployment.policies.access.require(principal, Action.PROFILES_READ, purpose=purpose)


def permitted(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    fragments: Sequence[Fragment],
    purpose: str,
) -> dict[str, Decision]:
    """The person's consent matrix, if it allows the purpose.

    Raises:
        PurposeDenied: it does not.
    """
    ids = [fragment.fragment_id for fragment in fragments]
    states = consents.states(transaction, workspace.workspace_id, ids)
    decisions = matrix(deployment, fragments, states)
    decision = decisions[purpose]
    if not decision.allowed:
        hint = "ask the person, or name another purpose" if decision.reason in ASKED else "name another purpose"
        raise PurposeDenied(decision.sentence, hint=hint, extra={"reason": decision.reason.value})
    return decisions


def _view(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    fragments: Sequence[Fragment],
    purpose: str,
) -> dict[str, object]:
    ids = [fragment.fragment_id for fragment in fragments]
    with deployment.data.read(workspace.workspace_id) as transaction:
        decisions = permitted(deployment, transaction, workspace, fragments, purpose)
        locked = locked_of(transaction, workspace.workspace_id, fragments)
        rows = events.assertions(transaction, workspace.workspace_id, ids)
        known = identities.identifiers_of(transaction, workspace.workspace_id, ids)
        names = source_names(transaction, workspace.workspace_id)
    oldest = kept_since(deployment, purpose)
    late = [row for row in rows if row.received_at < oldest and purpose in purposes_of(Compartment(row.compartment))]
    rows = [row for row in rows if row not in late] if late else rows
    present = {row.compartment for row in rows} - locked
    grant = OpenGrant(workspace.workspace_id, compartments_for(purpose, present), f"profiles:read {purpose}")
    opened = open_assertions(deployment, grant, rows, names, versions=versions_of(fragments))
    now = deployment.clock()
    known_of = make_known(deployment, purpose, opened.assertions, now=now)
    shown, hidden = visible(known, [row for row in rows if row.compartment not in locked], purpose)
    found, closed = open_identifiers(deployment, grant, shown)
    seen = [
        SeenIdentifier(
            identifier,
            row.fragment_id,
            names.get(row.source_id, API_SOURCE),
            row.first_seen_at,
            _verification(deployment, identifier, opened.assertions),
        )
        for row, identifier in found
    ]
    withheld = opened.withheld + closed
    if hidden:
        withheld[Reason.OTHER_PURPOSE] += hidden
    if late:
        withheld[Reason.RETENTION_ENDED] += len(late)
    note(deployment, workspace, principal, fragments, purpose, "view")
    view = build_view(fragments[0].profile_id, purpose, known_of.choices, seen, decisions, withheld, now=now)
    return view | {"computed": [computed_json(*one) for one in known_of.computed], "labels": sorted(known_of.labels)}


def make_known(deployment: Deployment, purpose: str, assertions: Sequence[TraitAssertion], *, now: Micros) -> Known:
    """What is known of a person for a purpose, from their opened assertions: chosen, computed, and labelled."""
    by_trait: dict[str, list[TraitAssertion]] = defaultdict(list)
    kept: list[TraitAssertion] = []
    for assertion in assertions:
        if computing.is_kept(assertion):
            kept.append(assertion)
        else:
            by_trait[assertion.trait].append(assertion)
    choices = [choose(rivals, deployment.policies.trust, now) for rivals in by_trait.values()]
    computed = computing.told(deployment, purpose, kept, now=now)
    values: dict[str, object] = {choice.chosen.trait: choice.chosen.value for choice in choices}
    values |= {trait.trait: result for trait, result in computed}
    return Known(choices, computed, values, deployment.policies.computed.labels_of(values, purpose))


def _verification(
    deployment: Deployment, identifier: Identifier, assertions: Sequence[TraitAssertion]
) -> Verification | None:
    """Whether a contact point was proven: by the best that any source says of this very address."""
    if identifier.kind not in CONTACT_POINTS:
        return None
    rules = deployment.policies.identity
    same = [
        one
        for one in assertions
        if one.trait == identifier.kind
        and isinstance(one.value, str)
        and normalise(identifier.kind, one.value, rules) == identifier
    ]
    return verification(same)


def visible(
    known: Sequence[StoredIdentifier], rows: Sequence[StoredAssertion], purpose: str
) -> tuple[list[StoredIdentifier], int]:
    """The identifiers that a purpose may see, and how many it may not: a contact point only where the
    purpose may see it as a trait, too.
    """
    as_trait = {row.trait for row in rows if purpose in purposes_of(Compartment(row.compartment))}
    hidden_kinds = set() if purpose == "service" else CONTACT_POINTS - as_trait
    shown = [row for row in known if row.kind not in hidden_kinds]
    return shown, len(known) - len(shown)


def _event(
    row: StoredEvent, names: dict[bytes, str], content: dict[str, Any], withheld: Mapping[Reason, int]
) -> dict[str, object]:
    return {
        "event_id": text_id(row.event_id),
        "type": row.call,
        "event": row.plan_event,
        "plan": row.plan_version,
        "source": names.get(row.source_id, API_SOURCE),
        "observed_at": rfc3339(row.observed_at),
        "received_at": rfc3339(row.received_at),
        "consent_tags": sorted({p for name in row.compartments.split(",") if name for p in name.split("+")}),
        "content": content,
        "withheld": withheld_json(withheld),
    }


def note(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    fragments: Sequence[Fragment],
    purpose: str,
    what: str,
) -> None:
    """Note in the audit log who read what of whom, before anything is given out."""
    about = trail.About(deployment.keyring, workspace.workspace_id, fragments[0].fragment_id)
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=principal.actor,
            action="profile:view:read", outcome="given", fields={"purpose": purpose, "what": what}, about=about,
        )  # fmt: skip
