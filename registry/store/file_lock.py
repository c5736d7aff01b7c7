"""A lock between processes: a file that is there only while somebody holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FIRST_LOOK_S, LAST_LOOK_S = 0.01, 0.5
"""After which a lock that somebody holds is tried again: no system waits for one so long and no longer."""


@contextmanager
def held_file(path: Path, within_s: float = 0) -> Iterator[bool]:
    """Whether the lock of this file was had, for as long as the block lasts.

    Args:
        within_s: for how long it is waited for; 0 for not at all.
    """
    until, pause = time.monotonic() + within_s, FIRST_LOOK_S
    while (descriptor := _taken(path)) is None and (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, LAST_LOOK_S)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # still under the lock: nobody can hold another file of this name
            os.close(descriptor)  # which gives the lock back


def _taken(path: Path) -> int | None:
    """The open file, locked; None where somebody else holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    held = False
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = _is_at(path, descriptor)  # who held it before may have taken the file away just now
    finally:
        if not held:
            os.close(descriptor)
    return descriptor if held else None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that stands at a path now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
