"""The moves of a request: each is one transaction, with its line in the history and its audit entry."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from registry.dsr.agents import Reason
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.deadlines import deadline
from registry.dsr.notices import Notice, To
from registry.dsr.requests import (
    BY_ITSELF,
    EFFECTS,
    ENDED,
    KEPT,
    Effect,
    Kind,
    Move,
    State,
    allowed,
    check_four_eyes,
    move,
)
from registry.dsr.timing import EXTEND, check_extension, check_notice, check_pause, timing
from registry.dsr.verification import Mandated, MandateKind
from registry.dsr.waiting import LOST, Wait
from registry.flows.deployment import Deployment
from registry.flows.dsr import letters, rectification, reference
from registry.flows.dsr.history import acts_of, add_to_history, taken, write
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.errors import Conflict, Forgotten, InvalidInput, RequestDamaged
from registry.model.ids import RequestId
from registry.model.stored import StoredRequest
from registry.store import intake, requests
from registry.store.database import Transaction

IN_DOUBT = "identity"
"""Why a request is paused where nobody says more: letters have words for it."""

BY_LETTER = "email"
"""The channel of a notice that Registry itself sends, where there is a mailbox."""


def owner_named(actor: str) -> str:
    """Who stands behind an actor of whom only the name is known: case and white space make no other person."""
    kind, _, name = actor.partition(":")
    return f"{kind}:{' '.join(name.casefold().split())}"


def move_request(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    by: Move,
    *,
    actor: str,
    owner: str | None = None,
    reason: str | None = None,
) -> StoredRequest:
    """Approve, pause, resume, refuse or cancel a request; resuming moves its deadline. (`proving` verifies.)

    Args:
        owner: who stands behind the actor (`Principal.owner`); by the actor's name when not given.
        reason: why it is refused, paused or cancelled, in an officer's words: in the clear, about the request and never
            about the person. Of a refusal and a pause, whoever asked is told them; one that was begun is not cancelled
            without.

    Raises:
        NotFound: there is no such request.
        Conflict: it cannot be moved so now, or the agent's mandate has ended.
        Forbidden: an erasure is approved by whoever opened it, where policy wants two people.
        InvalidInput: one that was begun is cancelled without a reason.
    """
    if by is Move.VERIFY:
        raise ValueError("a request is verified by a proof")
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        begun = is_lost(request)
        if by is Move.REFUSE:
            after = refused(deployment, transaction, workspace, request, Reason.OFFICER, actor, words=reason)
        elif by is Move.PAUSE:
            after = _paused(deployment, transaction, workspace, request, actor, reason)
        elif by is Move.RESUME:
            after = resumed(deployment, transaction, request, actor)
        else:
            if by is Move.CANCEL and begun:
                _require_lost(deployment, request)
                _require_words(reason)
            request = _approved(deployment, request, actor, owner) if by is Move.APPROVE else request
            after = moved(deployment, transaction, request, by, actor, {"reason": reason} if reason else None)
    if State(after.state) in ENDED:
        reference.forget(deployment, after, begun=begun)
    return after


def _paused(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    actor: str,
    words: str | None,
) -> StoredRequest:
    """A request that waits until it is clear who asks, with the letter that says why.

    Raises:
        Conflict: it cannot be paused now, or its time is over.
    """
    law = deployment.policies.jurisdictions.of_request(request.jurisdiction)
    check_pause(law, request.respond_by, deployment.clock())
    why = {"reason": words or IN_DOUBT}
    after = moved(deployment, transaction, request, Move.PAUSE, actor, why)
    letters.add_to_parties(deployment, transaction, workspace, after, Notice.PAUSED, why)
    return after


def resumed(deployment: Deployment, transaction: Transaction, request: StoredRequest, actor: str) -> StoredRequest:
    """A paused request with its clock running again."""
    later = request._replace(respond_by=_respond_by(deployment, transaction, request, Move.RESUME))
    after = moved(deployment, transaction, later, Move.RESUME, actor)
    requests.put_off(transaction, after, after.respond_by)
    return after


def refused(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    reason: Reason,
    actor: str,
    *,
    words: str | None = None,
) -> StoredRequest:
    """A request that will not be met, with the letter that says why (GDPR Art. 12(4)).

    Its key is the caller's to forget, once the transaction is done. An agent is told in the person's place: nothing is
    said to anybody of what is held.

    Args:
        words: an officer's own, told in place of the reason's.
    """
    told = {"reason": reason.value} | ({"words": words} if words else {})
    after = moved(deployment, transaction, request._replace(reason=reason.value), Move.REFUSE, actor, told)
    intake.close_challenges(transaction, request.workspace_id, request.request_id)
    to = To.AGENT if request.deliver_to is not None else To.PERSON
    details = {"reason": words or reason.value}
    letters.add(deployment, transaction, workspace, request, Notice.REFUSED, to, details, is_last=True)
    return after


def extend(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    *,
    reason: str,
    channel: str,
    notified_at: Micros | None,
    actor: str,
) -> StoredRequest:
    """Put the answer off by what the law allows, and record that and how the person was told why.

    Args:
        reason: in the clear and in the audit log: about the request, never about the person.
        channel: how the person was told; where it is `email`, they are told by a letter of ours now.
        notified_at: when; now if None.

    Raises:
        NotFound: there is no such request.
        Conflict: it has ended, its law allows no extension, there was one, or the time is over.
        InvalidInput: the person cannot have been told then.
    """
    now = deployment.clock()
    told = now if notified_at is None else notified_at
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)  # or two put it off at once
        kind, state = Kind(request.kind), State(request.state)
        law = deployment.policies.jurisdictions.of_request(request.jurisdiction)
        clock = timing(acts_of(transaction, request))
        check_extension(law, kind, state, clock, request.respond_by, now)
        check_notice(request.received_at, told, now)
        extended = request._replace(respond_by=_respond_by(deployment, transaction, request, EXTEND))
        requests.put_off(transaction, extended, extended.respond_by)
        details = {"reason": reason, "notified_at": rfc3339(told), "channel": channel}
        add_to_history(deployment, transaction, extended, EXTEND, actor, details)
        if channel == BY_LETTER:
            letters.add_to_parties(deployment, transaction, workspace, extended, Notice.EXTENDED, {"reason": reason})
    return extended


def acknowledge(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, channel: str, actor: str
) -> StoredRequest:
    """Record that whoever asked was told that the request came (11 CCR 7021(a)); the first time counts.

    Raises:
        NotFound: there is no such request.
        Conflict: it was acknowledged before.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        after = letters.acknowledged(deployment, transaction, request, actor=actor, channel=channel)
    if after is request:
        raise Conflict("the request was acknowledged before")
    return after


def moved(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    by: Move,
    actor: str,
    details: Mapping[str, str] | None = None,
) -> StoredRequest:
    """The request after a move, written with its history and audit entry.

    Raises:
        Conflict: it cannot be moved so now, or somebody else moved it at this moment.
    """
    was = State(request.state)
    after = move(was, by, Kind(request.kind), is_lost=is_lost(request))
    changed = request._replace(state=after.value)
    if after in ENDED:
        # Whom an answered request named is kept a while: its package looks for them in connected systems.
        is_given = after is State.COMPLETED and EFFECTS[Kind(request.kind)] is Effect.GIVE
        changed = changed._replace(sealed=request.sealed if is_given else None, due_at=None)
        changed = changed._replace(progress=summary(request.progress)) if was is State.WAITING else changed
    write(transaction, changed, was=was.value)
    if after is not was:
        add_to_history(deployment, transaction, changed, by.value, actor, details)
    return changed


def possible(request: StoredRequest) -> list[str]:
    """What anybody can do with a request now, by the names that interfaces have for it."""
    moves = allowed(State(request.state), Kind(request.kind), is_lost=is_lost(request))
    return ["run" if name == Move.START.value else name for name in moves if name not in BY_ITSELF]


def waits_for(request: StoredRequest) -> Wait | None:
    """What a waiting request waits for; None of any other."""
    return Wait.noted(orjson.loads(request.progress)) if State(request.state) is State.WAITING else None


def is_stopped(request: StoredRequest) -> bool:
    """Whether it is no system outside that a request waits for, but what stopped it here."""
    noted = waits_for(request)
    return noted is not None and noted.system == OWN_SYSTEM


def is_lost(request: StoredRequest) -> bool:
    """Whether a request was begun, and stopped since its key is gone or it is damaged: nobody can read it."""
    noted = waits_for(request)
    return noted is not None and noted.code in LOST and request.certificate is None


def summary(progress: str) -> str:
    """What is kept of a finished request's progress: counts, keyed pseudonyms, no ids and nothing sealed."""
    kept = {name: value for name, value in orjson.loads(progress).items() if name in KEPT}
    return orjson.dumps(kept).decode()


def mandate_of(request: StoredRequest) -> Mandated | None:
    """The standing of the mandate by which an agent asks; None where the person asks themselves."""
    if request.mandate is None:
        return None
    return Mandated(MandateKind(request.mandate), request.mandate_checked_at is not None, request.mandate_until)


def _require_lost(deployment: Deployment, request: StoredRequest) -> None:
    """Go on only if a request that was stopped since nobody could read it still cannot be brought to its end."""
    try:
        reference.people_of(deployment, request)
        rectification.corrected(deployment, request)
    except (Forgotten, RequestDamaged):
        return
    raise Conflict("what this request holds can be read again", hint="run it: it goes on where it was")


def _require_words(reason: str | None) -> None:
    if not (reason or "").strip():
        hint = "what was done of it stays done, and what is left is not: about the request, never about the person"
        raise InvalidInput("say why a request that was begun ends unanswered", hint=hint, pointer="/reason")


def _approved(deployment: Deployment, request: StoredRequest, actor: str, owner: str | None) -> StoredRequest:
    mandate = mandate_of(request)
    if mandate is not None and mandate.has_ended(deployment.clock()):
        raise Conflict("the agent's mandate has ended", hint="cancel the request, and ask for a mandate that holds")
    stands = owner or owner_named(actor)
    opened = request.opened_owner or owner_named(request.opened_by)
    two_people = deployment.policies.jurisdictions.two_people_erase
    check_four_eyes(Kind(request.kind), opened, stands, two_people=two_people)
    return request._replace(approved_by=actor, approved_owner=stands)


def _respond_by(deployment: Deployment, transaction: Transaction, request: StoredRequest, act: str) -> Micros:
    """The deadline of a request once this act has been added to its history."""
    law = deployment.policies.jurisdictions.by_name.get(request.jurisdiction)
    if law is None:  # it left the policy: what was told before stands
        return request.respond_by
    clock = timing([*acts_of(transaction, request), (act, deployment.clock())])
    found = deadline(law, request.received_at, kind=request.kind, extended=clock.extended, pauses=clock.pauses)
    return found.respond_by
