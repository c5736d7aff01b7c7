"""Signed decision tokens: a short-lived JWT that a downstream service checks with the published keys alone."""

from __future__ import annotations

import base64

from registry.flows.consent import checks
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys.commitment import commit, new_salt
from registry.keys.signing import invalid, sign_jwt
from registry.model.clock import SECOND, Micros
from registry.model.decision import Decision
from registry.model.ids import text_id
from registry.model.message import Identifier

DECISION_TYPE = "consent-decision+jwt"

LONGEST_S = 300
"""A token is believed until it ends, a withdrawal or not: it ends soon."""


def issue(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    purpose: str,
    categories: frozenset[str] = frozenset(),
    *,
    presented: tuple[str, str],
    lifetime_s: int,
    audience: str | None = None,
    jurisdiction: str | None = None,
) -> tuple[Decision, str]:
    """The decision now, and a token that states it, a yes or a no.

    The token names nobody: it holds a salted commitment to the identifier, which whoever has the identifier can check.

    Args:
        presented: the kind and the value of the identifier as the caller wrote them, which the commitment is to.
        lifetime_s: 1 to `LONGEST_S`; a yes that ends before ends the token.
        audience: the `aud` claim: for whom the token is.
        jurisdiction: as for `checks.check`; the token states it, since the answer may differ elsewhere.

    Raises:
        StoreUnavailable: no decision, and no token.
    """
    decision = checks.check(deployment, workspace, subject, purpose, categories, jurisdiction=jurisdiction)
    now = deployment.clock()
    ends: Micros = now + min(max(lifetime_s, 1), LONGEST_S) * SECOND
    if decision.valid_until is not None:
        ends = min(ends, decision.valid_until)
    salt = new_salt()
    claims: dict[str, object] = {
        "iss": text_id(workspace.workspace_id),
        "jti": text_id(deployment.new_id()),
        "iat": now // SECOND,
        "exp": ends // SECOND,
        "salt": _base64url(salt),
        "sub": _base64url(commit(salt, "\0".join(presented).encode())),
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "purpose": purpose,
        "categories": sorted(categories),
        "jurisdiction": jurisdiction,
        "lawful_basis": decision.lawful_basis,
        "record_id": text_id(decision.record_id) if decision.record_id is not None else None,
        "policy_version": decision.policy_version,
    }
    if audience is not None:
        claims["aud"] = audience
    return decision, sign_jwt(workspace.signing, claims, DECISION_TYPE)


def require_unexpired(claims: dict[str, object], now: Micros) -> None:
    """Go on only while a token holds.

    Raises:
        SignatureInvalid: it has ended, or does not say when it ends.
    """
    ends = claims.get("exp")
    if not isinstance(ends, int) or now >= ends * SECOND:
        raise invalid("the token has ended", "expired")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
