"""Rows of files: what cannot be read is said of its row, and the rest is read on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.connectors.rows import MAX_LINE, of_file
from registry.connectors.sql_rows import of_database
from registry.model.errors import InvalidInput


def read(path: Path, *, delimiter: str = ",", encoding: str = "utf-8") -> list[tuple[int, object, str]]:
    rows, how_far = of_file(path, delimiter=delimiter, encoding=encoding)
    found = [tuple(row) for row in rows]
    reached, whole = how_far()
    assert reached == whole == path.stat().st_size
    return found  # type: ignore[return-value]


def test_a_table_is_read_with_quotes_byte_order_mark_and_line_ends_of_any_kind(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes('\ufeffnr, name\r\n1,"a, b\nc"\r\n\r\n2,Zoë\n'.encode())
    assert read(path) == [(1, {"nr": "1", "name": "a, b\nc"}, ""), (2, {"nr": "2", "name": "Zoë"}, "")]
    path.write_bytes("nr;name\n1;Zo\xeb\n".encode("latin-1"))
    assert read(path, delimiter=";", encoding="latin-1") == [(1, {"nr": "1", "name": "Zoë"}, "")]


def test_a_row_that_cannot_be_read_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b'nr,name\n1,a\n2\n3,Zo\xeb\n4,"a"b\n5,e\n')
    found = read(path)
    assert [number for number, _, _ in found] == [1, 2, 3, 4, 5]
    assert [why for _, _, why in found] == [
        "",
        "a row of 2 cells",
        "text in the mapping's encoding",
        "a row of CSV",
        "",
    ]


def test_json_lines_are_read_also_packed(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"nr": 1}\n\n[1]\n{"nr"\n{"nr": 2}\n'))
    assert [(number, cells) for number, cells, _ in read(path)] == [
        (1, {"nr": 1}),
        (2, None),
        (3, None),
        (4, {"nr": 2}),
    ]


def test_a_file_without_line_ends_and_a_header_that_names_a_column_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    for text in ("nr,name\n" + "x" * (MAX_LINE + 1), "nr,nr\n1,2\n", "nr,\n1,2\n", '"n"r,name\n1,2\n', ""):
        path.write_text(text)
        with pytest.raises(InvalidInput):
            read(path)


def test_a_packed_file_that_is_cut_short_or_damaged_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"nr,name\n" + b"".join(b"%d,name-%d\n" % (n, n * n) for n in range(5000)))
    path = tmp_path / "people.csv.gz"
    for damaged in (packed[: len(packed) // 2], packed[: len(packed) // 2] + b"\xff" * 40 + packed[-8:], b"nr,name\n"):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match="cut short or damaged"):
            read(path)


def test_a_database_is_read_in_the_order_of_its_rows_names_and_its_url_is_told_to_nobody(database_url: str) -> None:
    url = database_url
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customer (nr INTEGER, name TEXT)")
        connection.exec_driver_sql("INSERT INTO customer VALUES (2, 'b'), (1, 'a')")
    engine.dispose()
    rows, how_far = of_database(url, table="customer", query=None, order="nr")
    assert [dict(row.cells or {}) for row in rows] == [{"nr": 1, "name": "a"}, {"nr": 2, "name": "b"}]
    assert how_far() == (0, 0)
    rows, _ = of_database(url, table=None, query="SELECT nr, upper(name) AS name FROM customer", order="nr")
    assert [dict(row.cells or {})["name"] for row in rows] == ["A", "B"]
    for broken in ("sqlite:////nowhere/secret/crm.db", "no-such-engine://user:secret@host/db"):
        rows, _ = of_database(broken, table="customer", query=None, order="nr")
        with pytest.raises(InvalidInput) as raised:
            list(rows)
        assert "secret" not in f"{raised.value} {raised.value.detail}"
