"""A lock between processes: a file that is there only while somebody holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def held_file(path: Path) -> Iterator[bool]:
    """Whether the lock of this file was had, for as long as the block lasts; it never waits."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    held = False
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = _is_at(path, descriptor)  # who held it before may have taken the file away just now
        yield held
    finally:
        if held:
            path.unlink(missing_ok=True)  # still under the lock: nobody can hold another file of this name
        os.close(descriptor)  # which gives the lock back


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that stands at a path now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
