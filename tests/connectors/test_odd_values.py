"""Values and types that a driver makes nothing of, or something else than was meant."""

from __future__ import annotations

import pytest

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
