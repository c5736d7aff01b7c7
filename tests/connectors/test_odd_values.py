"""Values and types that a driver makes nothing of, or something else than was meant."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from registry.connectors.sql import standing
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import as_text
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, erased, left, rows, run, systems


def described(tables: str) -> str:
    return f"dataset: shop\nurl_env: SHOP_URL\ntables:\n{tables}"


@pytest.mark.parametrize("key", ["none", "changed", "kept"])
def test_a_json_column_is_emptied_by_null_and_not_by_json_null(outside_url: str, key: str) -> None:
    other = "jsonb" if outside_url.startswith("postgresql") else "json"
    column = {"none": "", "changed": "id varchar(40) primary key, ", "kept": "id integer primary key, "}[key]
    first = {"none": "", "changed": "'k1', ", "kept": "1, "}[key]
    run(outside_url, f"CREATE TABLE k2 ({column}email varchar(60), doc {other}, more {other}, plain json)")
    run(outside_url, f"INSERT INTO k2 VALUES ({first}'ada@example.test', '{{\"a\": 1}}', '[true]', '[1]')")
    run(
        outside_url,
        f"INSERT INTO k2 VALUES ({first.upper().replace('1', '2')}'bob@example.test', '{{}}', '[true]', '{{}}')",
    )
    field = {"none": "", "changed": "id: {category: user, erasure: hash}", "kept": "id: {category: null}"}[key]
    text = described(f"""
  k2:
    rows: keep
    fields:
      {field}
      email: {{category: user, identity: email, erasure: mask}}
      doc: {{category: user, erasure: "null"}}
      more: {{category: user, erasure: mask}}
      plain: {{category: user, erasure: "null"}}
""")
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
        assert left(made, ADA) == {}
    assert rows(outside_url, "SELECT count(*) FROM k2 WHERE doc IS NULL AND plain IS NULL") == [(1,)]
    assert [str(told) for [told] in rows(outside_url, "SELECT more FROM k2 WHERE doc IS NULL")] == ["[]"]


ODD = {
    "sqlite": [
        ("DATE", "'03.03.1990'", "03.03.1990"),
        ("DATE", "19900303", 19900303),
        ("DATETIME", "'yesterday'", "yesterday"),
        ("UUID", "'no number'", "no number"),
        ("INTEGER", "'many'", "many"),
        ("NUMERIC(9, 2)", "'many'", "many"),
        ("JSON", "'{not json'", "{not json"),
        ("TEXT", "CAST(x'4dfc6c6c6572' AS TEXT)", "M\\xfcller"),
    ],
    "postgresql": [
        ("timestamptz", "'infinity'", "infinity"),
        ("timestamp", "'-infinity'", "-infinity"),
        ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
        ("timestamptz[]", "ARRAY['infinity'::timestamptz]", ["infinity"]),
        ("citext[]", "ARRAY['a', 'b,c']", '{a,"b,c"}'),
        ("numeric(3,1)[]", "ARRAY[1.5]", ["1.5"]),
        ("date[]", "ARRAY['2020-01-01'::date]", ["2020-01-01"]),
        ("int4range[]", "ARRAY[int4range(1, 2)]", [{"lower": 1, "upper": 2, "bounds": "[)", "empty": False}]),
        ("timetz", "'12:00:00+02'", "12:00:00+02:00"),
        ("interval", "'100000000 years'", "100000000 years"),
        ("numeric", "'NaN'", "NaN"),
        ("float8", "'Infinity'", "inf"),
        ("jsonb", "'{\"a\": 123456789012345678901234567890}'", '{"a": 123456789012345678901234567890}'),
        ("jsonb", f"'{'[' * 300}{']' * 300}'", f"{'[' * 300}{']' * 300}"),
        ("jsonb", f"'{'[' * 253}{']' * 253}'", f"{'[' * 253}{']' * 253}"),
        ("inet", "'10.1.2.3'", "10.1.2.3"),
        ("inet", "'10.1.2.3/8'", "10.1.2.3/8"),
        ("cidr", "'10.0.0.0/8'", "10.0.0.0/8"),
    ],
    "mariadb": [
        ("date", "'0000-00-00'", "0000-00-00"),
        ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
        ("time", "'25:00:00'", "25:00:00"),
        ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    ],
}  # fmt: skip
KEYS = ("id integer primary key, ", "")
WHERE = [(engine, *case, key) for engine, cases in ODD.items() for case in cases for key in KEYS]
WHERE.remove(("sqlite", *ODD["sqlite"][-1], ""))  # nothing would find such a text again
SHOWN = {"sqlite": "hex(v)", "postgresql": "CAST(v AS text)", "mariadb": "CAST(v AS char(60))"}


def url_of(engine: str, request: pytest.FixtureRequest, path: Path) -> str:
    if engine == "sqlite":
        return f"sqlite:///{path / 'odd.db'}"
    return str(request.getfixturevalue("postgres_url" if engine == "postgresql" else "mariadb_url"))


@pytest.mark.parametrize(("engine", "kind", "written", "told", "key"), WHERE)
def test_what_a_driver_makes_nothing_of_is_given_out_as_it_stands_and_masked(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, kind: str, written: str, told: object, key: str
) -> None:
    url = url_of(engine, request, tmp_path)
    first, field = ("1, ", "id: {category: null}") if key else ("", "")
    lenient = ["SET SESSION sql_mode = ''"] if engine == "mariadb" else []
    more = ["CREATE EXTENSION citext"] if kind.startswith("citext") else []
    run(url, *more, f"CREATE TABLE odd ({key}email varchar(60), v {kind})", *lenient,
        f"INSERT INTO odd VALUES ({first}'ada@example.test', {written})")  # fmt: skip
    text = described(f"""
  odd:
    rows: keep
    fields:
      {field}
      email: {{category: user, identity: email, erasure: mask}}
      v: {{category: user, erasure: mask}}
""")
    before = rows(url, f"SELECT {SHOWN[engine]} FROM odd")
    with systems({text: url}) as made:
        assert made[0].findings() == []
        made[0].run("r", Kind.ACCESS, ADA, {})
        [(_, row)] = made[0].export(ADA)
        assert orjson.loads(orjson.dumps(row, default=as_text))["v"] == told
        erased(made)
        assert left(made, ADA) == {}
    after = rows(url, f"SELECT {SHOWN[engine]} FROM odd")
    assert before != after != [(None,)]


def test_nothing_completes_before_what_it_gives_out_can_be_read(outside_url: str) -> None:
    run(outside_url, "CREATE TABLE odd (email varchar(60), good integer, v integer)")
    run(outside_url, "INSERT INTO odd VALUES ('ada@example.test', 1, 4711)")
    text = described("""
  odd:
    rows: delete
    fields: {email: {category: user, identity: email}, good: {category: user}, v: {category: user}}
""")

    def refuses(self: object, dialect: object, coltype: object) -> object:
        def read(value: object) -> object:
            if value == 4711:
                raise ValueError(value)
            return value

        return read

    with systems({text: outside_url}) as made, pytest.MonkeyPatch.context() as patched:
        patched.setattr(standing.AsItStands, "result_processor", refuses)
        with pytest.raises(LinkedSystemUnavailable) as refused:
            made[0].run("r", Kind.ACCESS, ADA, {})
    assert refused.value.detail == "shop.odd: v cannot be read (ValueError)"


@pytest.mark.parametrize(
    ("engine", "columns", "values"),
    [
        (
            "postgresql",
            "a point, b box, c circle, d json, e polygon",
            "'(1, 2)', '((0, 0), (1, 1))', '<(0, 0), 1>', '{}', '((0, 0), (1, 1))'",
        ),
        (
            "mariadb",
            "a point, b json, c date, d float, e blob",
            "ST_GeomFromText('POINT(1 2)'), '{}', '2020-01-01', 1.1, 'x'",
        ),
    ],
)
def test_what_no_engine_compares_is_emptied_in_a_table_without_a_key(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, columns: str, values: str
) -> None:
    url = url_of(engine, request, tmp_path)
    run(
        url,
        f"CREATE TABLE odd (email varchar(60), {columns})",
        f"INSERT INTO odd VALUES ('ada@example.test', {values}), ('bob@example.test', {values})",
    )
    fields = "\n".join(f"      {name}: {{category: user, erasure: 'null'}}" for name in "abcde")
    text = described(f"""
  odd:
    rows: keep
    fields:
      email: {{category: user, identity: email, erasure: mask}}
{fields}
""")
    with systems({text: url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert rows(url, "SELECT count(*), count(a), count(b), count(c), count(d), count(e) FROM odd") == [(2, *[1] * 5)]
