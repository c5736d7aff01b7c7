"""Signatures of login tokens: JWTs that the company's own OpenID Connect issuer made.

A verifier trusts nothing that the token says of itself (RFC 8725): only the algorithms that were configured are
taken, all asymmetric; the key is one of the issuer's set, of the type and curve that the algorithm has; keys that
the token itself carries or points at are not looked at. What the claims say is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jwt
import orjson

from registry.model.errors import Unauthenticated

MAX_TOKEN = 16 * 1024
MIN_RSA_BITS = 2048

TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What a login token may call itself, if it says (RFC 7519 section 5.1, RFC 9068 section 2.1)."""

_RSA, _EC256, _EC384, _EC512, _OKP = (
    ("RSA", None),
    ("EC", "P-256"),
    ("EC", "P-384"),
    ("EC", "P-521"),
    ("OKP", "Ed25519"),
)
_SHAPES: dict[str, tuple[str, str | None]] = {
    "RS256": _RSA, "RS384": _RSA, "RS512": _RSA, "PS256": _RSA, "PS384": _RSA, "PS512": _RSA,
    "ES256": _EC256, "ES384": _EC384, "ES512": _EC512, "EdDSA": _OKP,
}  # fmt: skip
"""Per algorithm, the type and curve of its keys (RFC 7518 section 3.1, RFC 8037)."""

_SIGNATURES = jwt.PyJWS(algorithms=list(_SHAPES))

Keys = Callable[[str | None], Sequence[Mapping[str, object]]]
"""The issuer's present keys as JWKs; given the id that a token names, so that a new key can be fetched."""


class Claimed(NamedTuple):
    """What a token says before anything of it is believed: whose it claims to be."""

    issuer: str
    audiences: frozenset[str]


def claimed(token: str) -> Claimed:
    """Whose token this claims to be, to find the issuer whose keys decide.

    Raises:
        Unauthenticated: it is no JWT.
    """
    _, payload = _read(token)
    issuer, audience = payload.get("iss"), payload.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not isinstance(issuer, str):
        raise _refused("it names no issuer")
    return Claimed(issuer, frozenset(one for one in named if isinstance(one, str)))


def verify_login(token: str, keys: Keys, algorithms: Sequence[str]) -> dict[str, object]:
    """The claims of a token whose signature holds; they are the caller's to judge.

    Args:
        keys: those of the issuer that `claimed` named.
        algorithms: those that its issuer is taken at.

    Raises:
        Unauthenticated: it is malformed, of another algorithm or type, by a key that the issuer does not publish,
            or altered.
    """
    header, _ = _read(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in algorithms or algorithm not in _SHAPES:
        raise _refused("its algorithm is not taken")
    if "crit" in header:
        raise _refused("it demands an extension that is not known")
    named = header.get("typ", "JWT")
    if not isinstance(named, str) or named.lower() not in TYPES:
        raise _refused("it is no login token")
    if key_id is not None and not isinstance(key_id, str):
        raise _refused("it is malformed")
    for jwk in keys(key_id):
        key = _key(jwk, algorithm, key_id)
        if key is None:
            continue
        try:
            payload = orjson.loads(_SIGNATURES.decode(token, key, algorithms=[algorithm]))
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError):
            continue
        if isinstance(payload, dict):
            return payload
    raise _refused("no key of its issuer signed it")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, unverified."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise _refused("it is malformed")
    try:
        parts = _SIGNATURES.decode_complete(token, options={"verify_signature": False})
        payload = orjson.loads(parts["payload"])
    except (jwt.InvalidTokenError, ValueError):
        raise _refused("it is malformed") from None
    if not isinstance(payload, dict):
        raise _refused("it is malformed")
    return parts["header"], payload


def _key(jwk: Mapping[str, object], algorithm: str, key_id: str | None) -> jwt.PyJWK | None:
    """A published key as one that may verify this token; None where it may not."""
    kind, curve = _SHAPES[algorithm]
    if (key_id is not None and jwk.get("kid") != key_id) or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        return None
    if jwk.get("alg", algorithm) != algorithm or "verify" not in _operations(jwk):
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return key if kind != "RSA" or key.key.key_size >= MIN_RSA_BITS else None


def _operations(jwk: Mapping[str, object]) -> list[object]:
    named = jwk.get("key_ops", ["verify"])
    return named if isinstance(named, list) else []


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"the login token is not taken: {why}", hint="sign in again and send a new token")
