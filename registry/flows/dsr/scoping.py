"""Whom an erasure is about: fixed, and remembered, before anything of it is destroyed.

1. scope       the fragments, identifiers and quarantined messages of whoever was asked for, noted in the request; from
               here on it is about nobody else
2. suppress    keyed memory of every identifier, in the erasure ledger first: nobody re-creates the person

In the same transaction whoever has data of the person is put down to be told, and what is known of them only until
their own keys are gone is sealed into the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from registry.dsr.notices import To
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts, going_without, passing_on
from registry.flows.dsr.history import write
from registry.flows.dsr.reference import agent_of, answered_before, fragments_now, indexes_of, people_of, seal_people
from registry.flows.identity import subjects
from registry.flows.opening import open_identifiers
from registry.flows.workspace import OpenWorkspace
from registry.model.compartment import IDENTITY
from registry.model.decision import Reason
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RequestId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredIdentifier, StoredRequest, Suppression
from registry.store import identities, keystore, quarantine, requests
from registry.store.database import Transaction

SCOPED = "scoped"
"""The member of an erasure's progress that says that its scope is noted."""
BEGUN = "begun"
"""The reason of a line of the ledger that says of no identifier that it was erased, but that its request was begun."""

UNREADABLE = (
    "run registry doctor, and restore the keystore or the damaged rows; then run the request again. Where no backup "
    "has them, decide to erase them unread: registry dsr override --system registry"
)


class Scope(NamedTuple):
    """Whom an erasure is about, as noted in its progress: everything that names them, from before the first step."""

    fragments: list[FragmentId]
    indexes: list[BlindIndex]
    quarantined: list[FragmentId]
    answered: list[RequestId]
    profiles: list[ProfileId]

    @classmethod
    def of(cls, progress: dict[str, Any]) -> Scope:
        """The scope that is noted."""
        told = {name: [bytes.fromhex(text) for text in progress.get(name, ())] for name in cls._fields}
        return cls(**told)  # type: ignore[arg-type]

    @property
    def holders(self) -> list[FragmentId]:
        """Everything that has a key bundle of the person's."""
        return [*self.fragments, *self.quarantined, *map(FragmentId, self.answered)]


def scope_and_suppress(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> StoredRequest:
    """The request with its scope; one that has it stays as it is.

    Raises:
        SealBroken: an identifier of the person does not open, so that it could not be remembered.
        KmsUnavailable, StoreUnavailable: nothing was noted; do it again.
    """
    workspace_id = workspace.workspace_id
    progress: dict[str, Any] = orjson.loads(request.progress)
    if progress.get(SCOPED):
        return request
    mailboxes = contacts.addresses(deployment, workspace, request, To.PERSON)
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction, exclusive=True)
        requests.hold(transaction, workspace_id, request.request_id)
        ids = fragments_now(deployment, transaction, workspace, request)
        fragments = identities.fragments(transaction, workspace_id, ids)
        profiles = {fragment.profile_id for fragment in fragments.values()}
        past = {request.profile_id} if request.profile_id is not None else set()
        if identities.fragments_of_profiles(transaction, workspace_id, past):  # or somebody else's by now
            past = set()
        stored = identities.identifiers_of(transaction, workspace_id, ids)
        people = _opened(deployment, request, stored, progress)
        # Nobody may be known by what was named, or by some of it: they do not want to become known by that either.
        keys = {bytes.fromhex(key) for _, key in progress["subjects"]}
        keys.update(workspace.suppression.key(one.kind, one.value) for one in people)
        suppressions = _suppress(deployment, transaction, request, sorted(keys))
        # Whoever only ever sent what was rejected has no fragment: quarantine knows them by the index asked for.
        asked = indexes_of(deployment, workspace, request)
        # Under every version of its key: what an old one still stands under goes, too.
        every = {index for known in people for index in workspace.indexer.every(known.kind, known.value)}
        indexes = sorted(every.union(asked, (row.blind_index for row in stored)))
        shut = quarantine.about(transaction, workspace_id, indexes)
        answered = answered_before(deployment, transaction, workspace, request, ids, keys)
        with deployment.keystore.read(workspace_id) as ledger:
            bundles = len(keystore.bundles(ledger, workspace_id, [*ids, *shut, *map(FragmentId, answered)]))
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
        return noted(transaction, request, progress)


def _opened(
    deployment: Deployment, request: StoredRequest, stored: Sequence[StoredIdentifier], progress: dict[str, Any]
) -> list[Identifier]:
    """The person's identifiers: all of them, as what cannot be read cannot be suppressed, and would bring them back;
    unless it was decided to go on without, and then how many do not open is noted.
    """
    grant = OpenGrant(request.workspace_id, frozenset({IDENTITY}), f"dsr:{text_id(request.request_id)}")
    opened, closed = open_identifiers(deployment, grant, stored)
    if closed[Reason.DAMAGED]:
        if going_without.UNREAD not in progress:
            raise SealBroken("an identifier of the person does not open", hint=UNREADABLE)
        progress[going_without.UNREAD]["rows"] = closed[Reason.DAMAGED]
    return [identifier for _, identifier in opened]


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


def noted(transaction: Transaction, request: StoredRequest, progress: dict[str, Any]) -> StoredRequest:
    """The request with this progress, written.

    Raises:
        Conflict: somebody else moved it at this moment.
    """
    done = request._replace(progress=orjson.dumps(progress).decode())
    write(transaction, done, was=request.state)
    return done
