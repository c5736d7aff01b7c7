"""Salted commitments: an audit leaf says that a detail existed without saying what it is.

The salt and the detail lie beside the log under the person's key. Once that is shredded, the
commitment can be neither opened nor guessed at, and the log still proves what it proved.
"""

from __future__ import annotations

from registry.keys.primitives import hmac_sha256, random_bytes

SALT_BYTES = 32


def new_salt() -> bytes:
    """A salt for one commitment: 32 random bytes."""
    return random_bytes(SALT_BYTES)


def commit(salt: bytes, detail: bytes) -> bytes:
    """The 32-byte commitment to a detail: HMAC-SHA256 with the salt as its key.

    Hiding while the salt is unknown (a keyed pseudo-random function), binding always: salts have one
    length, so no two pairs share a commitment unless SHA-256 collides.

    Raises:
        ValueError: the salt is not 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError("a commitment's salt is 32 bytes")
    return hmac_sha256(salt, detail)
