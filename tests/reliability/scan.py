"""Searches every byte of files for texts that must not be there, however they may be written down."""

from __future__ import annotations

import base64
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

UNPACKED_BYTES = 16 * 1024 * 1024
PROBED_BYTES = 1024
NESTED = 3
CONTEXT = 24

PACKED = re.compile(rb"\x1f\x8b\x08|PK\x03\x04|\x78[\x01\x5e\x9c\xda]")
"""Where something compressed may begin: a gzip member, a ZIP entry, a zlib stream."""


class Found(NamedTuple):
    """Where a text was found, in which form, and what stands around it."""

    where: str
    form: str
    around: bytes


def forms_of(text: str) -> dict[str, bytes]:
    """The ways in which a text may lie in a file. Long enough a text, and each of them is telling."""
    raw = text.encode()
    forms = {
        "raw": raw,
        "upper case": text.upper().encode(),
        "UTF-16 LE": text.encode("utf-16-le"),
        "UTF-16 BE": text.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "hex, upper case": raw.hex().upper().encode(),
        "URL-encoded": quote(text, safe="").encode(),
        "URL-encoded in full": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "URL-encoded in full, lower case": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "JSON escapes": "".join(f"\\u{ord(character):04x}" for character in text).encode(),
        "reversed": raw[::-1],
    }
    for shift in range(3):
        # The first and last signs of base64 depend on the neighbours: only those between are looked for.
        encoded = base64.b64encode(b"\0" * shift + raw)
        inner = encoded[(0, 2, 3)[shift] : len(encoded) - (0, 3, 2)[(shift + len(raw)) % 3] - 1]
        forms[f"base64 at {shift}"] = inner
        forms[f"base64 for URLs at {shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


class Scanner:
    """Looks for texts in bytes, files and folders, and inside what is compressed there.

    Args:
        texts: what must not be found; each of at least 8 characters.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._names = {form: f"{text!r} as {name}" for text in texts for name, form in forms_of(text).items()}

    def bytes(self, data: bytes, where: str, nested: int = NESTED) -> Iterator[Found]:
        """What is found in some bytes."""
        for form, name in self._names.items():
            start = data.find(form)
            while start >= 0:
                end = start + len(form)
                yield Found(where, name, data[max(0, start - CONTEXT) : end + CONTEXT])
                start = data.find(form, end)
        if nested:
            for start, unpacked in _unpacked(data):
                yield from self.bytes(unpacked, f"{where}, unpacked at {start}", nested - 1)

    def file(self, path: Path) -> Iterator[Found]:
        """What is found in a file, and in its name."""
        try:
            data = path.read_bytes()
        except OSError:  # gone again, a socket, or not ours to read
            return
        yield from self.bytes(os.fsencode(path.name), f"the name of {path}")
        yield from self.bytes(data, str(path))

    def folder(self, folder: Path, known: dict[Path, tuple[int, int]] | None = None) -> Iterator[Found]:
        """What is found in any regular file under a folder.

        Args:
            known: the stamps of files that were searched before and are passed over while they have
                not changed; kept up to date. Not for files that are written through a memory map.
        """
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                if not path.is_file() or path.is_symlink():
                    continue
                if known is not None:
                    stamp = path.stat().st_mtime_ns, path.stat().st_size
                    if known.get(path) == stamp:
                        continue
                    known[path] = stamp
                yield from self.file(path)

    def open_files(self, pid: int) -> Iterator[Found]:
        """What is found in files that a process holds open, those without a name among them."""
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if stat.S_ISREG(link.stat().st_mode):
                    yield from self.bytes(link.read_bytes(), f"{link.readlink()} of process {pid}")
            except OSError:
                continue


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """The stamp of every file under a folder: when it was written last, and its size."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def _unpacked(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Whatever can be decompressed from any place that looks as if something compressed began there."""
    view = memoryview(data)
    for match in PACKED.finditer(data):
        start = match.start()
        if match.group().startswith(b"PK"):
            names = int.from_bytes(data[start + 26 : start + 28], "little")
            more = int.from_bytes(data[start + 28 : start + 30], "little")
            form, begin = -zlib.MAX_WBITS, start + 30 + names + more
        else:
            form, begin = 32 + zlib.MAX_WBITS, start
        # Nearly all of them are chance, and break off at once: that is found out without handling megabytes.
        for most in (PROBED_BYTES, UNPACKED_BYTES):
            unpacker = zlib.decompressobj(form)
            try:
                unpacked = unpacker.decompress(view[begin : begin + most], UNPACKED_BYTES)
            except zlib.error:
                break
            if unpacker.eof or most == UNPACKED_BYTES:
                if len(unpacked) > 8:
                    yield start, unpacked
                break
