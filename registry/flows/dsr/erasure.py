"""Erasure (GDPR Art. 17): unreadable first, then gone, then looked for again, then certified.

1. scope       the fragments, identifiers and quarantined messages, noted in the request
2. suppress    keyed memory of every identifier, so that nobody re-creates the person
3. set aside   what a legal hold or a statutory duty covers is sealed again, for that sole purpose
4. shred       the erasure ledger, then every key: from here on nothing of the person opens
5. delete      the events page by page, so that nobody's writing waits for long, and then every other row;
               SQLite's WAL is folded in so that old pages are overwritten
6. linked      every system outside erases and is looked through again; one that is down is waited for. What a hold
               covers stays there
7. verify      a second look for what should be gone, by other queries than those that deleted
8. certify     who has data of the person is told; a signed statement of what was done, with the audit log's root

Each step may be done again; after a crash the request is run again from the first.
The cost of steps 1 to 4 does not depend on how many events there are, unless a hold or duty covers them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from registry.dsr.census import accounts
from registry.dsr.certificate import Destroyed
from registry.dsr.declarations import DECLARED
from registry.dsr.requests import Kind
from registry.flows.accountability import certifying
from registry.flows.acts import trail
from registry.flows.consent import changes
from registry.flows.consent.locking import relock
from registry.flows.deployment import Deployment
from registry.flows.dsr import beside, done_outside, going_without, held, linked, passing_on, retaining
from registry.flows.dsr.certified import require_accounted
from registry.flows.dsr.history import restored_at, up_to_date
from registry.flows.dsr.proofs import verified_by
from registry.flows.dsr.scoping import Scope, noted, scope_and_suppress
from registry.flows.identity.joining import repartition
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict
from registry.model.grants import ShredGrant
from registry.model.ids import WorkspaceId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase
from registry.store import erasure as rows
from registry.store import identities, quarantine, requests, second_look
from registry.store.database import Transaction

LEFT = (
    "what came at this moment goes with the next try; a table that Registry does not know is emptied of the person by "
    "whoever added it"
)
"""What an officer can do about rows that the second look goes on finding."""


def erase(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, *, actor: str) -> StoredRequest:
    """Erase everybody in the request's scope; the request with its certificate.

    Raises:
        Conflict: the second look still finds something; the request stays open.
        StoreUnavailable, KmsUnavailable: run it again.
    """
    # 1. scope, 2. suppress
    request = scope_and_suppress(deployment, workspace, request)
    progress: dict[str, Any] = orjson.loads(request.progress)
    scope = Scope.of(progress)
    # 3. set aside, 4. shred
    cases, destroyed = _set_aside_and_shred(deployment, workspace, request, scope, actor)
    kept = sum(case.items for case in cases)
    progress["kept"] |= {"legal_hold": len(cases), "retained_case": len(cases), "retained_item": kept}
    progress["keys"] = max(destroyed, progress["keys"])
    # 5. delete
    request = _delete_events(deployment, request, progress, scope)
    request = _delete(deployment, workspace, request, scope, actor)
    deployment.data.checkpoint()
    # 6. the systems outside
    request = linked.act(deployment, workspace, request, actor=actor)
    request, progress = _settled(deployment, workspace, request)
    # 7. verify
    if _second_look(deployment, workspace, Scope.of(progress)):  # as a hold that was placed since: it names the person
        request = _delete(deployment, workspace, request, Scope.of(progress), actor)
        request, progress = _settled(deployment, workspace, request)
    if left := _second_look(deployment, workspace, Scope.of(progress)):
        places = ", ".join(f"{table} ({rows})" for table, rows in sorted(left.items()))
        raise Conflict(
            f"the second look still finds rows of this person: {places}", hint=LEFT, extra={"remaining": left}
        )
    # 8. certify
    return _certify(deployment, workspace, request, progress, actor)


def _set_aside_and_shred(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, scope: Scope, actor: str
) -> tuple[list[RetainedCase], int]:
    """Destroy the keys while no hold can be placed, once each has its case; the cases, and how many keys."""
    grant = ShredGrant(workspace.workspace_id, request.request_id, f"dsr:{text_id(request.request_id)}")
    whose = scope.fragments, scope.indexes
    while True:
        cases = retaining.set_aside(deployment, workspace, request, *whose, actor=actor)
        with deployment.data.write(workspace.workspace_id) as transaction:
            identities.lock(transaction, workspace.workspace_id)
            if len(retaining.note_cases(deployment, transaction, request, *whose)) == len(cases):
                destroyed = deployment.keyring.shred(grant, scope.holders, fold_in=False)
                break
    deployment.keyring.checkpoint()
    return cases, destroyed


def _delete_events(
    deployment: Deployment, request: StoredRequest, progress: dict[str, Any], scope: Scope
) -> StoredRequest:
    """Note how much there is of everything, then delete the events; nothing of theirs opens any more."""
    workspace_id = request.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        _note_counts(transaction, workspace_id, progress, scope)
        rows.erase_violations(transaction, workspace_id, scope.fragments)
        request = noted(transaction, request, progress)
    for fragment in scope.fragments:
        more = True
        while more:
            with deployment.data.write(workspace_id) as transaction:
                more = rows.erase_events(transaction, workspace_id, fragment)
    return request


def _delete(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, scope: Scope, actor: str
) -> StoredRequest:
    """Delete what is left, and note in the same transaction how much there was: done again, it finds nothing more."""
    workspace_id = workspace.workspace_id
    progress: dict[str, Any] = orjson.loads(request.progress)
    with deployment.data.write(workspace_id) as transaction:
        identities.lock(transaction, workspace_id)
        request = up_to_date(transaction, request)
        # Between the scope and now the blind-index key may have been rotated.
        moved = {row.blind_index for row in identities.identifiers_of(transaction, workspace_id, scope.fragments)}
        erased = moved.union(scope.indexes)
        scope = scope._replace(indexes=sorted(erased))
        progress["indexes"] = [index.hex() for index in scope.indexes]
        retaining.note_cases(deployment, transaction, request, (), scope.indexes)  # holds since, or they are forgotten
        links = identities.links_touching(transaction, workspace_id, erased)
        counts = _note_counts(transaction, workspace_id, progress, scope)
        requests.unseal(transaction, workspace_id, scope.answered)
        for profile_id in scope.profiles:  # requests before their scopes, as whoever begins one takes them
            rows.forget_profile(transaction, workspace_id, profile_id)
        rows.erase_rows(transaction, workspace_id, scope.fragments, scope.indexes)
        quarantine.erase(transaction, workspace_id, scope.quarantined)
        # What the erased claims had kept apart, or out of reach, is decided anew by those that are left.
        beside = {end for link in links for end in (link.low, link.high)} - erased
        rules, now = deployment.policies.identity, deployment.clock()
        joined = repartition(transaction, workspace_id, rules, beside, new_id=deployment.new_id, now=now)
        relock(deployment, workspace_id, transaction, joined.profiles)
        position = trail.append(
            transaction, workspace_id, deployment.clock(), actor=actor, action="dsr:rows:erased", outcome="done",
            fields={"request": text_id(request.request_id), "rows": sum(counts.values())},
        )  # fmt: skip
        changes.tell_erasure(transaction, workspace_id, position)
        return noted(transaction, request, progress)


def _note_counts(
    transaction: Transaction, workspace_id: WorkspaceId, progress: dict[str, Any], scope: Scope
) -> dict[str, int]:
    """How many rows each table has now, or had when it was counted first."""
    counts = rows.counted(transaction, workspace_id, scope.fragments, scope.indexes, scope.quarantined)
    noted = progress.get("counts", {})
    progress["counts"] = {table: max(count, noted.get(table, 0)) for table, count in counts.items()}
    return progress["counts"]  # type: ignore[no-any-return]


def _settled(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest
) -> tuple[StoredRequest, dict[str, Any]]:
    """The request, and its progress, with what holds keep once the systems outside are through."""
    request, cases = held.settle(deployment, workspace, request, done_outside.accounts(request))
    progress: dict[str, Any] = orjson.loads(request.progress)
    kept = sum(case.items for case in cases)
    progress["kept"] |= {"legal_hold": len(cases), "retained_case": len(cases), "retained_item": kept}
    return request, progress


def _second_look(deployment: Deployment, workspace: OpenWorkspace, scope: Scope) -> dict[str, int]:
    ids: list[bytes] = [*scope.fragments, *scope.indexes, *scope.quarantined]
    with deployment.data.read(workspace.workspace_id) as transaction:
        left = second_look.remaining(transaction, workspace.workspace_id, ids)
    with deployment.keystore.read(workspace.workspace_id) as transaction:
        return left | second_look.remaining(transaction, workspace.workspace_id, [*ids, *scope.answered])


def _certify(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, progress: dict[str, Any], actor: str
) -> StoredRequest:
    workspace_id = workspace.workspace_id
    rows_of: dict[str, int] = progress["counts"] | progress["kept"] | {"key_bundle": progress["keys"]}
    outside = done_outside.accounts(request)
    accounted = [*accounts(DECLARED, rows_of, Kind(request.kind)), *going_without.unread(progress)]
    accounted += [*beside.accounts(progress, Scope.of(progress).fragments), *outside]
    require_accounted(accounted)
    passing_on.tell_at_once(deployment, workspace, request.request_id)
    acknowledged = passing_on.certified(deployment, workspace_id, request.request_id)
    with deployment.data.write(workspace_id) as transaction:
        request = up_to_date(transaction, request)
        outcome = replace(
            certifying.outcome_of(deployment, request, accounted, deployment.clock()),
            destroyed=Destroyed(
                progress["keys"],
                deployment.keyring.generation(workspace_id),
                0,
                done_outside.by_place(request),
                restored_at(transaction, request) if outside else None,
            ),
            retained=retaining.stated(transaction, workspace_id, request.request_id),
            told=acknowledged,
            requester=verified_by(transaction, request),
        )
        token = certifying.issue(
            deployment, workspace, transaction, outcome, actor=actor, fields={"request": text_id(request.request_id)}
        )
        return noted(transaction, request._replace(certificate=token, profile_id=None), progress)
