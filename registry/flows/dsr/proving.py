"""Whether whoever asks is the person, or may act for them: what was proved, and whether it suffices for the request.

1. ask       a code and a link are sent to the person; nothing that comes back says whether there was an address
2. try       a code, a link, a login, an officer's check; wrong ones are counted, and lock it for a while
3. take      what it proves is counted (`proofs`): verified once nothing is missing for the kind of request

A mailbox that the request names counts as verified only where it stands on file so. An unknown person's does not, any
more than a known person's that nobody verified: both wait for an officer, and neither answer says which it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.access.policy import PrincipalKind
from registry.dsr.agents import Reason
from registry.dsr.notices import Notice, To
from registry.dsr.requests import Kind, State
from registry.dsr.verification import Address, Means, Proof, Seen
from registry.flows.access import visits
from registry.flows.deployment import Deployment
from registry.flows.dsr import enclosed, letters, reference
from registry.flows.dsr.history import add_to_history, require, taken
from registry.flows.dsr.moves import refused
from registry.flows.dsr.proofs import begin_try, count_try, require_unproved, standing_of, take
from registry.flows.identity import subjects
from registry.flows.identity.login import logged_in
from registry.flows.workspace import OpenWorkspace
from registry.keys.credentials import hash_key
from registry.model.errors import Conflict, Forbidden, Unauthenticated
from registry.model.ids import RequestId
from registry.model.stored import StoredRequest
from registry.model.stored_intake import Challenge
from registry.store import intake

CHALLENGE = "challenge"
WRONG = "this does not prove who is asking"
"""The one answer to a wrong code, link or login, whatever was wrong with it."""


class Asked(NamedTuple):
    """What a link is about: the request, and by what name the agent is called who asks, if one does."""

    request: StoredRequest
    agent: str | None


def ask(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str) -> StoredRequest:
    """Send a code and a link to the person, if there is a mailbox; nobody is told whether there is.

    Raises:
        NotFound: there is no such request.
        Conflict: it waits for no proof, or its kind takes none by mail.
        Overloaded: it was asked too often.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        require_unproved(request)
        if not deployment.policies.verification.levels[Kind(request.kind)].by & {Means.CODE, Means.LINK}:
            raise Conflict("this kind of request takes no proof by mail")
        count_try(deployment, transaction, workspace, request, "@asked")
        letters.add(deployment, transaction, workspace, request, Notice.CHALLENGE, To.PERSON)
        add_to_history(deployment, transaction, request, CHALLENGE, actor)
    return request


def by_code(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, code: str, *, actor: str
) -> StoredRequest:
    """Take the code that was sent last.

    Raises:
        NotFound, Conflict: as `ask`.
        Unauthenticated: it is wrong, too old, or there is none.
        Overloaded: too many were wrong.
    """
    request = begin_try(deployment, workspace, request_id)
    with deployment.data.read(workspace.workspace_id) as transaction:
        sent = intake.challenge_of(transaction, workspace.workspace_id, request_id)
    good = sent is not None and sent.expires_at > deployment.clock() and enclosed.is_code(workspace, sent, code)
    if sent is None or not good:
        raise Unauthenticated(WRONG, hint="look at the newest message, or ask for another")
    return _mailed(deployment, workspace, request, sent, Means.CODE, actor)


def by_link(
    deployment: Deployment, workspace: OpenWorkspace, token: str, *, actor: str, of: RequestId | None = None
) -> StoredRequest:
    """Take the link that was sent, once.

    Args:
        of: the request that it has to be about; any if None.

    Raises:
        Unauthenticated: it was followed before, is too old, or never was one.
        Conflict: the request waits for no proof any more.
    """
    sent = _sent(deployment, workspace, token)
    if of is not None and sent.request_id != of:
        raise Unauthenticated(WRONG, hint="the link is of another request")
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, sent.request_id)
    return _mailed(deployment, workspace, request, sent, Means.LINK, actor)


def asked(deployment: Deployment, workspace: OpenWorkspace, token: str) -> Asked:
    """What the holder of a link is asked to confirm.

    Raises:
        Unauthenticated: as `by_link`.
    """
    sent = _sent(deployment, workspace, token)
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, sent.request_id)
    agent = reference.agent_of(deployment, request)
    return Asked(request, agent.called if agent is not None else None)


def deny(deployment: Deployment, workspace: OpenWorkspace, token: str, *, actor: str) -> StoredRequest:
    """End a request of which whoever holds the link says that it is not theirs.

    Raises:
        Unauthenticated, Conflict: as `by_link`.
    """
    sent = _sent(deployment, workspace, token)
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, sent.request_id)
        require_unproved(request)
        after = refused(deployment, transaction, workspace, request, Reason.NOT_ASKED_FOR, actor)
    reference.forget(deployment, after)
    return after


def by_login(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, token: str, *, actor: str
) -> StoredRequest:
    """Take a token of the company's own login: of one of the identifiers that the request names, or of their person.

    Raises:
        NotFound, Conflict: as `ask`.
        Unauthenticated: it is not taken, or is somebody else's.
        Overloaded: too many were wrong.
        LinkedSystemUnavailable: the issuer does not give its keys.
    """
    request = begin_try(deployment, workspace, request_id)
    told = logged_in(deployment, workspace, token)
    people = set(reference.people_of(deployment, request))
    with deployment.data.read(workspace.workspace_id) as transaction:
        about = set(reference.fragments_now(deployment, transaction, workspace, request))
        known = {f.fragment_id for one in told.identifiers for f in subjects.fragments_of(workspace, transaction, one)}
    if not people.intersection(told.identifiers) and not about & known:
        raise Unauthenticated(WRONG, hint="sign in as the person whom the request is about")
    return take(deployment, workspace, request, Proof(Means.LOGIN), actor, {})


def by_officer(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, seen: Sequence[Seen] = (), *, actor: str
) -> StoredRequest:
    """Record that an officer has checked who asks, and by what; no copy of it is kept.

    Of a kind that needs no proof, whoever may verify at all may say so; nothing changes, where it was verified as it
    came in.

    Raises:
        NotFound, Conflict: as `ask`.
        Forbidden: no person checks.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
    needs = deployment.policies.verification.levels[Kind(request.kind)].needs
    if not needs and State(request.state) is State.VERIFIED:
        return request
    if needs and not actor.startswith(f"{PrincipalKind.PERSON.value}:"):
        raise Forbidden(
            "who asks is checked by a person",
            hint="let an officer check it, or send a code and give it here",
            extra={"rule": f"verification.yaml: kinds.{request.kind}"},
        )
    told = {"seen": ",".join(sorted(set(seen)))} if seen else {}
    proof = Proof(Means.OFFICER, seen=frozenset(seen)) if needs or seen else None
    return take(deployment, workspace, request, proof, actor, told)


def by_controller(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str
) -> StoredRequest:
    """Take a controller's word for the person (OpenDSR section 4).

    Raises:
        NotFound, Conflict: as `ask`.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
    return take(deployment, workspace, request, Proof(Means.CONTROLLER), actor, {})


def by_visit(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, token: str) -> StoredRequest:
    """Take what a visit of the privacy centre rests on: the code or link that was sent to the visitor's mailbox.

    Raises:
        NotFound, Conflict: as `ask`.
        Unauthenticated: the visit has ended.
    """
    means, visitor = visits.means_of(deployment, workspace, token), visits.visitor(deployment, workspace, token)
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
    if visitor not in reference.people_of(deployment, request):
        raise Unauthenticated(WRONG, hint="ask for the request of your own address")
    proof = Proof(means, standing_of(deployment, workspace, request, Address.GIVEN))
    return take(deployment, workspace, request, proof, visits.ACTOR, {})


def _mailed(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    sent: Challenge,
    means: Means,
    actor: str,
) -> StoredRequest:
    standing = standing_of(deployment, workspace, request, Address(sent.address))
    return take(deployment, workspace, request, Proof(means, standing), actor, {})


def _sent(deployment: Deployment, workspace: OpenWorkspace, token: str) -> Challenge:
    with deployment.data.read(workspace.workspace_id) as transaction:
        sent = intake.challenge(transaction, workspace.workspace_id, hash_key(token))
    if sent is None or sent.expires_at <= deployment.clock():
        raise Unauthenticated("the link is no longer valid", hint="ask for a new one")
    return sent
