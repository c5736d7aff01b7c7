"""What was proved of who asks, counted: a request is verified once nothing is missing for its kind.

1. count     tries about a person, whatever the request; too many lock it for a while
2. take      a proof goes into the history; what it adds up to is the same for known and unknown people
3. verify    once nothing is missing: in the same transaction
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from registry.access.policy import PrincipalKind
from registry.dsr.agents import Reason
from registry.dsr.notices import Notice
from registry.dsr.requests import UNPROVED, Kind, Move, State
from registry.dsr.verification import CHANNELS, PROVE, Address, Means, Missing, Proof, Seen, locked_until, proofs_of
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts, letters, reference
from registry.flows.dsr.history import add_to_history, require, taken, told_by
from registry.flows.dsr.moves import mandate_of, moved, refused, resumed
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, SECOND
from registry.model.errors import Conflict, Forbidden, Overloaded
from registry.model.ids import RequestId, text_id
from registry.model.stored import StoredRequest
from registry.store import accounts, intake, requests
from registry.store.database import Transaction

MANDATE = "mandate"
PROVED = "@proved"


def standing(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> dict[str, object]:
    """What an officer is told: the level that the kind needs, the proofs so far, what is missing, and who the agent is.

    Raises:
        NotFound: there is no such request.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        proofs = proofs_of(told_by(transaction, request))
    policy, kind = deployment.policies.verification, Kind(request.kind)
    waits = State(request.state) in UNPROVED
    lacking: tuple[Missing, ...] = policy.missing(kind, proofs, mandate_of(request)) if waits else ()
    agent = reference.agent_named_by(deployment, request)
    return {
        "request_id": text_id(request_id),
        "level": policy.levels[kind].name,
        "needs": policy.levels[kind].needs,
        "by": sorted(policy.levels[kind].by),
        "missing": list(lacking),
        "proofs": [{"means": one.means, "address": one.address} for one in proofs],
        "agent": asdict(agent) if agent is not None else None,
    }


def verified_by(transaction: Transaction, request: StoredRequest) -> dict[str, object]:
    """What a certificate says of it: the level, by which means, and by which mandate an agent asked."""
    acts = told_by(transaction, request)
    level = next((told["level"] for act, told in acts if act == Move.VERIFY.value and "level" in told), None)
    by = sorted({proof.means.value for proof in proofs_of(acts)})
    mandate = {"mandate": request.mandate} if request.mandate is not None else {}
    return {"level": level, "by": by, **mandate} if level is not None else {}


def check_mandate(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    *,
    accepted: bool,
    seen: Sequence[Seen] = (),
    words: str | None = None,
    actor: str,
) -> StoredRequest:
    """Record an officer's check of the mandate by which an agent asks; a request whose mandate is rejected is refused.

    Args:
        words: why it is rejected, in the clear and about the paper, never about the person.

    Raises:
        NotFound: there is no such request.
        Conflict: nobody's agent asks, it was accepted before, or the request waits for no proof any more.
        Forbidden: no person checks.
    """
    if not actor.startswith(f"{PrincipalKind.PERSON.value}:"):
        raise Forbidden("a mandate is checked by a person", extra={"rule": "verification.yaml: mandates"})
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        require_unproved(request)
        mandate = mandate_of(request)
        if mandate is None:
            raise Conflict("the person asks themselves: there is no mandate")
        if mandate.accepted:
            raise Conflict("the mandate was accepted before")
        now = deployment.clock()
        if not accepted or mandate.has_ended(now):
            why = Reason.MANDATE_REJECTED if not accepted else Reason.MANDATE_ENDED
            after = refused(deployment, transaction, workspace, request, why, actor, words=words)
        else:
            requests.accept_mandate(transaction, workspace.workspace_id, request_id, now)
            request = request._replace(mandate_checked_at=now)
            told = {"outcome": "accepted"} | ({"seen": ",".join(sorted(set(seen)))} if seen else {})
            add_to_history(deployment, transaction, request, MANDATE, actor, told)
            after = counted(deployment, transaction, workspace, request, None, actor, {})
    if State(after.state) is State.REFUSED:
        reference.forget(deployment, after)
    return after


def standing_of(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, address: Address) -> Address:
    """Of which standing the mailbox is that was proved: one that the request names may be verified on file."""
    if address is Address.VERIFIED:
        return address
    named = [one.value for one in reference.people_of(deployment, request) if one.kind == contacts.MAILBOX]
    return Address.VERIFIED if set(named[:1]) & set(contacts.verified(deployment, workspace, request)) else address


def take(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    proof: Proof | None,
    actor: str,
    told: Mapping[str, str],
) -> StoredRequest:
    """3. count, 4. verify."""
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request.request_id)
        require_unproved(request)
        by_mail = proof is not None and CHANNELS[proof.means] == CHANNELS[Means.CODE]
        if by_mail:  # what was sent is good for one proof
            intake.close_challenges(transaction, workspace.workspace_id, request.request_id)
        accounts.forget_tries(
            transaction, workspace.workspace_id, _target(workspace, request, PROVED), deployment.clock() - DAY
        )
        after = counted(deployment, transaction, workspace, request, proof, actor, told)
        if by_mail and after.acknowledge_by is not None and after.acknowledged_at is None:
            _acknowledge(deployment, transaction, workspace, after)
    if State(after.state) is State.REFUSED:
        reference.forget(deployment, after)
    return after


def counted(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    proof: Proof | None,
    actor: str,
    told: Mapping[str, str],
) -> StoredRequest:
    """The request with a proof added to what was proved before, verified if nothing is missing; None adds nothing.

    A request whose kind needs no proof is verified so as it comes in: none may be asked for (11 CCR 7026(d), 7027(e)).
    """
    policy, mandate = deployment.policies.verification, mandate_of(request)
    if mandate is not None and mandate.has_ended(deployment.clock()):
        return refused(deployment, transaction, workspace, request, Reason.MANDATE_ENDED, actor)
    proofs = proofs_of(told_by(transaction, request))
    details = dict(told)
    if proof is not None:
        proofs.append(proof)
        details |= {"means": proof.means.value}
        details |= {"address": proof.address.value} if proof.address is not None else {}
    level = policy.levels[Kind(request.kind)]
    if policy.missing(Kind(request.kind), proofs, mandate):
        if proof is not None:
            add_to_history(deployment, transaction, request, PROVE, actor, details)
        return request
    if State(request.state) is State.PAUSED:  # the clock stood still for this
        request = resumed(deployment, transaction, request, actor)
    return moved(deployment, transaction, request, Move.VERIFY, actor, details | {"level": level.name})


def _acknowledge(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest
) -> None:
    if not intake.has_letter(transaction, workspace.workspace_id, request.request_id, Notice.ACKNOWLEDGED.value):
        letters.add_to_parties(deployment, transaction, workspace, request, Notice.ACKNOWLEDGED)


def begin_try(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> StoredRequest:
    """2. try: the request, with one more try counted, which a proof that is taken forgets."""
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        require_unproved(request)
        count_try(deployment, transaction, workspace, request, PROVED)
    return request


def count_try(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest, what: str
) -> None:
    """Count a try about a person, whatever the request.

    Raises:
        Overloaded: there were too many lately.
    """
    workspace_id, now, policy = workspace.workspace_id, deployment.clock(), deployment.policies.verification
    target = _target(workspace, request, what)
    counted = accounts.tries(transaction, workspace_id, target)
    locked = locked_until(policy, counted.tries, counted.last_at)
    if locked > now:
        raise Overloaded("too many tries", retry_after_s=-(-(locked - now) // SECOND))
    if counted.last_at + policy.locked_for <= now:
        accounts.forget_tries(transaction, workspace_id, target, now - DAY)
    accounts.count_try(transaction, workspace_id, target, now)


def _target(workspace: OpenWorkspace, request: StoredRequest, what: str) -> bytes:
    return workspace.indexer.lasting(what, request.pseudonym)


def require_unproved(request: StoredRequest) -> None:
    """Go on only while a request waits for proof.

    Raises:
        Conflict: it does not, or no longer.
    """
    if State(request.state) not in UNPROVED:
        raise Conflict(f"a request that is {request.state} waits for no proof of who asks")
