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

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from registry.dsr.census import accounts
from registry.dsr.certificate import Destroyed
from registry.dsr.declarations import DECLARED
from registry.dsr.notices import To
from registry.dsr.requests import Kind
from registry.flows.accountability import certifying
from registry.flows.acts import trail
from registry.flows.consent import changes
from registry.flows.consent.locking import relock
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts, done_outside, going_without, held, linked, passing_on, retaining
from registry.flows.dsr.certified import require_accounted
from registry.flows.dsr.history import restored_at, up_to_date
from registry.flows.dsr.proofs import verified_by
from registry.flows.dsr.reference import agent_of, answered_before, fragments_now, indexes_of, people_of, seal_people
from registry.flows.identity import subjects
from registry.flows.identity.joining import repartition
from registry.flows.opening import open_identifiers
from registry.flows.workspace import OpenWorkspace
from registry.model.compartment import IDENTITY
from registry.model.decision import Reason
from registry.model.errors import Conflict, SealBroken
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RequestId, WorkspaceId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest, Suppression
from registry.model.stored_holding import RetainedCase
from registry.store import erasure as rows
from registry.store import identities, keystore, quarantine, requests, second_look
from registry.store.database import Transaction

LEFT = (
    "what came at this moment goes with the next try; a table that Registry does not know is emptied of the person by "
    "whoever added it"
)
"""What an officer can do about rows that the second look goes on finding."""

UNREADABLE = (
    "run registry doctor, and restore the keystore or the damaged rows; then run the request again. Where no backup "
    "has them, decide to erase them unread: registry dsr override --system registry"
)

SCOPED = "scoped"
"""The member of an erasure's progress that says that its scope is noted: it is about nobody else from then on."""


def erase(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, *, actor: str) -> StoredRequest:
    """Erase everybody in the request's scope; the request with its certificate.

    Raises:
        Conflict: the second look still finds something; the request stays open.
        StoreUnavailable, KmsUnavailable: run it again.
    """
    # 1. scope, 2. suppress
    request = _scope_and_suppress(deployment, workspace, request)
    progress: dict[str, Any] = orjson.loads(request.progress)
    scope = _Scope.of(progress)
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
    if _second_look(deployment, workspace, _Scope.of(progress)):  # as a hold that was placed since: it names the person
        request = _delete(deployment, workspace, request, _Scope.of(progress), actor)
        request, progress = _settled(deployment, workspace, request)
    if left := _second_look(deployment, workspace, _Scope.of(progress)):
        places = ", ".join(f"{table} ({rows})" for table, rows in sorted(left.items()))
        raise Conflict(
            f"the second look still finds rows of this person: {places}", hint=LEFT, extra={"remaining": left}
        )
    # 8. certify
    return _certify(deployment, workspace, request, progress, actor)


BEGUN = "begun"
"""The reason of a line of the ledger that says of no identifier that it was erased, but that its request was begun."""


class _Scope(NamedTuple):
    """Whom an erasure is about, as noted in its progress: everything that names them, from before the first step."""

    fragments: list[FragmentId]
    indexes: list[BlindIndex]
    quarantined: list[FragmentId]
    answered: list[RequestId]
    profiles: list[ProfileId]

    @classmethod
    def of(cls, progress: dict[str, Any]) -> _Scope:
        """The scope that is noted."""
        noted = {name: [bytes.fromhex(text) for text in progress.get(name, ())] for name in cls._fields}
        return cls(**noted)  # type: ignore[arg-type]

    @property
    def holders(self) -> list[FragmentId]:
        """Everything that has a key bundle of the person's."""
        return [*self.fragments, *self.quarantined, *map(FragmentId, self.answered)]


def _scope_and_suppress(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> StoredRequest:
    workspace_id = workspace.workspace_id
    progress: dict[str, Any] = orjson.loads(request.progress)
    if progress.get(SCOPED):
        return request
    mailboxes = contacts.addresses(deployment, workspace, request, To.PERSON)
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction, exclusive=True)
        ids = fragments_now(deployment, transaction, workspace, request)
        fragments = identities.fragments(transaction, workspace_id, ids)
        profiles = {fragment.profile_id for fragment in fragments.values()}
        past = {request.profile_id} if request.profile_id is not None else set()
        if identities.fragments_of_profiles(transaction, workspace_id, past):  # or somebody else's by now
            past = set()
        grant = OpenGrant(workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
        stored = identities.identifiers_of(transaction, workspace_id, ids)
        opened, closed = open_identifiers(deployment, grant, stored)
        if closed[Reason.DAMAGED]:  # what cannot be read cannot be suppressed, and would bring the person back
            if going_without.UNREAD not in progress:
                raise SealBroken("an identifier of the person does not open", hint=UNREADABLE)
            progress[going_without.UNREAD]["rows"] = closed[Reason.DAMAGED]
        # Nobody may be known by what was named, or by some of it: they do not want to become known by that either.
        keys = {bytes.fromhex(key) for _, key in progress["subjects"]}
        keys.update(workspace.suppression.key(identifier.kind, identifier.value) for _, identifier in opened)
        suppressions = _suppress(deployment, transaction, request, sorted(keys))
        # Whoever only ever sent what was rejected has no fragment: quarantine knows them by the index asked for.
        asked = indexes_of(deployment, workspace, request)
        # Under every version of its key: what an old one still stands under goes, too.
        every = {index for _, known in opened for index in workspace.indexer.every(known.kind, known.value)}
        indexes = sorted(every.union(asked, (row.blind_index for row in stored)))
        shut = quarantine.about(transaction, workspace_id, indexes)
        answered = answered_before(deployment, transaction, workspace, request, ids, keys)
        with deployment.keystore.read(workspace_id) as ledger:
            bundles = len(keystore.bundles(ledger, workspace_id, [*ids, *shut, *map(FragmentId, answered)]))
        people = [identifier for _, identifier in opened]
        told = passing_on.pass_on(
            deployment, transaction, workspace_id, request.request_id, fragments=ids, profiles=profiles, people=people
        )
        ids_kept = requests.kept_of(transaction, workspace_id, request.request_id, ids)
        progress |= {
            SCOPED: True,
            "kept": ids_kept
            | {
                "suppression": suppressions,
                "erased_identifier": suppressions,
                "destination_erasure": told,
                "erasure": len(ids) + len(shut) + len(answered),
            },
            "fragments": [fragment.hex() for fragment in ids],
            "indexes": [index.hex() for index in indexes],
            "quarantined": [item.hex() for item in shut],
            "answered": [item.hex() for item in answered],
            "profiles": [profile.hex() for profile in sorted(profiles | past)],
            "keys": bundles,
        }
        requests.set_scope(transaction, workspace_id, request.request_id, ids)
        identities.bump(transaction, workspace_id, ids)  # what was judged to be sent on is judged again
        request = _kept_for_later(deployment, request, people, mailboxes)
        return _write_progress(transaction, request, progress)


def _suppress(deployment: Deployment, transaction: Transaction, request: StoredRequest, keys: Sequence[bytes]) -> int:
    """Remember the keyed hashes of everybody's identifiers, in the ledger first; how many there are.

    What an earlier erasure had remembered stays as it is: that this one was begun, too, is remembered beside it.
    """
    now = deployment.clock()
    begun = Suppression(request.workspace_id, request.request_id * 2, BEGUN, request.request_id, now)
    memory = [Suppression(request.workspace_id, key, "erased", request.request_id, now) for key in keys]
    with deployment.keystore.write(request.workspace_id) as ledger:
        keystore.remember_suppressions(ledger, [*memory, begun])
    quarantine.suppress(transaction, memory)
    return len(memory)


def _kept_for_later(
    deployment: Deployment, request: StoredRequest, people: Sequence[Identifier], mailboxes: Sequence[str]
) -> StoredRequest:
    """The request with what is known of its person only until their own keys are gone: where to write to them, and
    by whom the systems outside are asked.
    """
    everybody = [*people_of(deployment, request), *(people if deployment.linked else ())]
    agent = agent_of(deployment, request)
    sealed = seal_people(deployment, request.workspace_id, request.request_id, everybody, agent, mailboxes=mailboxes)
    return request._replace(sealed=sealed)


def _set_aside_and_shred(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, scope: _Scope, actor: str
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
    deployment: Deployment, request: StoredRequest, progress: dict[str, Any], scope: _Scope
) -> StoredRequest:
    """Note how much there is of everything, then delete the events; nothing of theirs opens any more."""
    workspace_id = request.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        _note_counts(transaction, workspace_id, progress, scope)
        rows.erase_violations(transaction, workspace_id, scope.fragments)
        request = _write_progress(transaction, request, progress)
    for fragment in scope.fragments:
        more = True
        while more:
            with deployment.data.write(workspace_id) as transaction:
                more = rows.erase_events(transaction, workspace_id, fragment)
    return request


def _delete(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, scope: _Scope, actor: str
) -> StoredRequest:
    """Delete what is left, and note in the same transaction how much there was: done again, it finds nothing more."""
    workspace_id = workspace.workspace_id
    progress: dict[str, Any] = orjson.loads(request.progress)
    with deployment.data.write(workspace_id) as transaction:
        identities.lock(transaction, workspace_id)
        # Between the scope and now the blind-index key may have been rotated.
        moved = {row.blind_index for row in identities.identifiers_of(transaction, workspace_id, scope.fragments)}
        erased = moved.union(scope.indexes)
        scope = scope._replace(indexes=sorted(erased))
        progress["indexes"] = [index.hex() for index in scope.indexes]
        retaining.note_cases(deployment, transaction, request, (), scope.indexes)  # holds since, or they are forgotten
        links = identities.links_touching(transaction, workspace_id, erased)
        counts = _note_counts(transaction, workspace_id, progress, scope)
        rows.erase_rows(transaction, workspace_id, scope.fragments, scope.indexes)
        quarantine.erase(transaction, workspace_id, scope.quarantined)
        requests.unseal(transaction, workspace_id, scope.answered)
        for profile_id in scope.profiles:
            rows.forget_profile(transaction, workspace_id, profile_id)
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
        return _write_progress(transaction, request, progress)


def _note_counts(
    transaction: Transaction, workspace_id: WorkspaceId, progress: dict[str, Any], scope: _Scope
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


def _second_look(deployment: Deployment, workspace: OpenWorkspace, scope: _Scope) -> dict[str, int]:
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
    accounted = [*accounts(DECLARED, rows_of, Kind(request.kind)), *going_without.unread(progress), *outside]
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
        return _write_progress(transaction, request._replace(certificate=token, profile_id=None), progress)


def _write_progress(transaction: Transaction, request: StoredRequest, progress: dict[str, Any]) -> StoredRequest:
    noted = request._replace(progress=orjson.dumps(progress).decode())
    if not requests.move(transaction, noted, was=request.state):
        raise Conflict("somebody else moved the request at this moment", hint="look at it again")
    return noted
