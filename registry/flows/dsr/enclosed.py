"""What a letter encloses that is secret: made when it is sent, kept as a hash."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from registry.dsr.requests import UNPROVED, State
from registry.dsr.verification import Address
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts
from registry.flows.dsr.package import links
from registry.flows.dsr.reference import people_of
from registry.flows.workspace import OpenWorkspace
from registry.keys.credentials import mint_key
from registry.keys.visits import new_code
from registry.model.clock import SECOND, rfc3339
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from registry.model.stored_intake import Challenge
from registry.store import intake

PREFIX = "rg_proof"


def challenge(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, _: Mapping[str, str]
) -> dict[str, str] | None:
    """A new code, and where the privacy centre has an address the link to it; None where nothing is to be proved."""
    if State(request.state) not in UNPROVED:
        return None
    policy, now = deployment.policies.verification, deployment.clock()
    (token, digest), code = mint_key(PREFIX), new_code()
    named = any(one.kind == contacts.MAILBOX for one in people_of(deployment, request))
    made = Challenge(
        workspace.workspace_id, digest, request.request_id,
        _code_hash(workspace, request.request_id, digest, code),
        (Address.GIVEN if named else Address.VERIFIED).value, now + policy.valid_for,
    )  # fmt: skip
    with deployment.data.write(workspace.workspace_id) as transaction:
        intake.add_challenge(transaction, made, now)
    told = {"code": f"{code[:3]} {code[3:]}", "minutes": str(policy.valid_for // (60 * SECOND))}
    if deployment.public_url is None:
        return told
    return told | {"link": f"{deployment.public_url}/privacy/{text_id(workspace.workspace_id)}/confirm/{token}"}


def package(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, told: Mapping[str, str]
) -> dict[str, str] | None:
    """A new link to a completed request's package, made in the name of the officer who sends it; None where the
    privacy centre has no address any more.
    """
    if deployment.public_url is None:
        return None
    given = deployment, workspace, request.request_id
    made = links.make(*given, actor=told["by"], days=int(told["days"]), fetches=int(told["fetches"]))
    return {"url": deployment.public_url + links.path_of(workspace, made.token), "until": rfc3339(made.expires_at)[:10]}


def is_code(workspace: OpenWorkspace, sent: Challenge, code: str) -> bool:
    """Whether a code is the one that was sent."""
    found = _code_hash(workspace, sent.request_id, sent.link_hash, code)
    return hmac.compare_digest(found, bytes(sent.code_hash))


def _code_hash(workspace: OpenWorkspace, request_id: bytes, link_hash: bytes, code: str) -> bytes:
    """What is kept of a code: a hash under the workspace's key, of this letter alone."""
    return workspace.indexer.lasting("@proof", f"{request_id.hex()}:{link_hash.hex()}:{code}")
