"""Computed traits that look back: what is declared, or defined anew, after events came in is counted from these.

1. what       traits of the policy that were never counted back under their present definition
2. page       some fragments at a time, in one transaction that those who count on ingest wait for
3. open       their events, of which the purpose may use what was sealed for it; nobody who refuses it now
4. count      anew from nothing, so that done again it comes to the same
5. note       how far it is; killed anywhere, it goes on there

What is locked stays as it stands: it may be opened again, and counts as before then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson

from registry.flows.acts import trail
from registry.flows.consent.locking import refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.ingest.computing import PREFIX, SOURCE, keep_days
from registry.flows.opening import needs_of, open_event
from registry.flows.workspace import OpenWorkspace
from registry.keys.bundle import Bundle
from registry.keys.envelope import open_sealed, record_aad, seal
from registry.model.clock import DAY
from registry.model.compartment import Compartment, compartment_of, purposes_of
from registry.model.errors import Conflict, NotFound, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.provenance import Method
from registry.model.stored import Fragment, StoredAssertion, StoredEvent
from registry.model.stored_upkeep import CountedBack
from registry.profiles.computed import ComputedTrait, Occurrence, State, fold
from registry.store import computed, consents, events, identities, retention
from registry.store.database import Transaction

PAGE = 200
"""Fragments of one transaction: few enough that those who write wait only for moments."""

Told = Callable[[int], None]


def _unheard(_done: int) -> None:
    """Nobody listens."""


def recount(
    deployment: Deployment,
    workspace: OpenWorkspace,
    *,
    names: Collection[str] = (),
    pages: int | None = None,
    progress: Told = _unheard,
    actor: str,
) -> dict[str, Any]:
    """Count back; which traits, how many fragments were looked at, and whether all is done.

    Args:
        names: these traits, from the beginning; without any, those that were not counted back yet.
        pages: at most so many pages, to go on another time; None for all.

    Raises:
        NotFound: the policy has no such trait.
        Conflict: another process is counting.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.sole(f"recount-{workspace_id.hex()}") as alone:
        if not alone:
            raise Conflict("another process is counting back", hint="wait until it is done")
        runs = _due(deployment, workspace_id, names)
        looked_at = done = 0
        after = min((run.after for run in runs.values()), default=b"")
        traits = [trait for trait in _traits(deployment) if trait.trait in runs]
        finished = not runs
        while runs and (pages is None or done < pages):
            with deployment.data.write(workspace_id) as transaction:
                subjects.hold(workspace, transaction)  # whoever refuses it meanwhile would not see the keys made here
                page = identities.fragments_after(transaction, workspace_id, after, PAGE)
                if page:
                    _count_page(deployment, transaction, workspace_id, traits, page)
                    after = page[-1].fragment_id
                else:
                    _finish(deployment, transaction, workspace_id, runs, actor)
                    finished = True
                    break
                runs = {name: run._replace(after=after) for name, run in runs.items()}
                computed.put(transaction, runs.values())
            looked_at, done = looked_at + len(page), done + 1
            progress(looked_at)
    return {"traits": sorted(runs), "fragments": looked_at, "finished": finished}


def form_of(trait: ComputedTrait) -> str:
    """What counting back depends on: a trait with another form is counted back again."""
    return f"{trait.purpose}/{trait.form}/{trait.window_days}"


def _traits(deployment: Deployment) -> list[ComputedTrait]:
    return [trait for own in deployment.policies.computed.traits.values() for trait in own]


def _due(deployment: Deployment, workspace_id: WorkspaceId, names: Collection[str]) -> dict[str, CountedBack]:
    known = {trait.trait: trait for trait in _traits(deployment)}
    unknown = set(names) - known.keys()
    if unknown:
        raise NotFound("computed.yaml has no such trait", hint=f"it has: {', '.join(sorted(known))}")
    with deployment.data.read(workspace_id) as transaction:
        before = {row.trait: row for row in computed.listed(transaction, workspace_id)}
    now, due = deployment.clock(), {}
    for name, trait in known.items():
        row, form = before.get(name), form_of(trait)
        same = row is not None and row.form == form
        if name in names or (not names and not same):
            due[name] = CountedBack(workspace_id, name, form, b"", now, None)
        elif row is not None and not names and row.finished_at is None:
            due[name] = row
    return due


def _finish(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    runs: Mapping[str, CountedBack],
    actor: str,
) -> None:
    now = deployment.clock()
    computed.put(transaction, [run._replace(finished_at=now) for run in runs.values()])
    trail.append(
        transaction, workspace_id, now, actor=actor, action="profile:traits:recounted", outcome="done",
        fields={"traits": ",".join(sorted(runs))},
    )  # fmt: skip


def _count_page(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    traits: Sequence[ComputedTrait],
    page: Sequence[Fragment],
) -> None:
    ids = {fragment.fragment_id for fragment in page}
    events.lock_fragments(transaction, ids)
    allowed = _allowed(deployment, transaction, workspace_id, page, {trait.purpose for trait in traits})
    states = _counted(deployment, transaction, workspace_id, traits, page, allowed)
    needs: dict[FragmentId, list[Compartment]] = defaultdict(list)
    for fragment_id, purpose in states:
        needs[fragment_id].append(compartment_of({purpose}))
    versions = {fragment.fragment_id: fragment.state_version for fragment in page}
    bundles = deployment.keyring.for_sealing(workspace_id, needs, versions=versions) if needs else {}
    before = {(row.fragment_id, row.trait): row for row in events.assertions_by(transaction, workspace_id, ids, SOURCE)}
    rows = []
    for (fragment_id, purpose), state in sorted(states.items(), key=lambda entry: entry[0]):
        own = [trait.trait for trait in traits if trait.purpose == purpose]
        stands = before.get((fragment_id, PREFIX + purpose))
        made = _sealed(deployment, workspace_id, fragment_id, purpose, state, own, stands, bundles[fragment_id])
        if made is not None:
            rows.append(made)
    events.assert_traits(transaction, rows)


def _allowed(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    page: Sequence[Fragment],
    purposes: Collection[str],
) -> set[tuple[FragmentId, str]]:
    """The fragments and purposes of people who allow it now, where nothing is locked."""
    here = {fragment.fragment_id for fragment in page}
    whole = identities.fragments_of_profiles(transaction, workspace_id, {fragment.profile_id for fragment in page})
    states = consents.states(transaction, workspace_id, [fragment.fragment_id for fragment in whole])
    refused = refused_by_profile(deployment, whole, states)
    locked = {(row.fragment_id, row.compartment) for row in retention.locks(transaction, workspace_id, here)}
    known = deployment.policies.purposes.purposes.keys() & set(purposes)
    return {
        (fragment.fragment_id, purpose)
        for fragment in whole
        for purpose in known - refused[fragment.profile_id].keys()
        if fragment.fragment_id in here and (fragment.fragment_id, compartment_of({purpose})) not in locked
    }


def _counted(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    traits: Sequence[ComputedTrait],
    page: Sequence[Fragment],
    allowed: Collection[tuple[FragmentId, str]],
) -> dict[tuple[FragmentId, str], State]:
    """What the events of these fragments add up to, from nothing."""
    states: dict[tuple[FragmentId, str], State] = defaultdict(dict)
    plan_events = {trait.event for trait in traits}
    versions = {fragment.fragment_id: fragment.state_version for fragment in page}
    grant = OpenGrant(workspace_id, None, "computed traits")
    for row in events.of_plan_events(transaction, workspace_id, [one.fragment_id for one in page], plan_events):
        bundles = deployment.keyring.for_opening(grant, needs_of(grant, [row]), versions=versions)
        for purpose in sorted({trait.purpose for trait in traits if trait.event == row.plan_event}):
            if (row.fragment_id, purpose) not in allowed:
                continue
            event = _occurrence(deployment, workspace_id, row, purpose, bundles)
            own = [trait for trait in traits if trait.event == row.plan_event and trait.purpose == purpose]
            if event is not None:
                state = states[(row.fragment_id, purpose)]
                for trait in own:
                    fold(state, trait, event, keep_days=keep_days(deployment, purpose))
    return states


def _occurrence(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    row: StoredEvent,
    purpose: str,
    bundles: Mapping[FragmentId, Bundle],
) -> Occurrence | None:
    """An event as the purpose sees it; None where nothing of it was sealed for the purpose, or it is kept no longer."""
    names = [Compartment(name) for name in row.compartments.split(",") if name and not name.startswith("@")]
    serving = frozenset(name for name in names if purpose in purposes_of(name))
    if not serving or row.received_at < deployment.clock() - keep_days(deployment, purpose) * DAY:
        return None
    content, _ = open_event(OpenGrant(workspace_id, serving, "computed traits"), row, bundles)
    if not content:
        return None
    return Occurrence(str(content.get("messageId", row.event_id.hex())), row.observed_at, content.get("properties", {}))


def _sealed(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    fragment_id: FragmentId,
    purpose: str,
    state: State,
    traits: Collection[str],
    stands: StoredAssertion | None,
    bundle: Bundle,
) -> StoredAssertion | None:
    """The kept row with these traits counted anew, and the others as they stand; None where it is damaged."""
    compartment, column = compartment_of({purpose}), PREFIX + purpose
    key = bundle.key(compartment)
    aad = record_aad(b"trait", workspace_id, fragment_id, column.encode(), SOURCE)
    whole: State = {}
    if stands is not None:
        grant = OpenGrant(workspace_id, frozenset({compartment}), "computed traits")
        try:
            whole = orjson.loads(open_sealed(key, stands.sealed, aad, grant, compartment))["value"]
        except SealBroken:
            return None
    whole = {name: entry for name, entry in whole.items() if name not in traits} | state
    sealed = seal(key, orjson.dumps({"value": whole, "messageId": "counted back"}), aad)
    now = deployment.clock()
    rank = deployment.policies.trust.rank("computed", Method.OBSERVED)
    return StoredAssertion(
        workspace_id, fragment_id, column, SOURCE, compartment, now, now, Method.OBSERVED.value, rank, sealed
    )
