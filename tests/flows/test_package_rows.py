"""What is written many times into a package is written as the libraries would, whatever it says."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as some

from registry.flows.dsr.package.archive import Package, cell, csv_rows, quoted
from registry.flows.dsr.package.categories import COLUMNS, CategoryTables
from registry.flows.dsr.package.remembered import REMEMBERED, REMEMBERED_CHARS, Remembered
from registry.model.clock import LAST, from_datetime, rfc3339

TEXTS = some.text(some.sampled_from("a,\"\r\n;='\0 \u2028\u0085é"), max_size=6) | some.text(max_size=6)


@given(some.lists(TEXTS, min_size=2, max_size=4))
@example(["", ""])
def test_a_row_of_quoted_cells_is_that_of_the_csv_module(cells: list[str]) -> None:
    assert (",".join(map(quoted, cells)) + "\r\n").encode() == csv_rows([cells])


@given(
    some.lists(
        some.dictionaries(TEXTS, TEXTS | some.integers(-(2**63), 2**63) | some.lists(TEXTS), max_size=4), max_size=4
    ),
    TEXTS,
)
def test_the_tables_of_categories_have_the_rows_of_every_value(sections: list[dict[str, object]], event: str) -> None:
    declared = {"properties": {"": frozenset({"one"}), "a": frozenset({"one", "two"})}}
    tables, expected = CategoryTables(), dict[str, list[tuple[str, ...]]]()
    for section in sections:
        line = {"event": event, "type": "track", "source": 'a "shop"', "observed_at": "2026-01-31T12:00:00Z"}
        tables.add_event(line | {"purposes": ["b", "c"], "content": {"properties": section}}, declared)
        for name, value in section.items():
            row = ("event", cell(event or "track"), cell(name), cell(value), 'a "shop"', "2026-01-31T12:00:00Z", "b, c")
            for category in declared["properties"].get(name, {"undeclared"}):
                expected.setdefault(category, []).append(row)
    with zipfile.ZipFile(BytesIO(), "w") as archive:
        tables.write(Package(archive))
        written = {name: archive.read(name) for name in archive.namelist()}
    told = {f"categories/{name}.csv": csv_rows([COLUMNS, *rows]) for name, rows in expected.items()}
    assert {name: text.removeprefix("\ufeff".encode()) for name, text in written.items()} == told
    assert tables.counts == {name: Counter({"2026-01": len(rows)}) for name, rows in expected.items()}


@given(some.lists(some.integers(0, 30_000), max_size=9))
def test_a_file_is_the_same_however_it_comes_in_pieces(sizes: list[int]) -> None:
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
    with zipfile.ZipFile(BytesIO(), "w") as archive:
        package = Package(archive)
        package.add("file", iter(chunks))
        whole = b"".join(chunks)
        assert archive.read("file") == whole
    assert package.files == [{"name": "file", "bytes": len(whole), "sha256": sha256(whole).hexdigest()}]


def test_what_is_remembered_of_texts_is_bounded() -> None:
    made = list[str]()
    known = Remembered[str, int](lambda text: made.append(text) or len(text))
    long = "x" * (REMEMBERED_CHARS + 1)
    assert [known["a"], known["a"], known[long], known[long]] == [1, 1, len(long), len(long)]
    assert made == ["a", long, long]
    for number in range(3 * REMEMBERED):
        assert known[str(number)] == len(str(number))
        assert len(known) <= REMEMBERED


@given(some.integers(from_datetime(datetime(1, 1, 1, tzinfo=UTC)), LAST))
def test_a_time_in_utc_is_written_as_that_of_its_offset(at: int) -> None:
    assert rfc3339(at) == rfc3339(at, ZoneInfo("Etc/UTC"))
