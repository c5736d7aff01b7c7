"""The tree hashes as RFC 6962 does, and its proofs convince exactly of what is so."""

from __future__ import annotations

from hashlib import sha256

import merkle_reference as rfc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from registry.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from registry.model.errors import StoreUnavailable

LARGEST = 64
ENTRIES = [sha256(bytes([number])).digest()[: number % 7] + bytes([number]) for number in range(LARGEST)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def grown(entries: list[bytes]) -> tuple[list[Frontier], dict[tuple[int, int], bytes]]:
    """The frontier at every size, and every complete node that the appends have made."""
    frontiers, nodes = [Frontier(0, ())], {}
    for entry in entries:
        frontier, completed = frontiers[-1].append(leaf_hash(entry))
        for node in completed:
            assert (node.level, node.position) not in nodes, "a complete node never changes"
            nodes[node.level, node.position] = node.digest
        frontiers.append(frontier)
    return frontiers, nodes


FRONTIERS, NODES = grown(ENTRIES)
ROOTS = [frontier.root() for frontier in FRONTIERS]


def node_at(level: int, position: int) -> bytes:
    return NODES[level, position]


@pytest.mark.parametrize("size", range(9))
def test_the_public_vectors_have_their_roots(size: int) -> None:
    frontiers, _ = grown(rfc.VECTOR_LEAVES[:size])
    assert frontiers[-1].root().hex() == rfc.VECTOR_ROOTS[size]


def test_another_implementation_finds_the_same_roots_and_paths() -> None:
    other = InmemoryTree(algorithm="sha256")
    for size, entry in enumerate(ENTRIES, start=1):
        other.append_entry(entry)
        assert other.get_root() == ROOTS[size]
    for index in range(LARGEST):
        proof = other.prove_inclusion(index + 1)  # it counts from one, and puts the leaf's own hash first
        assert proof.path == [LEAVES[index], *inclusion_path(index, LARGEST, node_at)]


def test_a_leaf_is_not_a_node() -> None:
    assert leaf_hash(b"ab") == sha256(b"\x00ab").digest()
    assert node_hash(b"a", b"b") == sha256(b"\x01ab").digest()
    assert EMPTY_ROOT == sha256(b"").digest()


def test_every_root_is_that_of_the_reference() -> None:
    assert [rfc.mth(ENTRIES[:size]) for size in range(LARGEST + 1)] == ROOTS


def test_every_complete_node_is_the_root_of_its_leaves() -> None:
    for (level, position), digest in NODES.items():
        assert digest == rfc.mth(ENTRIES[position << level : (position + 1) << level])
        assert range_root(position << level, (position + 1) << level, node_at) == digest


def test_every_inclusion_path_is_that_of_the_reference_and_verifies() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            path = inclusion_path(index, size, node_at)
            assert path == rfc.path(index, ENTRIES[:size])
            assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


def test_every_consistency_path_is_that_of_the_reference_and_verifies() -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            path = consistency_path(old, new, node_at)
            assert path == (rfc.proof(old, ENTRIES[:new]) if 0 < old < new else [])
            assert verify_consistency(old, new, ROOTS[old], ROOTS[new], path)


def test_an_inclusion_path_proves_nothing_else() -> None:
    for size in range(1, 18):
        for index in range(size):
            path = inclusion_path(index, size, node_at)
            for other in range(size):
                if other != index:
                    assert not verify_inclusion(LEAVES[index], other, size, path, ROOTS[size])
                    assert not verify_inclusion(LEAVES[other], index, size, path, ROOTS[size])
            assert not verify_inclusion(LEAVES[index], index, size, path, ROOTS[size + 1])
            assert not verify_inclusion(LEAVES[index], index, size, [*path, LEAVES[0]], ROOTS[size])
            assert not path or not verify_inclusion(LEAVES[index], index, size, path[:-1], ROOTS[size])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (9, 4), (0, 0), (-1, 0)])
def test_a_position_outside_of_the_tree_is_never_proven(index: int, size: int) -> None:
    assert not verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])
    assert not verify_inclusion(LEAVES[0], index, size, inclusion_path(0, 4, node_at), ROOTS[4])


def test_a_consistency_path_proves_nothing_else() -> None:
    for new in range(1, 18):
        for old in range(1, new):
            path = consistency_path(old, new, node_at)
            assert not verify_consistency(old, new, ROOTS[old + 1], ROOTS[new], path)
            assert not verify_consistency(old, new, ROOTS[old], ROOTS[new + 1], path)
            assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], [*path, LEAVES[0]])
            assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], path[:-1])
            assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], path[1:])


def test_a_log_of_one_size_is_consistent_with_itself_alone() -> None:
    assert verify_consistency(5, 5, ROOTS[5], ROOTS[5], [])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[6], [])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[5], [LEAVES[0]])
    assert not verify_consistency(6, 5, ROOTS[6], ROOTS[5], [])
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_consistency(0, 5, ROOTS[1], ROOTS[5], [])


@given(st.data())
def test_any_changed_bit_of_a_proof_is_found(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    index = data.draw(st.integers(0, new - 1))
    inclusion, consistency = inclusion_path(index, new, node_at), consistency_path(old, new, node_at)
    for path, holds in (
        (inclusion, lambda p: verify_inclusion(LEAVES[index], index, new, p, ROOTS[new])),
        (consistency, lambda p: verify_consistency(old, new, ROOTS[old], ROOTS[new], p)),
    ):
        assert holds(path)
        place = data.draw(st.integers(0, len(path) - 1))
        byte, bit = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7))
        changed = bytearray(path[place])
        changed[byte] ^= 1 << bit
        assert not holds([*path[:place], bytes(changed), *path[place + 1 :]])


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
def test_a_stored_frontier_goes_on_as_if_it_had_never_been_stored(entries: list[bytes], cut: int) -> None:
    frontier = grown(entries[:cut])[0][-1]
    stored = Frontier.decode(frontier.size, frontier.encode())
    assert stored == frontier
    for entry in entries[cut:]:
        stored, _ = stored.append(leaf_hash(entry))
    assert stored == grown(entries)[0][-1]
    assert len(stored.digests) == stored.size.bit_count()


@pytest.mark.parametrize(("size", "length"), [(1, 0), (0, 32), (3, 32), (4, 64), (1, 31), (1, 33)])
def test_a_frontier_of_another_size_is_refused(size: int, length: int) -> None:
    with pytest.raises(StoreUnavailable, match="size"):
        Frontier.decode(size, b"\0" * length)
