"""The open archive of a package: files are hashed as they are written, and listed for the manifest."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson


@dataclass(slots=True)
class Package:
    """The open archive, and what has been written into it."""

    archive: zipfile.ZipFile
    files: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write one file, hashing as it goes."""
        digest, size = sha256(), 0
        with self.archive.open(name, "w", force_zip64=True) as stream:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        self.files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

    def add_json(self, name: str, value: object) -> None:
        """Write one JSON document."""
        self.add(name, [orjson.dumps(value, option=orjson.OPT_INDENT_2)])


def csv_lines(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> Iterator[bytes]:
    """Rows as CSV (RFC 4180) below a line of their columns."""
    yield csv_line(columns)
    for row in rows:
        yield csv_line([row[column] for column in columns])


def csv_line(values: Sequence[object]) -> bytes:
    """One line of CSV; a value that a spreadsheet would run as a formula is prefixed with a quote."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(value) for value in values])
    return buffer.getvalue().encode()


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
