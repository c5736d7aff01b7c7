"""Envelopes: one value sealed under one data key, and one event's parts sealed under several.

The associated data says which record the value belongs to, so that a ciphertext moved to another
row, field, person or workspace does not open. Layouts: docs/reference/formats.md.
"""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING, NewType, NoReturn, Self

from registry.keys.primitives import (
    KEY_BYTES,
    KEY_ID_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    aead,
    aead_open,
    aead_seal,
    key_id,
    random_bytes,
)
from registry.model.errors import Forbidden, InvalidInput, SealBroken
from registry.model.grants import OpenGrant

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Sealed = NewType("Sealed", bytes)
"""An envelope: `version | key id | nonce | ciphertext | tag`. Safe at rest."""

ENVELOPE_VERSION = b"\x01"
HEADER_BYTES = len(ENVELOPE_VERSION) + KEY_ID_BYTES
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES
"""How many bytes an envelope is longer than its plaintext: 33."""

_AAD_LENGTHS = Struct(">5H")


class DataKey:
    """One DEK: 32 random bytes with a cipher that is ready for use. The `repr` hides it.

    It cannot be pickled, so that it never slips into a queue, a cache file or another process.
    """

    __slots__ = ("_secret", "cipher", "header")

    cipher: AESGCM
    header: bytes

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError("a key is 32 bytes")
        self._secret = secret

    def __getattr__(self, name: str) -> AESGCM | bytes:
        """Cipher and header, made when first asked for: of a bundle's keys, one or two are used."""
        if name not in ("cipher", "header"):
            raise AttributeError(name)
        self.cipher = aead(self._secret)
        self.header = ENVELOPE_VERSION + key_id(self._secret)
        return self.cipher if name == "cipher" else self.header

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls(random_bytes(KEY_BYTES))

    def reveal(self) -> bytes:
        """The 32 key bytes, only for wrapping them into a bundle."""
        return self._secret

    def __repr__(self) -> str:
        return "DataKey(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key is not to be serialised")


def record_aad(kind: bytes, workspace: bytes, fragment: bytes, record: bytes, field: bytes) -> bytes:
    """The associated data of one field of one record: five lengths (2 bytes each), then the five values.

    The lengths stand first, so that no two different records share the same bytes.

    Raises:
        InvalidInput: a value is longer than 65,535 bytes.
    """
    try:
        lengths = _AAD_LENGTHS.pack(len(kind), len(workspace), len(fragment), len(record), len(field))
    except struct_error:
        raise InvalidInput("a part of the associated data is longer than 65535 bytes") from None
    return b"".join((lengths, kind, workspace, fragment, record, field))


def seal(key: DataKey, plaintext: bytes, aad: bytes) -> Sealed:
    """Seal a value under a data key for the record that `aad` (see `record_aad`) names."""
    header = key.header
    return Sealed(header + aead_seal(key.cipher, plaintext, header + aad))


def open_sealed(key: DataKey, sealed: bytes, aad: bytes, grant: OpenGrant, compartment: str) -> bytes:
    """The plaintext of `seal`, for a caller whose grant covers the compartment.

    Raises:
        Forbidden: the grant is of another workspace than the record, or does not cover the compartment.
        SealBroken: it does not open; `extra["failure"]` is `truncated`, `unknown-version`,
            `wrong-key` or `altered` (which includes a value moved from another record).
    """
    # `require_workspace`, `covers` and `open_envelope` without their calls: every value that is read comes by here.
    workspace, allowed, header = grant.workspace_id, grant.compartments, key.header
    if len(aad) < _AAD_LENGTHS.size or (aad[2] << 8) + aad[3] != len(workspace):
        require_workspace(grant, aad)
    if not aad.startswith(workspace, _AAD_LENGTHS.size + (aad[0] << 8) + aad[1]):
        raise Forbidden("the grant was given for another workspace")
    if allowed is not None and compartment not in allowed:
        raise Forbidden("the grant does not cover this compartment", extra={"compartment": compartment})
    if len(sealed) < OVERHEAD_BYTES or not sealed.startswith(header):
        return open_envelope(key, sealed, aad)
    return aead_open(key.cipher, sealed, header + aad, HEADER_BYTES)


def open_envelope(key: DataKey, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of an envelope; within this room, after the grant has been checked."""
    header = key.header
    if len(sealed) < OVERHEAD_BYTES:
        raise SealBroken("the sealed value is cut short", extra={"failure": "truncated"})
    if not sealed.startswith(header):
        if sealed[:1] != ENVELOPE_VERSION:
            raise SealBroken("the sealed value is of an unknown version", extra={"failure": "unknown-version"})
        raise SealBroken("the value is sealed under another key", extra={"failure": "wrong-key"})
    return aead_open(key.cipher, sealed, header + aad, HEADER_BYTES)


def require_workspace(grant: OpenGrant, aad: bytes) -> None:
    """Refuse a grant that was given for another workspace than that of the associated data.

    Raises:
        Forbidden: it is another workspace's.
        InvalidInput: the associated data was not made by `record_aad`.
    """
    workspace = grant.workspace_id
    if len(aad) < _AAD_LENGTHS.size:
        raise InvalidInput("the associated data is not that of a record")
    # The first two lengths, read by hand: this stands on the way of every value that is opened.
    start = _AAD_LENGTHS.size + (aad[0] << 8) + aad[1]
    if (aad[2] << 8) + aad[3] != len(workspace) or not aad.startswith(workspace, start):
        raise Forbidden("the grant was given for another workspace")
