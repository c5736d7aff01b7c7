"""Identifiers of records. All are 16 bytes: UUIDv7 for what we create, keyed hashes for look-ups.

Bytes are kept inside because every table's key is made of them; `text_id` and `parse_id` are the
only way to and from the canonical UUID text that people and URLs see.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID

from registry.model.errors import InvalidInput

WorkspaceId = NewType("WorkspaceId", bytes)
FragmentId = NewType("FragmentId", bytes)
ProfileId = NewType("ProfileId", bytes)
SourceId = NewType("SourceId", bytes)
EventId = NewType("EventId", bytes)
RecordId = NewType("RecordId", bytes)
RequestId = NewType("RequestId", bytes)

BlindIndex = NewType("BlindIndex", bytes)
"""Keyed hash of a normalised identifier (16 bytes): look-up without plaintext."""

MessageKey = NewType("MessageKey", bytes)
"""Keyed hash of a message id (16 bytes): senders choose message ids, so they may hold anything."""


def text_id(value: bytes) -> str:
    """The canonical UUID text (RFC 9562) of a 16-byte id."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_id(text: str, what: str = "id") -> bytes:
    """The 16 bytes of a canonical UUID text.

    Raises:
        InvalidInput: the text is no UUID; `what` names the field, the text is not echoed.
    """
    try:
        return UUID(text).bytes
    except (ValueError, AttributeError, TypeError):
        raise InvalidInput(f"{what} is not a UUID", pointer=f"/{what}") from None
