"""What people prove who they are with: passwords by Argon2id, one-time codes by TOTP (RFC 6238).

Argon2id with the library's defaults (RFC 9106, second recommended option: 64 MiB, 3 passes): some 50 ms a
guess on one core. The TOTP secret is sealed: whoever reads the database cannot make codes.
"""

from __future__ import annotations

import base64
import hmac
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from registry.keys.envelope import DataKey, open_envelope, record_aad, seal
from registry.keys.primitives import derive, random_bytes
from registry.model.clock import SECOND, Micros

STEP: Micros = 30 * SECOND
"""How long one code is shown (RFC 6238 section 5.2)."""

_HASHER = PasswordHasher()


def account_key(root: bytes) -> DataKey:
    """The key that seals the TOTP secrets of a workspace, from its 32-byte root."""
    return DataKey(derive(root, b"registry/accounts"))


def new_password() -> str:
    """A password of 100 random bits, in five groups that can be typed."""
    text = base64.b32encode(random_bytes(13)).decode().lower()[:20]
    return "-".join(text[start : start + 4] for start in range(0, 20, 4))


def hash_password(password: str) -> str:
    """The salted Argon2id hash of a password, with its parameters."""
    return _HASHER.hash(password)


def password_is_right(password_hash: str | None, password: str) -> bool:
    """Whether the password is that of the hash; without a hash it takes as long, and is not."""
    try:
        _HASHER.verify(password_hash or _nobody(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def new_totp_secret() -> str:
    """160 random bits in base32, as authenticators take them (RFC 4226 section 4)."""
    return base64.b32encode(random_bytes(20)).decode()


def totp_uri(secret: str, name: str, issuer: str) -> str:
    """The `otpauth:` URI that authenticators scan."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))


def step_of_code(secret: str, code: str, at: Micros) -> int | None:
    """The 30-second step that a code belongs to: the present one or a neighbour, None for a wrong code."""
    generator, present = pyotp.TOTP(secret), at // STEP
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode()):
            return step
    return None


def seal_totp(key: DataKey, workspace: bytes, account: bytes, secret: str) -> bytes:
    """A TOTP secret, sealed for its account."""
    return seal(key, secret.encode(), record_aad(b"account", workspace, b"", account, b"totp"))


def open_totp(key: DataKey, workspace: bytes, account: bytes, sealed: bytes) -> str:
    """The TOTP secret of an account.

    Raises:
        SealBroken: it was altered, or is another account's.
    """
    return open_envelope(key, sealed, record_aad(b"account", workspace, b"", account, b"totp")).decode()


def same_text(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


@cache
def _nobody() -> str:
    return hash_password(new_password())
