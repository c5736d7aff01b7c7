"""Decision tokens, checked where they are used: with the registry's published keys, without calling back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jwt

from registry.client.answers import Decision
from registry.client.subject import SubjectReference, to_subject
from registry.client.wire import sorted_categories

TOKEN_TYPE = "consent-decision+jwt"  # noqa: S105 - the type of a token, no secret


class _BadToken(Exception):
    """The token does not say what is asked; the text says why, and nothing of the token."""


def read_token(
    token: str,
    jwks: Mapping[str, Any],
    subject: SubjectReference,
    purpose: str,
    categories: Iterable[str] = (),
    *,
    issuer: str,
    audience: str | None = None,
    jurisdiction: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Decision:
    """The decision that a token states about this person, purpose and categories.

    Never raises for a bad token: what is forged, has ended, or is about somebody or something else is a no, with the
    reason `bad_token` and the `problem`.

    Args:
        jwks: the key set that the registry publishes at `/.well-known/jwks.json`.
        subject: written as it was for the registry when the token was made.
        issuer: the id of your workspace: the key set holds the keys of every workspace of the server.
        audience: who you are; a token for another is a no.
        jurisdiction: where the person is, as it was named when the token was made; a token of elsewhere is a no.
        clock: seconds since 1970.
    """
    wanted = set(sorted_categories(categories))
    try:
        claims = _claims(token, jwks, issuer, audience)
        if claims.get("jurisdiction") != jurisdiction:
            raise _BadToken("other-jurisdiction")
        _check(claims, to_subject(subject).kind, to_subject(subject).value, purpose, wanted, clock())
    except _BadToken as error:
        return Decision(False, "bad_token", purpose, source="fail_closed", problem=str(error))
    return Decision(
        claims["allowed"],
        str(claims.get("reason")),
        purpose,
        claims.get("lawful_basis"),
        claims.get("record_id"),
        None,
        str(claims.get("policy_version", "")),
        "token",
    )


def _claims(token: str, jwks: Mapping[str, Any], issuer: str, audience: str | None) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TOKEN_TYPE or header.get("alg") != "EdDSA" or "crit" in header:
            raise _BadToken("wrong-type")
        keys = [jwk for jwk in jwks.get("keys", []) if jwk.get("kid") == header.get("kid")]
        if not keys:
            raise _BadToken("unknown-key")
        options: Any = {"require": ["exp", "iat", "iss"], "verify_exp": False, "verify_iat": False}
        key = jwt.PyJWK(keys[0], algorithm="EdDSA")
        return jwt.decode(token, key, algorithms=["EdDSA"], audience=audience, issuer=issuer, options=options)
    except jwt.InvalidIssuerError:
        raise _BadToken("other-issuer") from None
    except jwt.InvalidAudienceError:
        raise _BadToken("other-audience") from None
    except jwt.MissingRequiredClaimError as error:
        raise _BadToken("other-audience" if error.claim == "aud" else "not-verified") from None
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
        raise _BadToken("not-verified") from None


def _check(claims: dict[str, Any], kind: str, value: str, purpose: str, wanted: set[str], now: float) -> None:
    if not isinstance(claims["exp"], int) or now >= claims["exp"]:
        raise _BadToken("ended")
    if claims.get("purpose") != purpose or not wanted <= set(claims.get("categories") or ()):
        raise _BadToken("other-purpose")
    if not isinstance(claims.get("allowed"), bool):
        raise _BadToken("not-verified")
    try:
        salt = base64.urlsafe_b64decode(str(claims.get("salt")) + "==")
    except ValueError:
        raise _BadToken("not-verified") from None
    digest = hmac.digest(salt, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    own = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(own, str(claims.get("sub"))):
        raise _BadToken("other-subject")
