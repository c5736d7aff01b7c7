"""The scanner finds what is planted, in every form; else its finding nothing would mean nothing."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.reliability.scan import Scanner, forms_of

MARK = "zqjxkwvpyq"
NOISE = random.Random(1).randbytes(300_000)


def _found(data: bytes, tmp_path: Path) -> bool:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_bytes(data)
    return any(Scanner([MARK]).folder(tmp_path))


def test_it_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    assert not _found(NOISE, tmp_path)


@pytest.mark.parametrize("form", forms_of(MARK))
@pytest.mark.parametrize("position", [0, 100_003, len(NOISE)])
def test_it_finds_every_form_anywhere_in_a_file(tmp_path: Path, form: str, position: int) -> None:
    assert _found(NOISE[:position] + forms_of(MARK)[form] + NOISE[position:], tmp_path)


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
def test_it_finds_base64_whatever_stands_before_and_after(tmp_path: Path, before: int, after: int) -> None:
    import base64

    assert _found(NOISE[:50] + base64.b64encode(b"x" * before + MARK.encode() + b"y" * after) + NOISE[50:90], tmp_path)


def test_it_finds_a_member_of_gzip_in_the_middle_of_a_file(tmp_path: Path) -> None:
    assert _found(NOISE[:999] + gzip.compress(b"a" * 5000 + MARK.encode()) + NOISE[999:], tmp_path)


def test_it_finds_a_zlib_stream_that_is_cut_short(tmp_path: Path) -> None:
    assert _found(NOISE[:77] + zlib.compress(MARK.encode() + NOISE)[:2000], tmp_path)


def test_it_finds_an_entry_of_an_archive_in_an_archive(tmp_path: Path) -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", f'{{"a": "{MARK}"}}' + "x" * 100)
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    assert _found(NOISE[:77] + outer.getvalue(), tmp_path)


def test_it_finds_a_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"export-{MARK}.zip").write_bytes(b"")
    assert list(Scanner([MARK]).folder(tmp_path))
