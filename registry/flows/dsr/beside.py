"""Profiles here under what systems outside know a person by, and that a request is not about.

A shop that has an address beside an account number may know more than Registry was told. What a database outside says
joins nobody here, so whether that is the same person is for somebody to decide: a steward joins the two, the other is
asked for by a request of its own, or an officer says on the record that it is somebody else's. Until then nothing is
approved, and nothing counts as complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.requests import ENDED, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import held
from registry.flows.dsr.history import add_to_history, taken, write
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict, NotFound
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RequestId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.store import identities, requests

APART = "apart"
"""The act by which it is decided that a profile is somebody else's, and the member of a request's progress that says of
which profiles that was decided, by whom and why, and of which of their fragments: what joins one later is decided about
anew, and what joins another stays decided.
"""
KNOWN_OUTSIDE = "under what systems outside know the person by"
UNDECIDED = (
    "let a steward join them if that is the same person, or decide that it is somebody else, or has a request of its "
    "own: registry dsr apart"
)


def found(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    people: Sequence[Identifier],
    fragments: Collection[FragmentId],
) -> list[str]:
    """The profiles that nobody has decided about.

    Args:
        people: all that systems outside know the person by.
        fragments: what the request is about here.
    """
    known = held.normalised(deployment, people)
    indexes = {BlindIndex(index) for one in known for index in workspace.indexer.every(one.kind, one.value)}
    if not indexes:
        return []
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = identities.fragments_by_index(transaction, workspace.workspace_id, indexes).values()
    decided = {one for told in orjson.loads(request.progress).get(APART, {}).values() for one in told["fragments"]}
    open_ = (row for row in rows if row.fragment_id not in fragments and row.fragment_id.hex() not in decided)
    return sorted({text_id(row.profile_id) for row in open_})


def require_decided(profiles: Sequence[str]) -> None:
    """Go on only if there are none.

    Raises:
        Conflict: there are; `profiles` says which.
    """
    if profiles:
        raise Conflict(
            f"other profiles stand here {KNOWN_OUTSIDE}, and nobody has decided about them",
            hint=UNDECIDED,
            extra={"profiles": list(profiles)},
        )


def set_apart(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    profile_id: ProfileId,
    *,
    reason: str,
    actor: str,
) -> StoredRequest:
    """Decide that a profile is somebody else's, or has a request of its own; the certificate will say so.

    Args:
        reason: in the clear, in the audit log and in the certificate.

    Raises:
        NotFound: no such request, or no such profile.
        Conflict: the request is about this profile, is being worked on, or has ended.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = taken(transaction, workspace, request_id)
        if State(request.state) in {*ENDED, State.ACTING}:
            raise Conflict(f"nothing is decided of a request that is {request.state}")
        rows = identities.fragments_of_profiles(transaction, workspace.workspace_id, [profile_id])
        if not rows:
            raise NotFound("there is no such profile", hint="the request's plan names them: beside")
        scope = requests.scope(transaction, workspace.workspace_id, request_id)
        if not {row.fragment_id for row in rows}.isdisjoint(scope):
            raise Conflict("the request is about this profile")
        progress: dict[str, Any] = orjson.loads(request.progress)
        about = {"actor": actor, "reason": reason, "fragments": [row.fragment_id.hex() for row in rows]}
        progress.setdefault(APART, {})[text_id(profile_id)] = about
        due_at = deployment.clock() if State(request.state) is State.WAITING else request.due_at
        request = request._replace(progress=orjson.dumps(progress).decode(), due_at=due_at)
        write(transaction, request, was=request.state)
        add_to_history(
            deployment, transaction, request, APART, actor, {"profile": text_id(profile_id), "reason": reason}
        )
    return request


def accounts(progress: Mapping[str, Any], fragments: Collection[FragmentId]) -> list[FieldAccount]:
    """The accounts of what was decided to be somebody else's: how many profiles, by whose decision and why.

    Args:
        fragments: what the request is about: a profile that a steward joined since is part of it.
    """
    own = {one.hex() for one in fragments}
    left = (one for one in progress.get(APART, {}).values() if not own.issuperset(one["fragments"]))
    told = Counter((one["actor"], one["reason"]) for one in left)
    grounds = {f"somebody else's, or asked for apart; decided by {who}: {why}": n for (who, why), n in told.items()}
    return [
        FieldAccount(OWN_SYSTEM, "profile", KNOWN_OUTSIDE, Disposition.RETAINED, n, one) for one, n in grounds.items()
    ]
