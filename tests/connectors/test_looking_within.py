"""The second look finds an identifier however its signs are written in what a column holds: escaped, or by numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa

from registry.connectors.sql.encoded import MOST, forms
from registry.connectors.sql.naming import Names
from registry.model.message import Identifier
from tests.outside import RULES, left, run, systems

NOTES = """
dataset: shop
url_env: SHOP_URL
without_people: {notes: what machines write}
tables:
  people: {rows: delete, fields: {email: {category: user, identity: email}}}
"""
ODD = {
    "a backslash": Identifier("user_id", r"corp\ada.lovelace"),
    "a quotation mark": Identifier("user_id", 'ada "al" lovelace'),
    "a slash": Identifier("user_id", "shop/customers/815"),
    "a plus": Identifier("email", "ada+news@example.test"),
    "an umlaut": Identifier("email", "ädä@example.test"),
    "an emoji": Identifier("user_id", "ada-\U0001f98a-lovelace"),
    "digits": Identifier("phone", "+493090182006"),
}
EACH = {name: {"shop.notes.c": 1} for name in ODD}
PHONE_WRITTEN = "+49 30/90182006"
Write = Callable[[object], str]


def _all_signs(value: object) -> str:
    """JSON as some write it: every sign by its number."""
    return re.sub(r'[^a-zA-Z0-9{}\[\]":, \\]', lambda sign: f"\\u{ord(sign[0]):04X}", _ascii(value))


def _ascii(value: object) -> str:
    return json.dumps(value)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _slashes(value: object) -> str:
    return _plain(value).replace("/", "\\/")


def _hex(value: object) -> str:
    """As programs write JSON that is to stand in a page."""
    told = _ascii(value)
    return "".join(f"\\u{ord(c):04x}" if c in "@+&<>'=" else c for c in told)


def _twice(value: object) -> str:
    return json.dumps({"body": _hex(value)})


def _percent(value: object) -> str:
    return _plain({"next": f"/login?mail={quote(str(value), safe='')}"})


def _form(value: object) -> str:
    return _plain({"body": urlencode({"a": "b c", "who": value})})


def _percent_twice(value: object) -> str:
    return _plain({"next": quote(f"/login?{urlencode({'who': value})}")})


def _html(value: object) -> str:
    return _plain({"page": f"<b>{escape(str(value))} &amp; co</b>"})


def _references(value: object) -> str:
    told = "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in str(value))
    return _plain({"page": f"<b title='&#x22;{told}&#x22;'/>"})


def _after_a_line(value: object) -> str:
    return _plain(f"who:\n{value}\ngone")


WRITERS: Mapping[str, Write] = {
    "plainly": _plain,
    "in ASCII": _ascii,
    "with slashes": _slashes,
    "for a page": _hex,
    "every sign by its number": _all_signs,
    "within itself": _twice,
    "after a line": _after_a_line,
    "percent-encoded": _percent,
    "as a form": _form,
    "percent-encoded twice": _percent_twice,
    "in HTML": _html,
    "by references": _references,
}
OF_A_VALUE = ("after a line", "percent-encoded", "as a form", "percent-encoded twice", "in HTML", "by references")


def written(one: Identifier) -> str:
    return PHONE_WRITTEN if one.kind == "phone" else one.value


@contextmanager
def notes(url: str, kind: str, *values: object) -> Iterator[Callable[[Identifier], dict[str, int]]]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE notes (id integer primary key, c {kind})"))
        connection.execute(sa.text("CREATE TABLE people (email varchar(60))"))
        mark = f"CAST(:value AS {kind})" if engine.dialect.name == "postgresql" else ":value"
        for at, value in enumerate(values):
            connection.execute(sa.text(f"INSERT INTO notes VALUES (:at, {mark})"), {"at": at, "value": value})
    engine.dispose()
    with systems({NOTES: url}) as made:
        yield lambda one: left(made, [one])


@pytest.mark.parametrize("writer", WRITERS)
def test_in_json_as_any_program_writes_it(outside_url: str, writer: str) -> None:
    write = WRITERS[writer]
    values = [write(written(one) if writer in OF_A_VALUE else {"who": [f"to {written(one)}"]}) for one in ODD.values()]
    kind = "text" if outside_url.startswith("sqlite") else "json"
    with notes(outside_url, kind, *values, write("nobody"), write({"at": "example.test"})) as look:
        found = {name: look(one) for name, one in ODD.items()}
    assert found == EACH


def test_in_what_postgresql_decodes_itself(postgres_url: str) -> None:
    values = [_twice({"who": written(one)}) for one in ODD.values()]
    with notes(postgres_url, "jsonb", *values, '"nobody"') as look:
        assert {name: look(one) for name, one in ODD.items()} == EACH


@pytest.mark.parametrize("kind", ["text[]", "pair", "pair[]", "hstore", "jsonb[]"])
def test_in_arrays_rows_and_pairs_of_postgresql(postgres_url: str, kind: str) -> None:
    run(
        postgres_url,
        "CREATE EXTENSION IF NOT EXISTS hstore",
        "CREATE TYPE pair AS (one text, other text)",
        f"CREATE TABLE notes (id serial primary key, c {kind})",
        "CREATE TABLE people (email varchar(60))",
    )
    make = {
        "text[]": "ARRAY['x', CAST(:value AS text)]",
        "pair": "ROW('x', CAST(:value AS text))::pair",
        "pair[]": "ARRAY[ROW('x', CAST(:value AS text))::pair]",
        "hstore": "hstore('to', CAST(:value AS text))",
        "jsonb[]": "ARRAY[to_jsonb(CAST(:value AS text))]",
    }[kind]
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        for one in (*map(written, ODD.values()), "nobody", 'no "body"', r"no\body"):
            connection.execute(sa.text(f"INSERT INTO notes (c) VALUES ({make})"), {"value": f"to: {one}"})
    engine.dispose()
    with systems({NOTES: postgres_url}) as made:
        found = {name: left(made, [one]) for name, one in ODD.items()}
    assert found == EACH


@pytest.mark.parametrize("text", [r"x\u00", "\\", '""', r"\ud83e", r"\ud83e\u0041", "a\\\\\\\\\\\\", '"' * 99])
def test_texts_that_end_within_a_sign_name_nobody(text: str) -> None:
    assert Names(ODD.values(), RULES).found(text) == set()


def test_a_text_without_other_signs_is_looked_at_once_and_none_without_end() -> None:
    assert list(forms('{"a": 1} + b')) == ['{"a": 1} + b']
    assert list(forms("100 % and R&D")) == ["100 % and R&D"]
    assert len(list(forms("%2525252525&amp;amp;amp;amp;" + '\\"' * 20 + "+%5C%26amp;%2B" * 9))) <= MOST


def test_a_plus_is_a_space_where_a_form_was_sent() -> None:
    one = Identifier("user_id", "adine smith 77")
    assert Names([one], RULES).found("a=b&who=adine+smith+77") == {one}
    assert Names([one], RULES).found("adine+smith+77") == set()


def test_many_people_in_texts_with_numbers_of_signs(outside_url: str) -> None:
    people = [Identifier("email", f"ada.{at}@example.test") for at in range(250)]
    with notes(outside_url, "varchar(200)", r'{"to": "ada.7\u0040example.test"}', r"\u00e4ada.7 at example") as _:
        pass
    with systems({NOTES: outside_url}) as made:
        assert left(made, people) == {"shop.notes.c": 1}
        assert left(made, people[8:]) == {}


@pytest.mark.parametrize(
    "text",
    [
        r"SHOP\nadine.smith", r"to SHOP\nadine.smith", r"{SHOP\\nadine.smith,x}", r'{x,"SHOP\\nadine.smith"}',
        r'{"of": "", "user": "SHOP\\nadine.smith"}', r'{"b": "{\"user\": \"SHOP\\\\nadine.smith\"}"}',
        '{"at": "/users/SHOP%5Cnadine.smith"}', '{"at": "/users/SHOP%255Cnadine.smith"}',
        '<a id="SHOP&#92;nadine.smith">',
    ],
)  # fmt: skip
def test_a_backslash_before_a_letter_ends_no_line_where_nothing_is_quoted(text: str) -> None:
    adine, nadine = Identifier("user_id", "adine.smith"), Identifier("user_id", r"shop\nadine.smith")
    assert Names([adine, nadine], RULES).found(text) == {nadine}
    for quoted in (
        r'"to\nadine.smith"',
        r'GET "/?to=%22to%5Cnadine.smith%22"',
        r'<a id="&quot;to\nadine.smith&quot;">',
    ):
        assert Names([adine], RULES).found(quoted) == {adine}


def test_only_texts_with_a_sign_of_the_person_are_held_against_more() -> None:
    assert Names([ODD["a plus"]], RULES).signs() == ["%u002b%", "%u002e%", "%u0040%"]
