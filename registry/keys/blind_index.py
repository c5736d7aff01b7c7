"""Blind indexes: keyed hashes under which identifiers are found without being stored in plaintext."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import groupby

from registry.keys.primitives import KeyedHash, derive
from registry.model.ids import BlindIndex, MessageKey

INDEX_BYTES = 16
"""128 bits: no chance of two people sharing one, half the index size of a whole HMAC."""


class BlindIndexer:
    """The look-up hashes of one workspace. The `repr` hides the keys.

    Each kind of identifier has a key of its own, so that the same text as an e-mail and as a user id
    gives unrelated hashes; another workspace's root gives unrelated hashes throughout.

    Roots are rotated for identifiers alone: what is hashed here and kept nowhere in full (`lasting`,
    `message_key`) could not be hashed again, and stays under the first root.

    Args:
        root: 32 random bytes, kept wrapped in the keystore as a workspace secret.
        later: the roots of the versions after the first.
        writing: the version that new identifiers are stored under.
        settled: the newest version that every stored identifier is under, or a later one.
    """

    __slots__ = ("_keys", "_message_key", "_others", "_roots", "several", "version")

    def __init__(
        self, root: bytes, later: Mapping[int, bytes] | None = None, *, writing: int = 1, settled: int = 1
    ) -> None:
        self._roots = {1: root} | dict(later or {})
        self._keys: dict[tuple[int, str], KeyedHash] = {}
        self._message_key = KeyedHash(derive(root, b"registry/message-key"))
        self.version = max(writing, settled)
        self._others = [version for version in sorted(self._roots) if settled <= version != self.version]
        self.several = bool(self._others)

    def index(self, kind: str, normalised: str) -> BlindIndex:
        """The 16-byte hash of an identifier; the value is normalised by the identity rules before.

        `kind` is one of the policy's kinds: a key is kept for each that was asked for.
        """
        return BlindIndex(self._hash(self.version, kind, normalised))

    def index_each(self, kinds: Sequence[str], normalised: Sequence[str]) -> bytes:
        """`index` of many identifiers, in their order, one after the other."""
        return _index_each(partial(self._key, self.version), kinds, normalised)

    def kind_keys(self, kinds: Iterable[str]) -> KindKeys:
        """The keys under which `index` hashes these kinds, for a process of our own that hashes for this one."""
        return KindKeys({kind: self._derived(self.version, kind) for kind in kinds})

    def indexes(self, kind: str, normalised: str) -> tuple[BlindIndex, ...]:
        """Every hash that the identifier may stand under, `index` first; more than one only while they move."""
        own = self.index(kind, normalised)
        return (own, *(BlindIndex(self._hash(version, kind, normalised)) for version in self._others))

    def every(self, kind: str, normalised: str) -> set[BlindIndex]:
        """The hashes under all versions there ever were: for what is never moved, such as quarantine's subjects."""
        return {BlindIndex(self._hash(version, kind, normalised)) for version in self._roots}

    def lasting(self, kind: str, text: str) -> bytes:
        """A 16-byte hash that no rotation changes, of what is not an identifier of a person on record."""
        return self._hash(1, kind, text)

    def message_key(self, message_id: str) -> MessageKey:
        """The 16-byte hash of a sender's message id, by which messages are deduplicated."""
        return MessageKey(self._message_key(message_id.encode())[:INDEX_BYTES])

    def _hash(self, version: int, kind: str, text: str) -> bytes:
        return self._key(version, kind)(text.encode())[:INDEX_BYTES]

    def _key(self, version: int, kind: str) -> KeyedHash:
        key = self._keys.get((version, kind))
        if key is None:
            key = self._keys[version, kind] = KeyedHash(self._derived(version, kind))
        return key

    def _derived(self, version: int, kind: str) -> bytes:
        return derive(self._roots[version], b"registry/blind-index/" + kind.encode())

    @property
    def rotated(self) -> bool:
        """Whether there is more than the first root."""
        return len(self._roots) > 1

    def __repr__(self) -> str:
        return "BlindIndexer(hidden)"


class KindKeys:
    """The keys of some kinds under one version: all that hashing identifiers takes. The `repr` hides them.

    It can be pickled, and is, to go through a pipe to a process that this one started; nowhere else.
    """

    __slots__ = ("_derived",)

    def __init__(self, derived: Mapping[str, bytes]) -> None:
        self._derived = dict(derived)

    def index_each(self, kinds: Sequence[str], normalised: Sequence[str]) -> bytes:
        """As `BlindIndexer.index_each`.

        Raises:
            KeyError: it has no key of a kind.
        """
        return _index_each(cache(lambda kind: KeyedHash(self._derived[kind])), kinds, normalised)

    def __repr__(self) -> str:
        return "KindKeys(hidden)"


def _index_each(key_of: Callable[[str], KeyedHash], kinds: Sequence[str], normalised: Sequence[str]) -> bytes:
    start, found = 0, list[bytes]()
    for kind, those in groupby(kinds):
        end = start + sum(1 for _ in those)
        digests = key_of(kind).each([text.encode() for text in normalised[start:end]])
        found += [digest[:INDEX_BYTES] for digest in digests]
        start = end
    return b"".join(found)


def hidden_name(indexer: BlindIndexer, trait: str) -> str:
    """What stands in the clear for a trait's name that no plan knows, and that so may hold anything."""
    return f"~{indexer.lasting('trait', trait).hex()}"


class SuppressionIndexer:
    """The hashes by which erased and objecting people are recognised. The `repr` hides the key.

    Its root is another than the blind index's: the memory that outlives a person's data cannot be
    matched with the index entries of an old backup.
    """

    __slots__ = ("_keys", "_root")

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._keys: dict[str, KeyedHash] = {}

    def key(self, kind: str, normalised: str) -> bytes:
        """The 16-byte suppression key of an identifier; `kind` is one of the policy's kinds."""
        derived = self._keys.get(kind)
        if derived is None:
            derived = self._keys[kind] = KeyedHash(derive(self._root, b"registry/suppression/" + kind.encode()))
        return derived(normalised.encode())[:INDEX_BYTES]

    def __repr__(self) -> str:
        return "SuppressionIndexer(hidden)"
