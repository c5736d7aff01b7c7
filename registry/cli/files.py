"""Files that commands write: there once all of it is written, so that half of one is never taken for the whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from registry.model.errors import Conflict, InvalidInput

PRIVATE, SHARED = 0o600, 0o666
"""Modes of files: of what holds somebody's data, and of everything else (less what the umask takes away)."""


def require_absent(path: Path, option: str = "--to") -> None:
    """Go on only if there is no such file yet.

    Raises:
        Conflict: there is one.
    """
    if path.exists():
        raise Conflict(f"{path} exists already", hint=f"name another file with {option}")


@contextmanager
def written_whole(path: Path, mode: int = SHARED) -> Iterator[BinaryIO]:
    """What is written goes beside the file, and becomes it at the end of the block; of an error nothing stays.

    Raises:
        Conflict: there is a file of this name, by now: nothing is written over.
        InvalidInput: there is no folder for it.
        OSError: it cannot be written.
    """
    require_absent(path)
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}", hint=f"make it first: mkdir -p {path.parent}")
    beside = path.with_name(f".{path.name}.{token_hex(4)}.part")
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        require_absent(path)
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
