"""Ed25519 signing keys, and JWTs signed with them: certificates and receipts.

A verifier trusts nothing that the token says of itself: the algorithm is pinned, the key comes from
the given JWK set, the `typ` must be the one expected, and each segment must be canonical base64url.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, Self

import jwt
import orjson

from registry.keys.primitives import KEY_BYTES, ed25519_key, ed25519_sign, random_bytes, sha256
from registry.model.canonical import canonical
from registry.model.errors import SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "EdDSA"

_SIGNATURES = jwt.PyJWS(algorithms=[ALGORITHM])


class SigningKey:
    """An Ed25519 key pair (RFC 8032). The `repr` hides the secret and it cannot be pickled.

    Attributes:
        public: the 32 bytes of the public key.
        key_id: the JWK thumbprint (RFC 7638, RFC 8037 appendix A.3), base64url.
    """

    __slots__ = ("_private", "_secret", "key_id", "public")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._private = ed25519_key(secret)
        self.public = self._private.public_key().public_bytes_raw()
        self.key_id = thumbprint(self.public)

    @classmethod
    def generate(cls) -> Self:
        """A new random key pair."""
        return cls(random_bytes(KEY_BYTES))

    def encode(self) -> bytes:
        """The 32-byte private seed, only for wrapping it as a workspace secret."""
        return self._secret

    @classmethod
    def decode(cls, secret: bytes) -> Self:
        """The key pair of `encode`.

        Raises:
            ValueError: the seed is not 32 bytes.
        """
        return cls(secret)

    @property
    def private(self) -> Ed25519PrivateKey:
        """The private key, for signing within this room."""
        return self._private

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message; within this room, whose formats keep messages apart."""
        return ed25519_sign(self._private, message)

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 8037), ready for `/.well-known/jwks.json`."""
        members = {"alg": ALGORITHM, "kid": self.key_id, "use": "sig"}
        return _thumbprint_members(self.public) | members

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id}, secret hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not to be serialised")


def thumbprint(public: bytes) -> str:
    """The RFC 7638 thumbprint of a 32-byte Ed25519 public key: base64url SHA-256 of its canonical JWK."""
    return _base64url(sha256(canonical(_thumbprint_members(public))))


def sign_jwt(key: SigningKey, payload: Mapping[str, object], typ: str) -> str:
    """The payload as a compact JWS (RFC 7515, 8037), its JSON canonical, `kid` and `typ` in the header.

    Args:
        typ: what the document is (RFC 8725 section 3.11), e.g. `registry-certificate+jwt`.

    Raises:
        InvalidInput: the payload has no canonical JSON form.
    """
    headers = {"kid": key.key_id, "typ": typ}
    return _SIGNATURES.encode(canonical(dict(payload)), key.private, algorithm=ALGORITHM, headers=headers)


def verify_jwt(token: str, jwks: Mapping[str, object], typ: str) -> dict[str, object]:
    """The payload of `sign_jwt`, verified. Its times are the caller's to judge.

    Args:
        jwks: a JWK set (RFC 7517): `{"keys": [...]}`; keys of other types are passed over.

    Raises:
        SignatureInvalid: the token is malformed, of another algorithm or `typ`, signed by a key that
            is not in the set, or altered; `extra["failure"]` is `malformed`, `wrong-algorithm`,
            `wrong-type`, `unknown-extension`, `unknown-key` or `altered`.
    """
    header = _header(token)
    if header.get("alg") != ALGORITHM:
        raise invalid("the token's algorithm is not EdDSA", "wrong-algorithm")
    if header.get("typ") != typ:
        raise invalid(f"the token is not of type {typ}", "wrong-type")
    if "crit" in header:
        raise invalid("the token demands an extension that is not known", "unknown-extension")
    public = _public_key(jwks, header.get("kid"))
    try:
        payload = orjson.loads(_SIGNATURES.decode(token, public, algorithms=[ALGORITHM]))
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError):
        raise invalid("the token's signature does not verify", "altered") from None
    if not isinstance(payload, dict):
        raise invalid("the token's payload is not a JSON object", "malformed")
    return payload


def public_keys(jwks: Mapping[str, object]) -> list[bytes]:
    """The 32 bytes of each Ed25519 key of a JWK set, in its order; others and malformed ones are passed over."""
    keys = jwks.get("keys")
    found = []
    for jwk in keys if isinstance(keys, list) else []:
        if isinstance(jwk, dict) and jwk.get("crv") == "Ed25519" and isinstance(jwk.get("x"), str):
            try:
                found.append(_from_base64url(jwk["x"]))
            except ValueError:
                continue
    return [key for key in found if len(key) == KEY_BYTES]


def invalid(detail: str, failure: str) -> SignatureInvalid:
    """The error for a signed document that does not verify, with its class of failure."""
    return SignatureInvalid(detail, extra={"failure": failure})


def _header(token: str) -> dict[str, object]:
    """The header of a token whose three segments are canonical base64url.

    Decoders commonly pass over stray characters and unused bits, so that one signature would have
    many spellings; a certificate has one.
    """
    try:
        segments = [_from_base64url(segment) for segment in token.split(".")]
        header = orjson.loads(segments[0])
    except ValueError:
        raise invalid("the token is malformed", "malformed") from None
    if len(segments) != 3 or not isinstance(header, dict):
        raise invalid("the token is malformed", "malformed")
    return header


def _public_key(jwks: Mapping[str, object], key_id: object) -> jwt.PyJWK:
    keys = jwks.get("keys")
    for jwk in keys if isinstance(keys, list) else []:
        if not isinstance(jwk, dict) or jwk.get("kid") != key_id or jwk.get("crv") != "Ed25519":
            continue
        try:
            return jwt.PyJWK(jwk, algorithm=ALGORITHM)
        except jwt.PyJWTError:
            raise invalid("the key in the JWK set is malformed", "unknown-key") from None
    raise invalid("the token's key is not in the JWK set", "unknown-key")


def _thumbprint_members(public: bytes) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64url") from None
    if _base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data
