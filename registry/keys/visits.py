"""Visits of the privacy centre: who the visitor is lies sealed under a key that only their browser holds.

The key is derived from the visit's token, which is nowhere at rest: whoever has the database can
neither read the address nor try the six digits of a code.
"""

from __future__ import annotations

import hmac

from registry.keys.envelope import DataKey, open_envelope, record_aad, seal
from registry.keys.primitives import derive, hmac_sha256, random_bytes

CODE_DIGITS = 6


def new_code() -> str:
    """Six random digits; 2^64 is so much larger than a million that none is likelier."""
    return f"{int.from_bytes(random_bytes(8)) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def code_hash(token: str, code: str) -> bytes:
    """What is kept of a code: a keyed hash, whose key only the visitor has."""
    return hmac_sha256(derive(token.encode(), b"registry/visit-code"), code.encode())


def is_code(token: str, kept: bytes, code: str) -> bool:
    """Whether a code is the one that was kept."""
    return hmac.compare_digest(code_hash(token, code), kept)


def seal_visitor(token: str, workspace: bytes, visit_hash: bytes, visitor: bytes) -> bytes:
    """The visitor, sealed for their visit."""
    return seal(_key(token), visitor, _aad(workspace, visit_hash))


def open_visitor(token: str, workspace: bytes, visit_hash: bytes, sealed: bytes) -> bytes:
    """The visitor of a visit.

    Raises:
        SealBroken: it is another visit's, or was altered.
    """
    return open_envelope(_key(token), sealed, _aad(workspace, visit_hash))


def _key(token: str) -> DataKey:
    return DataKey(derive(token.encode(), b"registry/visit"))


def _aad(workspace: bytes, visit_hash: bytes) -> bytes:
    return record_aad(b"visit", workspace, b"", visit_hash, b"visitor")
