"""Bytes set aside for a moment: few in memory, more on disk under a key that lives in this object alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from registry.keys.primitives import KEY_BYTES, aead, aead_open, aead_seal, random_bytes

FRAME_BYTES = 64 * 1024
_LENGTH_BYTES = 4


class Spool:
    """Written first and then read from its start, in constant memory: what is more than a frame waits, sealed, in an
    unnamed temporary file.
    """

    def __init__(self) -> None:
        self._cipher = aead(random_bytes(KEY_BYTES))
        self._file: Any = None
        self._buffer = bytearray()
        self._frames = 0

    def write(self, data: bytes) -> None:
        """Set some bytes aside."""
        self._buffer += data
        if len(self._buffer) >= FRAME_BYTES:
            self._flush()

    def chunks(self) -> Iterator[bytes]:
        """Everything that was written, from the start."""
        if self._file is not None:
            self._file.seek(0)
        for frame in range(self._frames):
            length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
            yield aead_open(self._cipher, self._file.read(length), frame.to_bytes(8, "big"))
        if self._buffer:
            yield bytes(self._buffer)

    def close(self) -> None:
        """Let go of the file and the key: nothing of it can be read again."""
        if self._file is not None:
            self._file.close()
        self._buffer.clear()
        del self._cipher

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="registry-")  # noqa: SIM115 - closed by `close`
        sealed = aead_seal(self._cipher, bytes(self._buffer), self._frames.to_bytes(8, "big"))
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)
        self._frames += 1
        self._buffer.clear()
