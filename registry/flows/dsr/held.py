"""Legal holds in systems outside: which stand on a request's person, and how what they keep there is found again.

1. on       the holds that stand now: on any identifier that the person is known by anywhere, and on whoever an earlier
            erasure was about, of whom nothing but keyed pseudonyms is left
2. note     a case for each, with the identifiers sealed in it, before any system is touched
3. settle   which systems keep something; a case that keeps nothing anywhere ends, once its hold does

`flows.dsr.resuming` erases there once a case ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import orjson

from registry.dsr.accounting import FieldAccount, left_out
from registry.dsr.held import Held
from registry.dsr.requests import HELD_OUTSIDE
from registry.flows.deployment import Deployment
from registry.flows.dsr.reference import indexes_of
from registry.flows.workspace import OpenWorkspace
from registry.identity.belonging import SHARED
from registry.identity.normalise import Blocked, normalise
from registry.keys.envelope import DataKey, open_sealed, record_aad, seal
from registry.model.compartment import Compartment, compartment_of
from registry.model.errors import InvalidInput, KeyMissing
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import BlindIndex, FragmentId
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_holding import LegalHold, RetainedCase, RetainedItem
from registry.store import holdings, requests
from registry.store.database import Transaction

NOTED = HELD_OUTSIDE


def as_held(hold: LegalHold) -> Held:
    """A hold as systems are told of it."""
    return Held(hold.ground, tuple(filter(None, hold.categories.split(","))))


def on(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, people: Sequence[Identifier]
) -> list[LegalHold]:
    """1. on. The holds that stand now on a request's person.

    Args:
        people: with all that systems outside know them by, and what those say that they share with others.
    """
    workspace_id, now = workspace.workspace_id, deployment.clock()
    # what several people share names nobody, and is of no earlier request's person; a hold on it stands all the same
    borne = normalised(deployment, (Identifier(one.kind.removeprefix(SHARED), one.value) for one in people))
    indexes = {BlindIndex(index) for one in borne for index in workspace.indexer.every(one.kind, one.value)}
    with deployment.data.read(workspace_id) as transaction:
        standing = {one.hold_id: one for one in holdings.holds(transaction, workspace_id) if not one.ends_by(now)}
        if not standing:
            return []
        if "subjects" in orjson.loads(request.progress):  # which an ended request has no longer
            indexes.update(indexes_of(deployment, workspace, request))
        found = {one.hold_id for one in holdings.holds_on(transaction, workspace_id, sorted(indexes))}
        own = holdings.cases(transaction, workspace_id, request.request_id)
        found |= {case.hold_id for case in own if case.hold_id is not None}
        found |= _of_earlier(transaction, workspace, request, list(normalised(deployment, people)))
    return [one for hold_id, one in sorted(standing.items()) if hold_id in found]


def note(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    holds: Sequence[LegalHold],
    people: Sequence[Identifier],
    *,
    systems: Sequence[str] = (),
) -> StoredRequest:
    """2. note. The request with keyed pseudonyms of its person, as an erasure has them under these holds.

    Done again, it seals what is known of the person by then.

    Args:
        systems: those that are known to keep something.
    """
    if not holds:
        return request
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.write(workspace_id) as transaction:
        before = {case.hold_id: case for case in holdings.cases(transaction, workspace_id, request.request_id)}
        new = [_case(deployment, request, hold, now) for hold in holds if hold.hold_id not in before]
        holdings.add_cases(transaction, new)
    for case in [*(before[hold.hold_id] for hold in holds if hold.hold_id in before), *new]:
        item = sealed(deployment, workspace, case, people)
        with deployment.data.write(workspace_id) as transaction:
            holdings.put_item(transaction, item)
    keys = sorted({workspace.suppression.key(*one).hex() for one in normalised(deployment, people)})
    progress: dict[str, Any] = orjson.loads(request.progress)
    progress[NOTED] = {"keys": keys, "systems": [*systems]}
    return request._replace(progress=orjson.dumps(progress).decode())


def settle(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    accounts: Sequence[FieldAccount],
    *,
    only: Collection[bytes] | None = None,
    ends: FragmentId | None = None,
) -> tuple[StoredRequest, list[RetainedCase]]:
    """3. settle. The request with the systems that keep something, and its cases as they are then.

    Args:
        only: the holds whose cases are settled; all of them if absent.
        ends: the case that the accounts bring to its end. What it was decided to end without, every other case that
            keeps something outside still may keep there.
    """
    workspace_id, now = workspace.workspace_id, deployment.clock()
    progress: dict[str, Any] = orjson.loads(request.progress)
    settled, empty, systems, stands = [], list[FragmentId](), set[str](), False
    unknown = left_out(accounts) if ends is not None else set[str]()
    with deployment.data.write(workspace_id) as transaction:
        for case in holdings.cases(transaction, workspace_id, request.request_id):
            if case.hold_id is None or case.ended_at is not None:
                settled.append(case)
                empty += [case.case_id] if case.hold_id is not None and not case.items else []
                continue
            keeping = {one.system for one in accounts if Held(case.ground, ()).keeps(one)}
            item_id = _item_id(workspace, case)
            if unknown and case.case_id != ends and holdings.items(transaction, workspace_id, case.case_id, [item_id]):
                keeping |= unknown
            if only is not None and case.hold_id not in only:  # over, and its own turn to end is yet to come
                settled.append(case)
                systems |= keeping
                continue
            if not keeping:
                holdings.drop_item(transaction, workspace_id, case.case_id, item_id)
            items = holdings.count_items(transaction, workspace_id, case.case_id)
            hold = holdings.hold(transaction, workspace_id, case.hold_id)
            # Nothing else says by now whom the hold is about: a later request is to find it all the same.
            is_awaited = bool(deployment.linked) and hold is not None and not hold.ends_by(now)
            done = case._replace(items=items, ended_at=None if items or is_awaited else now)
            stands = stands or is_awaited
            holdings.write_case(transaction, done)
            settled.append(done)
            empty += [] if items else [case.case_id]
            systems |= keeping
    if empty:  # a copy of the data from just before has whom it was about
        deployment.keyring.sweep(ShredGrant(workspace_id, request.request_id, "retained: nothing is kept"), empty)
        deployment.keyring.checkpoint()
    if NOTED in progress:
        progress[NOTED]["systems"] = sorted(systems)
        progress = progress if systems or stands else {name: told for name, told in progress.items() if name != NOTED}
    return request._replace(progress=orjson.dumps(progress).decode()), settled


def people_in(deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase) -> list[Identifier]:
    """Whom a case keeps something of outside: opened to find it there; none where it keeps nothing outside."""
    workspace_id, item_id = workspace.workspace_id, _item_id(workspace, case)
    with deployment.data.read(workspace_id) as transaction:
        found = holdings.items(transaction, workspace_id, case.case_id, [item_id])
    if not found:
        return []
    compartment = compartment_of([case.purpose])
    grant = OpenGrant(workspace_id, frozenset({compartment}), f"retained:{case.purpose}")
    key = case_key(deployment, grant, case, compartment)
    told = open_item(found[0], key, grant, compartment)
    return [Identifier(kind, value) for kind, value in told["people"]]


def case_key(deployment: Deployment, grant: OpenGrant, case: RetainedCase, compartment: Compartment) -> DataKey:
    """The key of what is kept in a case.

    Raises:
        KeyMissing: it is not in this keystore.
        KmsUnavailable, StoreUnavailable: it cannot be opened now.
    """
    holder = FragmentId(case.case_id)
    bundle = deployment.keyring.for_opening(grant, {holder: (compartment,)}).get(holder)
    if bundle is None:
        raise KeyMissing("the key of what is kept is gone", hint="put back the keystore that belongs to this data")
    return bundle.key(compartment)


def open_item(item: RetainedItem, key: DataKey, grant: OpenGrant, compartment: Compartment) -> dict[str, Any]:
    """One thing that is kept, in plaintext.

    Raises:
        SealBroken: it, or its key, is damaged.
    """
    aad = _aad(item.workspace_id, item.case_id, item.item_id)
    told: dict[str, Any] = orjson.loads(open_sealed(key, item.sealed, aad, grant, compartment))
    return told


def _of_earlier(
    transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest, people: Sequence[Identifier]
) -> set[bytes]:
    """The holds whose cases earlier erasures of the same person left."""
    keys = {workspace.suppression.key(*one).hex() for one in people}
    keys |= {key for _, key in orjson.loads(request.progress).get("subjects", ())}
    found = set()
    for case in holdings.held_cases(transaction, workspace.workspace_id):
        earlier = requests.get(transaction, workspace.workspace_id, case.request_id)
        if earlier is None or case.hold_id is None:
            continue
        noted = orjson.loads(earlier.progress).get(NOTED, {}).get("keys", ())
        if keys.intersection([earlier.pseudonym, *noted]):
            found.add(case.hold_id)
    return found


def normalised(deployment: Deployment, people: Iterable[Identifier]) -> Iterator[Identifier]:
    """Identifiers as people are known by them here: a system outside may write them otherwise; no keys of records.

    What is marked as shared is of no kind that the policy knows, and is left out.
    """
    for one in people:
        try:
            found = normalise(one.kind, one.value, deployment.policies.identity)
        except InvalidInput:  # a kind that the policy does not know
            continue
        if not isinstance(found, Blocked):
            yield found


def _case(deployment: Deployment, request: StoredRequest, hold: LegalHold, now: int) -> RetainedCase:
    case_id = FragmentId(deployment.new_id())
    return RetainedCase(
        request.workspace_id, case_id, request.request_id, hold.hold_id, None, hold.ground, hold.purpose,
        hold.categories, now,
    )  # fmt: skip


def sealed(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, people: Sequence[Identifier]
) -> RetainedItem:
    """Whom a case keeps something of outside, as `people_in` finds it."""
    compartment, item_id = compartment_of([case.purpose]), _item_id(workspace, case)
    keyring = deployment.keyring
    key = keyring.for_sealing(case.workspace_id, {case.case_id: (compartment,)})[case.case_id].key(compartment)
    told = {"what": "outside", "people": sorted({(one.kind, one.value) for one in people})}
    value = seal(key, orjson.dumps(told), _aad(case.workspace_id, case.case_id, item_id))
    return RetainedItem(case.workspace_id, case.case_id, item_id, None, value)


def _item_id(workspace: OpenWorkspace, case: RetainedCase) -> bytes:
    return workspace.indexer.lasting("retained", f"{case.case_id.hex()}:outside")


def _aad(workspace_id: bytes, case_id: bytes, item_id: bytes) -> bytes:
    return record_aad(b"retained", workspace_id, case_id, item_id, b"item")
