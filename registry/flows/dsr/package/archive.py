"""The open archive of a package: files are hashed as they are written, and listed for the manifest."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
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
            for chunk in _gathered(chunks):
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        self.files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

    def add_table(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write rows of CSV, after the mark by which spreadsheets know UTF-8: without it, many take it for another."""
        self.add(name, chain([BOM_UTF8], chunks))

    def add_json(self, name: str, value: object) -> None:
        """Write one JSON document."""
        self.add(name, [orjson.dumps(value, option=orjson.OPT_INDENT_2)])


AT_ONCE = 32 * 1024
"""Bytes that are hashed and compressed together: line by line the same takes twice as long."""


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer chunks."""
    waiting, size = list[bytes](), 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


NAMED = 4
"""How many members within one another keep their names, where what is in them has no form."""
AROUND = 3
"""How deep in its line such a value may stand."""


def held(value: Any, as_text: Callable[[Any], str] = str, within: int = 0) -> Any:
    """A value that a line of JSON can hold: what it has no form for (too deep, too large, broken) as its text.

    Args:
        as_text: the text of what is neither a text, a number nor a document.
        within: how many members it is within, that kept their names.
    """
    line = value
    for _ in range(AROUND + within):
        line = [line]
    try:
        orjson.dumps(line, default=as_text)
    except TypeError:
        if within < NAMED and isinstance(value, dict) and all(isinstance(name, str) for name in value):
            return {name: held(inner, as_text, within + 1) for name, inner in value.items()}
        return _written(value, as_text)
    return value


def _written(value: object, as_text: Callable[[Any], str]) -> str:
    try:
        return json.dumps(value, default=as_text)
    except RecursionError:  # written elsewhere, by who had called fewer functions before: a thread has called none
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(json.dumps, value, default=as_text).result()


def csv_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows of cells as CSV (RFC 4180)."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


_QUOTED = re.compile('[",\r\n]')


def quoted(text: str) -> str:
    """A cell as it stands in a row of CSV (RFC 4180), as `csv_rows` writes it."""
    if _QUOTED.search(text) is None:
        return text
    return '"' + text.replace('"', '""') + '"'


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a text begins with that a spreadsheet may run as a formula."""


def cell(value: object) -> str:
    """A value as a cell: JSON where it is no text, and a quote before a text that a spreadsheet would run."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else orjson.dumps(value).decode()
