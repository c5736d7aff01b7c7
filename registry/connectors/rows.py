"""Rows of files, one at a time, whatever the size of the file: CSV (RFC 4180) and JSON Lines, also with gzip.

What cannot be read as a row is a row without cells, and says why; what cannot be read at all ends the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from registry.model.errors import InvalidInput

MAX_LINE = 1024 * 1024
"""Characters of one line: a file without line ends does not fill the memory."""

Progress = Callable[[], tuple[int, int]]
"""How far it is, and of how much, in bytes; (0, 0) where nobody knows."""


Check = Callable[[Sequence[str]], None]
"""Looks at the names of a file's columns, and raises `InvalidInput` if they cannot be used."""


class Row(NamedTuple):
    """One row: its number from 1, and its cells, or, where they are None, why it cannot be read."""

    number: int
    cells: Mapping[str, object] | None
    fault: str = ""


def is_json_lines(path: Path) -> bool:
    """Whether a file is JSON Lines, by its name."""
    return bool({".jsonl", ".ndjson"} & {suffix.lower() for suffix in path.suffixes})


def of_file(path: Path, *, delimiter: str, encoding: str, check: Check | None = None) -> tuple[Iterator[Row], Progress]:
    """The rows of a file, JSON Lines if its name says so (`.jsonl`, `.ndjson`), CSV otherwise; and how far it is.

    Args:
        check: is given the header of CSV before any row is read, also where there is none, and may refuse it.

    Raises:
        InvalidInput: a line is too long, the header cannot be used, or what was packed does not unpack. While the rows
            are read.
        OSError: it cannot be opened.
    """
    raw = path.open("rb")
    size = path.stat().st_size
    opened = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
    text = io.TextIOWrapper(
        opened, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="surrogateescape", newline=""
    )
    lines = _lines(text, raw)
    rows = _json_rows(lines) if is_json_lines(path) else _csv_rows(lines, delimiter, check)
    return rows, lambda: (size if raw.closed else raw.tell(), size)


def of_text(text: io.TextIOBase, *, delimiter: str = ",", check: Check | None = None) -> Iterator[Row]:
    """The rows of CSV that was sent, not kept in a file; `check` as `of_file` has it.

    Raises:
        InvalidInput: a line is too long, or the header cannot be used. While the rows are read.
    """
    return _csv_rows(_lines(text, io.BytesIO()), delimiter, check)


def _lines(file: io.TextIOBase, raw: io.BufferedIOBase) -> Iterator[str]:
    with raw, file:  # what unpacks a file does not close it
        number = 0
        while line := _line(file, number + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise InvalidInput(f"line {number} is longer than {MAX_LINE:,} characters")
            yield line


def _line(file: io.TextIOBase, number: int) -> str:
    try:
        return file.readline(MAX_LINE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        hint = "get the file again, and give it again: what was taken is not taken twice"
        raise InvalidInput(f"the file is cut short or damaged near line {number}", hint=hint) from None


def _json_rows(lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate((line for line in lines if line.strip()), 1):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield Row(number, None, "a line of JSON")
            continue
        yield Row(number, value) if isinstance(value, dict) else Row(number, None, "a JSON object")


def _csv_rows(lines: Iterator[str], delimiter: str, check: Check | None) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error:
        header = []
    if not header or len(set(header)) < len(header) or not all(header):
        raise InvalidInput("the first row must name each column once", hint="is the delimiter right?")
    if check is not None:
        check(header)
    number = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            number += 1
            yield Row(number, None, "a row of CSV")
            continue
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        if len(cells) != len(header):
            yield Row(number, None, f"a row of {len(header)} cells")
        elif any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
            yield Row(number, None, "text in the mapping's encoding")
        else:
            yield Row(number, dict(zip(header, cells, strict=True)))
