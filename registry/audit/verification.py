"""The offline verifier: a whole exported log against the checkpoints that an auditor kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from registry.audit.checkpoint import Checkpoint
from registry.audit.entry import Entry
from registry.audit.tree import Frontier, leaf_hash
from registry.model.errors import InvalidInput


class LogFault(NamedTuple):
    """What is wrong with a log: `kind` is `unreadable`, `truncated`, `changed` or `forked`."""

    kind: str
    position: int
    detail: str


def verify_log(entries: Iterable[bytes], kept: Sequence[Checkpoint]) -> list[LogFault]:
    """Every fault of a log against the checkpoints; none means that it extends all of them unchanged.

    An entry that was edited, removed, inserted or put elsewhere changes the root at every checkpoint
    after it; a log that was cut short does not reach the size of one; two checkpoints of one size with
    different roots mean that different logs were shown to different people.
    """
    wanted: dict[int, set[bytes]] = {}
    for checkpoint in kept:
        wanted.setdefault(checkpoint.size, set()).add(checkpoint.root)
    forks = sorted(size for size, roots in wanted.items() if len(roots) > 1)
    faults = [LogFault("forked", size, "two checkpoints of this size differ") for size in forks]
    frontier = Frontier(0, ())
    _compare(wanted.pop(0, set()), frontier, faults)
    for position, entry in enumerate(entries):
        frontier, _ = frontier.append(leaf_hash(entry))
        try:
            Entry.parse(entry)
        except InvalidInput:
            faults.append(LogFault("unreadable", position, "the bytes are not an entry"))
        _compare(wanted.pop(frontier.size, set()), frontier, faults)
    faults += [
        LogFault("truncated", frontier.size, f"the log ends before the checkpoint of {size} entries")
        for size in sorted(wanted)
    ]
    return faults


def _compare(roots: set[bytes], frontier: Frontier, faults: list[LogFault]) -> None:
    if roots - {frontier.root()}:
        detail = f"an entry before position {frontier.size} was changed, removed, inserted or moved"
        faults.append(LogFault("changed", frontier.size, detail))
