"""What a person decided by a request, written into the consent ledger: objection, withdrawal, restriction, opt-out.

Written once, on every fragment of theirs, at the time at which they asked. Put back from an older copy, the ledger may
lack it: it is written again (`record_again`) by what the request's row says, since its key is gone.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import orjson

from registry.consent.records import WHOLE_PERSON, ConsentStatus
from registry.dsr.requests import Kind
from registry.flows.consent.ledger import Act, append_each
from registry.flows.deployment import Deployment
from registry.flows.dsr import reference
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.compartment import OUTSIDE
from registry.model.errors import Forbidden, Forgotten, RequestDamaged
from registry.model.ids import FragmentId, RecordId
from registry.model.stored import StoredRequest
from registry.store import consents, identities, requests
from registry.store.database import Transaction

STATUSES = {
    Kind.WITHDRAWAL: ConsentStatus.WITHDRAWN,
    Kind.OBJECTION: ConsentStatus.OBJECTED,
    Kind.OPT_OUT: ConsentStatus.OBJECTED,
    Kind.LIMIT: ConsentStatus.OBJECTED,
    Kind.RESTRICTION: ConsentStatus.RESTRICTED,
}
"""The status that each kind of request leaves in the ledger."""


def record(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, *, actor: str) -> None:
    """Write what the person decided, once, on every fragment of theirs; said in the keystore first, since the request
    may wait, for systems outside or for what stopped it here: no older copy takes that back.
    """
    with suppress(Forgotten, RequestDamaged):  # what cannot be read gets no new key
        reference.people_of(deployment, request)
        deployment.keyring.for_sealing(workspace.workspace_id, {FragmentId(request.request_id): (OUTSIDE,)})
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)
        found = set(requests.scope(transaction, workspace.workspace_id, request.request_id))
        if Kind(request.kind) is not Kind.RESTRICTION:  # of nobody there is nothing to restrict
            found |= _made_known(deployment, workspace, transaction, request)
            requests.set_scope(transaction, workspace.workspace_id, request.request_id, sorted(found))
        _write(deployment, workspace, transaction, request, found, actor)


def record_again(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    *,
    erased: Collection[FragmentId],
    actor: str,
) -> bool:
    """Write what was decided by a request that had been begun, also if nobody can open it any more; False where nobody
    is known by what it named.

    Args:
        erased: fragments that are to be erased, so that nothing more is written of them.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)
        named = reference.fragments_as_named(transaction, request)
        found = {row.fragment_id for row in named}.difference(erased)
        _write(deployment, workspace, transaction, request, found, actor)
    return bool(named)


def _write(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    request: StoredRequest,
    found: Collection[FragmentId],
    actor: str,
) -> None:
    kind = Kind(request.kind)
    purposes = [WHOLE_PERSON] if kind is Kind.RESTRICTION else orjson.loads(request.progress)["purposes"]
    acts = [
        Act(purpose=purpose, status=STATUSES[kind], acted_at=request.received_at, channel="dsr") for purpose in purposes
    ]
    fragments = identities.fragments(transaction, workspace.workspace_id, found)
    history = consents.history(transaction, workspace.workspace_id, fragments)
    written = {(row.fragment_id, row.purpose, row.status, row.acted_at, row.channel) for row in history}
    named = {row.record_id for row in history}  # a clock that was set back moves the time of what is recorded
    new = [
        (fragment, replace(act, record_id=record_id))
        for fragment_id, fragment in sorted(fragments.items())
        for act in acts
        if (fragment_id, act.purpose, act.status, act.acted_at, act.channel) not in written
        and (record_id := _record_id(workspace, request, fragment_id, act.purpose)) not in named
    ]
    append_each(deployment, workspace, transaction, new, actor=actor)


def _made_known(
    deployment: Deployment, workspace: OpenWorkspace, transaction: Transaction, request: StoredRequest
) -> set[FragmentId]:
    """The fragments of what a request names, made where nobody is known by it yet: a no is remembered, whatever of them
    comes later.
    """
    made: set[FragmentId] = set()
    for person in reference.people_of(deployment, request):
        with suppress(Forbidden):  # who was erased is not taken in again
            made.add(subjects.find_or_create(deployment, workspace, transaction, person).fragment_id)
    return made


def _record_id(workspace: OpenWorkspace, request: StoredRequest, fragment_id: FragmentId, purpose: str) -> RecordId:
    """The id of the record that a request leaves of one purpose on one fragment."""
    text = f"{request.request_id.hex()} {fragment_id.hex()} {purpose}"
    return RecordId(workspace.indexer.lasting("@dsr", text))
