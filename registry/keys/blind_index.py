"""Blind indexes: keyed hashes under which identifiers are found without being stored in plaintext."""

from __future__ import annotations

from registry.keys.primitives import derive, hmac_sha256
from registry.model.ids import BlindIndex, MessageKey

INDEX_BYTES = 16
"""128 bits: no chance of two people sharing one, half the index size of a whole HMAC."""


class BlindIndexer:
    """The look-up hashes of one workspace. The `repr` hides the keys.

    Each kind of identifier has a key of its own, so that the same text as an e-mail and as a user id
    gives unrelated hashes; another workspace's root gives unrelated hashes throughout.

    Args:
        root: 32 random bytes, kept wrapped in the keystore as a workspace secret.
    """

    __slots__ = ("_keys", "_message_key", "_root")

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._keys: dict[str, bytes] = {}
        self._message_key = derive(root, b"registry/message-key")

    def index(self, kind: str, normalised: str) -> BlindIndex:
        """The 16-byte hash of an identifier; the value is normalised by the identity rules before.

        `kind` is one of the policy's kinds: a key is kept for each that was asked for.
        """
        key = self._keys.get(kind)
        if key is None:
            key = self._keys[kind] = derive(self._root, b"registry/blind-index/" + kind.encode())
        return BlindIndex(hmac_sha256(key, normalised.encode())[:INDEX_BYTES])

    def message_key(self, message_id: str) -> MessageKey:
        """The 16-byte hash of a sender's message id, by which messages are deduplicated."""
        return MessageKey(hmac_sha256(self._message_key, message_id.encode())[:INDEX_BYTES])

    def __repr__(self) -> str:
        return "BlindIndexer(hidden)"


def hidden_name(indexer: BlindIndexer, trait: str) -> str:
    """What stands in the clear for a trait's name that no plan knows, and that so may hold anything."""
    return f"~{indexer.index('trait', trait).hex()}"


class SuppressionIndexer:
    """The hashes by which erased and objecting people are recognised. The `repr` hides the key.

    Its root is another than the blind index's: the memory that outlives a person's data cannot be
    matched with the index entries of an old backup.
    """

    __slots__ = ("_keys", "_root")

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._keys: dict[str, bytes] = {}

    def key(self, kind: str, normalised: str) -> bytes:
        """The 16-byte suppression key of an identifier; `kind` is one of the policy's kinds."""
        derived = self._keys.get(kind)
        if derived is None:
            derived = self._keys[kind] = derive(self._root, b"registry/suppression/" + kind.encode())
        return hmac_sha256(derived, normalised.encode())[:INDEX_BYTES]

    def __repr__(self) -> str:
        return "SuppressionIndexer(hidden)"
