"""Whatever is done to a log is found from a checkpoint that was kept; a log that only grew is not accused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.audit.checkpoint import Checkpoint
from registry.audit.entry import AuditAction, Entry
from registry.audit.tree import EMPTY_ROOT, Frontier, leaf_hash
from registry.audit.verification import LogFault, verify_log

ENTRIES = st.builds(
    Entry,
    at=st.integers(0, 2**62),
    actor=st.sampled_from(["operator", "app:shop", "person:officer"]),
    action=st.sampled_from([action.value for action in AuditAction]),
    outcome=st.sampled_from(["done", "denied"]),
    subject_commitment=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
    fields=st.dictionaries(st.text(max_size=5), st.integers(0, 2**53) | st.text(max_size=5), max_size=3),
).map(Entry.canonical)

LOGS = st.lists(ENTRIES, min_size=2, max_size=30, unique=True)


def kept(log: list[bytes], *sizes: int) -> list[Checkpoint]:
    """The checkpoints that the log would have given at these sizes."""
    return [Checkpoint("registry/test", size, root(log[:size])) for size in sizes]


def root(log: list[bytes]) -> bytes:
    frontier = Frontier(0, ())
    for entry in log:
        frontier, _ = frontier.append(leaf_hash(entry))
    return frontier.root()


def kinds(log: list[bytes], checkpoints: list[Checkpoint]) -> set[str]:
    return {fault.kind for fault in verify_log(log, checkpoints)}


@given(LOGS, st.data())
def test_a_log_extends_every_checkpoint_it_ever_gave(log: list[bytes], data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, len(log)), max_size=6))
    assert verify_log(log, kept(log, *sizes)) == []


@given(LOGS, ENTRIES, st.data())
def test_every_way_of_tampering_is_found_from_one_kept_checkpoint(
    log: list[bytes], other: bytes, data: st.DataObject
) -> None:
    checkpoint = kept(log, data.draw(st.integers(1, len(log))))
    size = checkpoint[0].size
    at = data.draw(st.integers(0, size - 1))
    to = data.draw(st.integers(0, size - 1).filter(lambda position: position != at or size == 1))
    moved = [entry for position, entry in enumerate(log) if position != at]
    tampered = {
        "edit": [*log[:at], other, *log[at + 1 :]],
        "delete": [*log[:at], *log[at + 1 :]],
        "insert": [*log[:at], other, *log[at:]],
        "duplicate": [*log[:at], log[at], *log[at:]],
        "reorder": [*moved[:to], log[at], *moved[to:]],
        "truncate": log[:at],
        "fork": [*log[:at], *[other] * (len(log) - at)],
    }
    for way, changed in tampered.items():
        if changed[:size] == log[:size]:
            continue  # such as one entry moved to where it stood
        assert kinds(changed, checkpoint) & {"changed", "truncated"}, way


@given(LOGS, st.data())
def test_any_changed_bit_of_an_entry_is_found(log: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log) - 1))
    byte, bit = data.draw(st.integers(0, len(log[at]) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(log[at])
    changed[byte] ^= 1 << bit
    assert "changed" in kinds([*log[:at], bytes(changed), *log[at + 1 :]], kept(log, len(log)))


@given(LOGS, st.data())
def test_a_log_that_was_cut_short_says_how_far_it_reaches(log: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log) - 1))
    faults = verify_log(log[:cut], kept(log, cut, len(log)))
    assert [(fault.kind, fault.position) for fault in faults] == [("truncated", cut)]


@given(LOGS, ENTRIES)
def test_two_checkpoints_of_one_size_that_differ_are_a_fork_whichever_the_log_follows(
    log: list[bytes], other: bytes
) -> None:
    shown = [*log[:-1], other] if other != log[-1] else log[::-1]
    both = [*kept(log, len(log)), *kept(shown, len(shown))]
    for order in (both, both[::-1]):
        assert kinds(log, order) == kinds(shown, order) == {"forked", "changed"}


def test_an_empty_log_is_held_against_the_checkpoint_of_no_entries() -> None:
    assert verify_log([], [Checkpoint("o", 0, EMPTY_ROOT)]) == []
    assert kinds([], [Checkpoint("o", 0, b"\0" * 32)]) == {"changed"}


@pytest.mark.parametrize(
    "entry", [b"", b"{}", b"null", b"[" * 100_000, b'{"at":' * 5_000, b"\xff", b'{"format":1}', b"1" * 10_000]
)
def test_an_entry_that_cannot_be_read_is_found_where_it_stands(entry: bytes) -> None:
    good = Entry(1, "operator", "workspace:created", "done").canonical()
    log = [good, entry, good]
    assert verify_log(log, kept(log, 3)) == [LogFault("unreadable", 1, "the bytes are not an entry")]
