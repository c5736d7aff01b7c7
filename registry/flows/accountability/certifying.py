"""Issuing a certificate: signed over the audit log as it stood, and entered there as the very next entry.

The entry has the certificate's own hash, so that its place in the log can be proven to anybody:
`registry.flows.accountability.proven`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from registry import __version__
from registry.audit.entry import AuditAction
from registry.audit.tree import Frontier
from registry.dsr.accounting import FieldAccount
from registry.dsr.certificate import CERTIFICATE_TYPE, Outcome, certificate_claims
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys.signing import sign_jwt
from registry.model.clock import SECOND, Micros
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from registry.store import audit_log
from registry.store.database import Transaction


def outcome_of(
    deployment: Deployment, request: StoredRequest, accounts: Sequence[FieldAccount], completed_at: Micros
) -> Outcome:
    """What every certificate states of a request, and what became of each field."""
    return Outcome(
        request_id=text_id(request.request_id),
        kind=request.kind,
        jurisdiction=request.jurisdiction,
        subject=request.pseudonym,
        received_at=request.received_at,
        respond_by=request.respond_by,
        completed_at=completed_at,
        accounts=accounts,
        zone=deployment.policies.jurisdictions.of_request(request.jurisdiction).zone,
    )


def issue(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    outcome: Outcome,
    *,
    actor: str,
    fields: Mapping[str, int | str],
) -> str:
    """The certificate of an outcome as a JWT, entered in the audit log within the transaction that stores it."""
    # Held until the commit: nobody's entry may come between the size that is signed and the entry itself.
    size, frontier = audit_log.lock_head(transaction, workspace.workspace_id)
    claims = certificate_claims(
        outcome,
        issuer=text_id(workspace.workspace_id),
        controller=deployment.controller.name,
        audit_size=size,
        audit_root=Frontier.decode(size, frontier).root().hex(),
        version=__version__,
    )
    return _enter(workspace, transaction, claims, outcome.issued_at, actor, fields)


def renew(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    claims: Mapping[str, Any],
    *,
    former: str,
    actor: str,
    fields: Mapping[str, int | str],
) -> str:
    """A certificate with claims that have changed since the former one, which it names by its hash."""
    size, frontier = audit_log.lock_head(transaction, workspace.workspace_id)
    now = deployment.clock()
    renewed = {
        **claims,
        "iat": now // SECOND,
        "audit": {"size": size, "root": Frontier.decode(size, frontier).root().hex()},
        "registry_version": __version__,
        "supersedes": digest_of(former),
    }
    return _enter(workspace, transaction, renewed, now, actor, fields)


def _enter(
    workspace: OpenWorkspace,
    transaction: Transaction,
    claims: Mapping[str, object],
    at: Micros,
    actor: str,
    fields: Mapping[str, int | str],
) -> str:
    token = sign_jwt(workspace.signing, claims, CERTIFICATE_TYPE)
    trail.append(
        transaction, workspace.workspace_id, at, actor=actor, action=AuditAction.DSR_CERTIFIED, outcome="done",
        fields={**fields, "certificate": digest_of(token)},
    )  # fmt: skip
    return token


def digest_of(token: str) -> str:
    """The hex SHA-256 of a certificate, as its audit entry states it."""
    return sha256(token.encode()).hexdigest()
