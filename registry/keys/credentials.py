"""API keys: shown once, stored as a hash."""

from __future__ import annotations

import base64

from registry.keys.primitives import random_bytes, sha256


def mint_key(prefix: str) -> tuple[str, bytes]:
    """A new API key, as `(secret, hash)`: the secret to show once, the hash to store.

    The secret is the prefix (`rg_write`), `_` and 43 URL-safe characters that hold 256 random bits;
    the prefix lets secret scanners and people see what a leaked key is.
    """
    secret = f"{prefix}_{base64.urlsafe_b64encode(random_bytes(32)).rstrip(b'=').decode()}"
    return secret, hash_key(secret)


def hash_key(secret: str) -> bytes:
    """The 32 bytes under which a key is stored and looked up: its SHA-256.

    A slow, salted hash guards secrets that people choose. These are 256 random bits: there is nothing
    to guess, and one look-up by hash per request stays cheap. The look-up needs no constant-time
    comparison, since an attacker cannot choose the hash's bytes without knowing the secret.
    """
    return sha256(secret.encode())
