"""Which mailbox a request's person, or their agent, may be written to."""

from __future__ import annotations

from collections.abc import Collection

from registry.dsr.notices import To
from registry.flows.deployment import Deployment
from registry.flows.dsr.reference import (
    agent_named_by,
    agent_of,
    fragments_now,
    mailboxes_of,
    named_by,
    people_of,
    scope_of,
)
from registry.flows.opening import open_identifiers
from registry.flows.workspace import OpenWorkspace
from registry.model.compartment import IDENTITY
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId, text_id
from registry.model.stored import StoredRequest
from registry.store import administration, identities

MAILBOX = "email"
"""The kind of identifier that letters go to."""


def addresses(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, to: To) -> list[str]:
    """Where a letter goes: the first of them is the one for proofs.

    A person is written to at the address that the request names, whoever it belongs to on file, so that nobody learns
    from a letter whether it is known here; where it names none, at those that are verified on file. What that was
    before an erasure began counts to its end: then it also knows addresses that nobody verified, and the file is gone.

    Raises:
        Forgotten: whom the request is about was forgotten.
        KmsUnavailable, SealBroken, StoreUnavailable: it cannot be opened now.
    """
    if to is To.AGENT:
        agent = agent_of(deployment, request)
        return [agent.email] if agent is not None and agent.email else []
    if (fixed := mailboxes_of(deployment, request)) is not None:
        return fixed
    named = [one.value for one in people_of(deployment, request) if one.kind == MAILBOX]
    return named or verified(deployment, workspace, request)


def for_package(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, to: To) -> list[str]:
    """Where the link to a package may go: one of the person's verified mailboxes, best the one that the request names.

    An agent's is the one that they gave: whom the answer goes to was decided when the request was taken.

    Raises:
        Conflict: there is no package.
        KmsUnavailable, SealBroken, StoreUnavailable: it cannot be opened now.
    """
    if to is To.AGENT:
        agent = agent_named_by(deployment, request)
        return [agent.email] if agent is not None and agent.email else []
    named = {one.value for one in named_by(deployment, request) if one.kind == MAILBOX}
    fragments = [one.fragment_id for one in scope_of(deployment, workspace, request)]
    boxes = _verified(deployment, workspace.workspace_id, fragments, f"dsr:{text_id(request.request_id)}")
    return sorted(boxes, key=lambda box: box not in named)


def verified(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> list[str]:
    """The person's addresses on file that a source has verified, by one of the policy's trusted methods.

    Raises:
        KmsUnavailable, SealBroken, StoreUnavailable: they cannot be opened now.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments = fragments_now(deployment, transaction, workspace, request)
    because = f"dsr:{text_id(request.request_id)}"
    return _verified(deployment, workspace.workspace_id, fragments, because)


def _verified(
    deployment: Deployment, workspace_id: WorkspaceId, fragments: Collection[FragmentId], because: str
) -> list[str]:
    methods = deployment.policies.verification.trusted
    with deployment.data.read(workspace_id) as transaction:
        trusted = {row.source_id for row in administration.sources(transaction, workspace_id) if row.method in methods}
        known = identities.identifiers_of(transaction, workspace_id, fragments)
        boxes = [row for row in known if row.kind == MAILBOX]
        links = identities.links_touching(transaction, workspace_id, [row.blind_index for row in boxes])
    # An identifier keeps the source that saw it first; what a later one claimed stands in its links.
    vouched = {end for link in links if link.source_id in trusted for end in (link.low, link.high)}
    sound = [row for row in boxes if row.source_id in trusted or row.blind_index in vouched]
    opened, _ = open_identifiers(deployment, OpenGrant(workspace_id, frozenset({IDENTITY}), because), sound)
    return [one.value for _, one in opened]
