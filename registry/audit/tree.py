"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): hashes, append, proofs.

Why it is our own: docs/decisions/0008-own-merkle-tree.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from registry.model.errors import StoreUnavailable

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32

NodeAt = Callable[[int, int], bytes]
"""Digest of the complete node at (level, position): the leaves are level 0."""


class Node(NamedTuple):
    """A complete subtree's digest and place."""

    level: int
    position: int
    digest: bytes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: prefix 0x00 keeps leaves and nodes apart."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: prefix 0x01."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees along the right edge, largest first: all that an append needs.

    There is one digest per bit set in `size`.
    """

    size: int
    digests: tuple[bytes, ...]

    @classmethod
    def decode(cls, size: int, data: bytes) -> Frontier:
        """The frontier of a tree of `size` leaves.

        Raises:
            StoreUnavailable: the data does not belong to a tree of that size; the log's head is damaged.
        """
        if len(data) != HASH_BYTES * size.bit_count():
            hint = "run: registry audit verify, and restore a backup"
            raise StoreUnavailable("the head of the audit log does not belong to a log of its size", hint=hint)
        return cls(size, tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)))

    def encode(self) -> bytes:
        """The digests, one after the other."""
        return b"".join(self.digests)

    def append(self, digest: bytes) -> tuple[Frontier, list[Node]]:
        """The frontier with one more leaf, and the nodes that it completes (the leaf first)."""
        level, position = 0, self.size
        completed = [Node(level, position, digest)]
        digests = list(self.digests)
        while position & 1:
            digest = node_hash(digests.pop(), digest)
            level, position = level + 1, position >> 1
            completed.append(Node(level, position, digest))
        return Frontier(self.size + 1, (*digests, digest)), completed

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self.digests:
            return EMPTY_ROOT
        digest = self.digests[-1]
        for left in reversed(self.digests[:-1]):
            digest = node_hash(left, digest)
        return digest


def range_root(start: int, end: int, node_at: NodeAt) -> bytes:
    """The hash of leaves `start` to `end`, where `start` begins a subtree large enough to hold them."""
    size = end - start
    level = size.bit_length() - 1
    if size == 1 << level:
        return node_at(level, start >> level)
    split = 1 << level
    return node_hash(range_root(start, start + split, node_at), range_root(start + split, end, node_at))


def inclusion_path(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """The audit path of a leaf in the tree of `size` leaves (RFC 6962 section 2.1.1)."""
    return _path(index, 0, size, node_at)


def _path(index: int, start: int, end: int, node_at: NodeAt) -> list[bytes]:
    if end - start == 1:
        return []
    split = _split(end - start)
    if index < split:
        return [*_path(index, start, start + split, node_at), range_root(start + split, end, node_at)]
    return [*_path(index - split, start + split, end, node_at), range_root(start, start + split, node_at)]


def consistency_path(old: int, new: int, node_at: NodeAt) -> list[bytes]:
    """The proof that the tree of `new` leaves extends that of `old` (RFC 6962 section 2.1.2)."""
    return _subproof(old, 0, new, node_at, complete=True) if 0 < old < new else []


def _subproof(old: int, start: int, end: int, node_at: NodeAt, *, complete: bool) -> list[bytes]:
    size = end - start
    if old == size:
        return [] if complete else [range_root(start, end, node_at)]
    split = _split(size)
    if old <= split:
        left = _subproof(old, start, start + split, node_at, complete=complete)
        return [*left, range_root(start + split, end, node_at)]
    right = _subproof(old - split, start + split, end, node_at, complete=False)
    return [*right, range_root(start, start + split, node_at)]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves that the leaf hash stands at `index` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    inner, last, digest = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if inner & 1 or inner == last:
            digest = node_hash(step, digest)
            while not inner & 1 and inner:
                inner, last = inner >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        inner, last = inner >> 1, last >> 1
    return last == 0 and digest == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that the new tree extends the old (RFC 9162 section 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if old > new or not path:
        return False
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    inner, last = old - 1, new - 1
    while inner & 1:
        inner, last = inner >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if inner & 1 or inner == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not inner & 1 and inner:
                inner, last = inner >> 1, last >> 1
        else:
            second = node_hash(second, step)
        inner, last = inner >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
