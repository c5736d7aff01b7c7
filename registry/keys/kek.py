"""One KEK held in memory: how the services that hold raw KEKs wrap with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from registry.keys.kms import WRAPPED_HEADER_BYTES, wrapped_header
from registry.keys.primitives import (
    KEY_ID_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    aead,
    aead_open,
    aead_seal,
    derive,
    key_id,
)
from registry.model.errors import SealBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LOCAL_WRAP_VERSION = b"\x31"

_PREFIX_BYTES = WRAPPED_HEADER_BYTES + KEY_ID_BYTES


class Kek:
    """One generation's 32-byte KEK. The `repr` hides it and it cannot be pickled.

    Each wrapped value has a key of its own, derived from the KEK and the associated data, so that one
    KEK may wrap any number of bundles within the bound on random nonces.
    """

    __slots__ = ("_id", "_secret", "generation")

    def __init__(self, secret: bytes, generation: int) -> None:
        self._secret = secret
        self._id = key_id(secret)
        self.generation = generation

    def wrap(self, plaintext: bytes, aad: bytes) -> bytes:
        """`version | generation | KEK id | nonce | ciphertext | tag`."""
        prefix = wrapped_header(LOCAL_WRAP_VERSION, self.generation) + self._id
        return prefix + aead_seal(self._cipher_for(aad), plaintext, prefix + aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """The plaintext of `wrap`.

        Raises:
            SealBroken: truncated, of an unknown version, under another KEK, or altered or moved.
        """
        if len(wrapped) < _PREFIX_BYTES + NONCE_BYTES + TAG_BYTES:
            raise SealBroken("the wrapped key is cut short", extra={"failure": "truncated"})
        if wrapped[:1] != LOCAL_WRAP_VERSION:
            raise SealBroken("the wrapped key is of an unknown version", extra={"failure": "unknown-version"})
        prefix = wrapped[:_PREFIX_BYTES]
        if prefix[WRAPPED_HEADER_BYTES:] != self._id:
            raise SealBroken("the key is wrapped under another KEK", extra={"failure": "wrong-key"})
        return aead_open(self._cipher_for(aad), wrapped[_PREFIX_BYTES:], prefix + aad)

    def _cipher_for(self, aad: bytes) -> AESGCM:
        return aead(derive(self._secret, b"registry/wrap/v1/" + aad))

    def __repr__(self) -> str:
        return f"Kek(generation {self.generation}, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KEK is not to be serialised")
