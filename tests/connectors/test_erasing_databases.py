"""What an erasure does inside of a database: forms kept, circles gone round, and nobody's count believed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from registry.connectors.sql.scaffold import scaffold
from registry.dsr.requests import Kind
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems


def described(tables: str) -> str:
    return f"dataset: shop\nurl_env: SHOP_URL\ntables:\n{tables}"


KEPT = """
  people:
    rows: keep
    fields:
      id: {category: user.unique_id, erasure: keep, ground: "an id of nothing once it is alone"}
      email: {category: user.contact.email, identity: email, erasure: mask}
      phone: {category: user.contact.phone_number, erasure: mask}
      code: {category: user.unique_id, erasure: hash}
      born: {category: user.demographic.date_of_birth, erasure: mask}
      points: {category: user.behavior, erasure: mask}
      name: {category: user.name, erasure: mask, mask: erased}
      note: {category: user.content, erasure: "null"}
"""
PEOPLE = (
    "CREATE TABLE people (id integer primary key, email varchar(60) NOT NULL UNIQUE, phone varchar(16) NOT NULL UNIQUE,"
    " code char(6) NOT NULL UNIQUE, born date NOT NULL, points smallint NOT NULL, name varchar(20) NOT NULL, note text)"
)


def person(number: int, email: str, note: str) -> str:
    return (
        f"INSERT INTO people VALUES ({number}, '{email}', '+49 151 {number:07}', 'AB{number:04}', '1990-05-0{number}', "
        f"{number}, 'Ada', '{note}')"
    )


def test_what_takes_a_values_place_fits_where_it_stood(outside_url: str) -> None:
    run(outside_url, PEOPLE, *(person(n, f"ada+{n}@example.test", "x") for n in (1, 2)), person(3, "b@c.test", "y"))
    both = [Identifier("email", f"ada+{n}@example.test") for n in (1, 2)]
    with systems({described(KEPT): outside_url}) as made:
        erased(made, both)
        assert left(made, both) == {}
    *gone, bob = rows(outside_url, "SELECT email, phone, code, born, points, name, note FROM people ORDER BY id")
    for email, phone, code, born, points, name, note in gone:
        assert re.fullmatch(r"[0-9a-f]+@erased\.invalid", email)
        assert re.fullmatch(r"\+\d\d \d{3} \d{7}", phone)
        assert re.fullmatch(r"[0-9a-f]{6}", code)
        assert str(born) == "1970-01-02"
        assert 0 <= points < 10
        assert (name, note) == ("erased", None)
    assert len({row[0] for row in gone}) == len({row[1] for row in gone}) == 2
    assert bob[0] == "b@c.test"
    assert bob[6] == "y"


@pytest.mark.parametrize("what", ["circle", "itself"])
def test_references_in_a_circle_are_gone_round(outside_url: str, what: str) -> None:
    run(
        outside_url,
        "CREATE TABLE members (id integer primary key, email varchar(60), team integer, recruiter integer, "
        "FOREIGN KEY (recruiter) REFERENCES members (id))",
        "CREATE TABLE teams (id integer primary key, head integer NOT NULL, "
        "FOREIGN KEY (head) REFERENCES members (id))",
    )
    if what == "circle" and not outside_url.startswith("sqlite"):
        run(outside_url, "ALTER TABLE members ADD FOREIGN KEY (team) REFERENCES teams (id)")
    run(
        outside_url,
        "INSERT INTO members VALUES (1, 'ada@example.test', NULL, NULL), (2, 'bob@example.test', NULL, NULL)",
        "INSERT INTO teams VALUES (7, 1), (8, 2)",
        "UPDATE members SET team = 7, recruiter = 1 WHERE id = 1",
    )
    text = described("""
  members:
    rows: delete
    fields:
      id: {category: user.unique_id, references: teams.head}
      email: {category: user.contact.email, identity: email}
      team: {category: user, mentions: teams.id}
      recruiter: {category: user, mentions: members.id}
  teams:
    rows: delete
    fields:
      id: {category: user, references: members.team}
      head: {category: user, references: members.id}
""")
    with systems({text: outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(outside_url, "SELECT id FROM members") == [(2,)]
    assert rows(outside_url, "SELECT id FROM teams") == [(8,)]


def test_a_circle_that_cannot_be_opened_is_refused_whole(outside_url: str) -> None:
    """Neither reference may be emptied: only an engine that checks at the end of a transaction can do it."""
    later = " DEFERRABLE INITIALLY IMMEDIATE" if outside_url.startswith("postgresql") else ""
    run(
        outside_url,
        "CREATE TABLE a (id integer primary key, email varchar(60), b integer NOT NULL)",
        f"CREATE TABLE b (id integer primary key, a integer NOT NULL, FOREIGN KEY (a) REFERENCES a (id){later})",
        "INSERT INTO a VALUES (1, 'ada@example.test', 1)",
        "INSERT INTO b VALUES (1, 1)",
    )
    if outside_url.startswith("sqlite"):
        run(outside_url, "CREATE TABLE c (id integer primary key, c integer NOT NULL REFERENCES c (id))")
        extra = "\n  c: {rows: delete, fields: {id: {category: null}, c: {category: null, references: c.id}}}"
    else:
        run(outside_url, f"ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id){later}")
        extra = ""
    text = described(f"""
  a:
    rows: delete
    fields:
      id: {{category: user}}
      email: {{category: user, identity: email}}
      b: {{category: user, references: b.id}}
  b: {{rows: delete, fields: {{id: {{category: user}}, a: {{category: user, references: a.id}}}}}}{extra}""")
    with systems({text: outside_url}) as made:
        if outside_url.startswith("mariadb"):
            with pytest.raises(LinkedSystemUnavailable, match="rolled back"):
                erased(made)
            assert rows(outside_url, "SELECT count(*) FROM a") == [(1,)]
        else:
            erased(made)
            assert rows(outside_url, "SELECT count(*) FROM a") == [(0,)]


def test_a_table_without_a_key_in_a_circle_is_refused_whole_and_kept_rows_of_it_are_not(outside_url: str) -> None:
    """Once the reference that leads to its rows is emptied, nothing would find them again."""
    forward = " REFERENCES teams (code)" if outside_url.startswith("sqlite") else ""
    run(
        outside_url,
        f"CREATE TABLE members (id integer primary key, email varchar(60), team integer NOT NULL{forward})",
        "CREATE TABLE teams (code integer UNIQUE, head integer, FOREIGN KEY (head) REFERENCES members (id))",
        "INSERT INTO teams VALUES (7, NULL), (8, NULL)",
        "INSERT INTO members VALUES (1, 'ada@example.test', 7), (2, 'bob@example.test', 8)",
        "UPDATE teams SET head = code - 6",
    )
    if not forward:
        run(outside_url, "ALTER TABLE members ADD FOREIGN KEY (team) REFERENCES teams (code)")
    text = described("""
  members:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      team: {category: user, references: teams.code}
  teams:
    rows: ROWS
    fields: {code: {category: user HEAD}, head: {category: user, references: members.id FORM}}
""")
    before = (
        rows(outside_url, "SELECT * FROM members ORDER BY id"),
        rows(outside_url, "SELECT * FROM teams ORDER BY code"),
    )
    deleted = text.replace("ROWS", "delete").replace(" HEAD", "").replace(" FORM", "")
    with systems({deleted: outside_url}) as made, pytest.raises(LinkedSystemUnavailable, match="teams has no key"):
        erased(made)
    assert before == (
        rows(outside_url, "SELECT * FROM members ORDER BY id"), rows(outside_url, "SELECT * FROM teams ORDER BY code")
    )  # fmt: skip
    kept = text.replace("ROWS", "keep").replace(" HEAD", ", erasure: keep, ground: a number of nobody")
    with systems({kept.replace(" FORM", ', erasure: "null"'): outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(outside_url, "SELECT id FROM members") == [(2,)]
    assert rows(outside_url, "SELECT * FROM teams ORDER BY code") == [(7, None), (8, 2)]


def test_keys_of_several_fields_lead_only_where_all_of_them_agree(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (shop integer, id integer, email varchar(60), PRIMARY KEY (shop, id))",
        "CREATE TABLE order_lines (shop integer, customer integer, what varchar(20))",
        "INSERT INTO customers VALUES (1, 5, 'ada@example.test'), (2, 5, 'bob@example.test')",
        "INSERT INTO order_lines VALUES (1, 5, 'hers'), (2, 5, 'his'), (1, 6, 'another')",
    )
    text = described("""
  customers:
    rows: delete
    fields: {shop: {category: null}, id: {category: user}, email: {category: user, identity: email}}
  order_lines:
    rows: delete
    references: [{fields: [shop, customer], to: customers, at: [shop, id]}]
    fields: {shop: {category: null}, customer: {category: user}, what: {category: user.behavior}}
""")
    with systems({text: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT what FROM order_lines ORDER BY what") == [("another",), ("his",)]


def test_a_table_without_a_key_is_changed_and_looked_at_again(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE visits (email varchar(60), page varchar(40), times integer)",
        "INSERT INTO visits VALUES ('ada@example.test', 'offers/shoes', 1), ('ada@example.test', 'offers/shoes', 1), "
        "('ada@example.test', NULL, 2), ('bob@example.test', 'offers/shoes', 1)",
    )
    text = described("""
  visits:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: hash}
      page: {category: user.behavior, erasure: mask}
      times: {category: user.behavior, erasure: "null"}
""")
    with systems({text: outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    found = rows(outside_url, "SELECT email, page, times FROM visits")
    assert ("bob@example.test", "offers/shoes", 1) in found
    hers = [row for row in found if row[0] != "bob@example.test"]
    assert len({row[0] for row in hers}) == 1
    assert [row[2] for row in hers] == [None] * 3
    assert sum(row[1] is None for row in hers) == 1
    assert "offers/shoes" not in {row[1] for row in hers}


CUSTOMERS = described("""
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
""")
MADE = (
    "CREATE TABLE customers (id integer primary key, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test')",
)
COMES_BACK = {
    "sqlite": [
        "CREATE TRIGGER back AFTER DELETE ON customers BEGIN INSERT INTO customers VALUES (old.id, old.email); END",
    ],
    "postgresql": [
        "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER stay BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION stay()",
    ],
    "mariadb": [
        "CREATE TRIGGER old AFTER DELETE ON customers FOR EACH ROW INSERT INTO gone VALUES (old.id, old.email)"
    ],
}  # fmt: skip


def engine_of(url: str) -> str:
    return url.split(":", 1)[0].split("+", 1)[0]


def test_rows_that_stay_or_come_back_are_never_counted_as_erased(outside_url: str) -> None:
    """A trigger that undoes the deletion, or keeps what was deleted elsewhere."""
    archive = "CREATE TABLE gone (id integer, email varchar(60))"
    run(outside_url, *MADE, archive, *COMES_BACK[engine_of(outside_url)])
    text = CUSTOMERS.replace("tables:", "without_people: {gone: it was thought to be empty}\ntables:")
    with systems({text: outside_url}) as made:
        if engine_of(outside_url) == "mariadb":
            erased(made)
            assert left(made, ADA) == {"shop.gone.email": 1}
            return
        with pytest.raises(LinkedSystemUnavailable, match="rolled back"):
            erased(made)
        assert left(made, ADA) == {"shop.customers.email": 1}


REVERTS = {
    "sqlite": "CREATE TRIGGER undo AFTER UPDATE ON people "
    "BEGIN UPDATE people SET note = old.note WHERE id = old.id; END",
    "postgresql": "CREATE TRIGGER undo BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION undo()",
    "mariadb": "CREATE TRIGGER put_back BEFORE UPDATE ON people FOR EACH ROW SET NEW.note = OLD.note",
}  # fmt: skip


def test_a_field_that_is_put_back_is_found_before_anything_is_committed(outside_url: str) -> None:
    function = (
        "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := OLD.note; RETURN NEW; END $$"
    )
    made_for = [function] if engine_of(outside_url) == "postgresql" else []
    run(outside_url, PEOPLE, person(1, "ada@example.test", "kept by force"), *made_for, REVERTS[engine_of(outside_url)])
    with systems({described(KEPT): outside_url}) as made:
        with pytest.raises(LinkedSystemUnavailable, match=r"people\.note"):
            erased(made)
    assert rows(outside_url, "SELECT email FROM people") == [("ada@example.test",)]


def test_rows_that_are_kept_do_not_go_with_those_that_are_deleted(outside_url: str) -> None:
    run(
        outside_url,
        *MADE,
        "CREATE TABLE invoices (id integer primary key, customer integer, buyer varchar(60), "
        "FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE)",
        "INSERT INTO invoices VALUES (1, 1, 'ada@example.test'), (2, 2, 'bob@example.test')",
    )
    duty = 'erasure: keep, ground: "GDPR Art. 17(3)(b): bookkeeping"'
    text = (
        CUSTOMERS
        + f"""
  invoices:
    rows: keep
    fields:
      id: {{category: null}}
      customer: {{category: user, references: customers.id, {duty}}}
      buyer: {{category: user, {duty}}}
"""
    )
    with systems({text: outside_url}) as made:
        [finding] = made[0].findings()
        assert (finding.table, finding.field) == ("invoices", "customer")
        assert "whose rows are deleted" in finding.reason
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided"):
            erased(made)
    hidden = text.replace(f"customer: {{category: user, references: customers.id, {duty}}}",
                          'customer: {category: user, references: customers.id, erasure: "null"}')  # fmt: skip
    with systems({hidden: outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(outside_url, "SELECT id, customer FROM invoices ORDER BY id") == [(1, None), (2, 2)]


TAKES_ALONG = {
    "sqlite": "CREATE TRIGGER along AFTER DELETE ON customers BEGIN DELETE FROM notes WHERE customer = old.id; END",
    "postgresql": "CREATE RULE along AS ON DELETE TO customers DO ALSO DELETE FROM notes WHERE customer = old.id",
    "mariadb": "CREATE TRIGGER along AFTER DELETE ON customers FOR EACH ROW DELETE FROM notes WHERE customer = OLD.id",
}  # fmt: skip


@pytest.mark.parametrize("key", ["integer primary key", "integer"])
def test_what_a_trigger_takes_along_is_not_certified_as_kept(outside_url: str, key: str) -> None:
    run(outside_url, *MADE, f"CREATE TABLE notes (id {key}, customer integer, note varchar(60))")
    run(outside_url, "INSERT INTO notes VALUES (1, 1, 'x')", TAKES_ALONG[engine_of(outside_url)])
    text = (
        CUSTOMERS
        + """
  notes:
    rows: keep
    fields:
      id: {category: null}
      customer: {category: user, references: customers.id, erasure: keep, ground: "GDPR Art. 17(3)(b)"}
      note: {category: user, erasure: keep, ground: "GDPR Art. 17(3)(b)"}
"""
    )
    with systems({text: outside_url}) as made:
        with pytest.raises(LinkedSystemUnavailable, match="rows that are kept went with others"):
            erased(made)
    assert rows(outside_url, "SELECT count(*) FROM customers") == [(2,)]


def test_a_driver_that_counts_nothing_is_not_believed_either_way(outside_url: str) -> None:
    run(outside_url, *MADE)
    with systems({CUSTOMERS: outside_url}) as made, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sa.CursorResult, "rowcount", property(lambda _: -1))
        erased(made)
    assert rows(outside_url, "SELECT id FROM customers") == [(2,)]


def test_a_view_that_hides_what_it_only_marked_is_found_out(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE stored (id integer primary key, email varchar(60), deleted boolean DEFAULT false)",
        "INSERT INTO stored VALUES (1, 'ada@example.test')",
        "CREATE VIEW customers AS SELECT id, email FROM stored WHERE NOT deleted",
        "CREATE RULE soft AS ON DELETE TO customers DO INSTEAD UPDATE stored SET deleted = true WHERE id = old.id",
    )
    text = CUSTOMERS.replace("tables:", "without_people: {stored: seen through the view}\ntables:")
    with systems({text: postgres_url}) as made:
        try:
            erased(made)
        except LinkedSystemUnavailable as error:
            assert "rolled back" in error.detail
        assert left(made, ADA)["shop.stored.email"] == 1


@pytest.mark.parametrize(
    ("field", "said", "reason"),
    [
        ("phone", 'erasure: "null"', "NOT NULL"),
        ("phone", "erasure: mask, mask: hidden", "no value may stand twice"),
        ("name", "erasure: mask, mask: much longer than the column", "longer than the 20 characters"),
        ("points", "erasure: mask, mask: many", "no number"),
    ],
)
def test_what_was_decided_and_cannot_work_blocks_like_what_nobody_decided(
    outside_url: str, field: str, said: str, reason: str
) -> None:
    run(outside_url, PEOPLE, person(1, "ada@example.test", "x"))
    text = re.sub(rf"({field}: {{category: [a-z._]+), .*}}", rf"\1, {said}}}", described(KEPT))
    with systems({text: outside_url}) as made:
        [finding] = made[0].findings()
        assert (finding.table, finding.field) == ("people", field)
        assert reason in finding.reason
        assert made[0].plan(Kind.ERASURE, ADA).undecided == [("people", field)]


def test_a_table_that_is_described_and_not_there_blocks(outside_url: str) -> None:
    with systems({CUSTOMERS: outside_url}) as made:
        assert [one.reason for one in made[0].findings()] == ["described, and not in the database"]
        assert [account.rows for account in made[0].plan(Kind.ACCESS, ADA).accounts] == [0, 0]


def test_an_export_is_read_from_the_server_row_by_row(outside_url: str) -> None:
    run(outside_url, "CREATE TABLE seen (email varchar(60), number integer)")
    many = ", ".join(f"('ada@example.test', {n})" for n in range(3000))
    run(outside_url, f"INSERT INTO seen VALUES {many}")
    text = described("""
  seen: {rows: delete, fields: {email: {category: user, identity: email}, number: {category: user.behavior}}}
""")
    with systems({text: outside_url}) as made:
        fetched: list[int] = []
        whole = sa.engine.cursor.BufferedRowCursorFetchStrategy._buffer_rows

        def counted(self: Any, result: Any, cursor: Any) -> None:
            whole(self, result, cursor)
            fetched.append(len(self._rowbuffer))

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sa.engine.cursor.BufferedRowCursorFetchStrategy, "_buffer_rows", counted)
            assert len(list(made[0].export(ADA))) == 3000
        assert not fetched or max(fetched) <= 500


def test_a_reference_to_a_partitioned_table_leads_to_it_and_to_no_partition(postgres_url: str) -> None:
    run(
        postgres_url,
        *MADE,
        """CREATE TABLE visits (id integer, day date, email varchar(60), PRIMARY KEY (id, day))
        PARTITION BY RANGE (day)""",
        "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        """CREATE TABLE pages (visit integer, day date, path varchar(60), email varchar(60),
        FOREIGN KEY (visit, day) REFERENCES visits (id, day))""",
        "INSERT INTO visits VALUES (1, '2026-05-05', 'ada@example.test'), (2, '2026-05-05', 'bob@example.test')",
        "INSERT INTO pages VALUES (1, '2026-05-05', '/orders'), (2, '2026-05-05', '/help')",
    )
    guessed = scaffold(postgres_url, "shop", "SHOP_URL")["tables"]
    assert "visits_1" not in guessed
    assert guessed["pages"]["references"] == [{"fields": ["visit", "day"], "to": "visits", "at": ["id", "day"]}]
    text = (
        CUSTOMERS
        + """
  visits:
    rows: delete
    fields:
      id: {category: null}
      day: {category: user.behavior}
      email: {category: user.contact.email, identity: email}
  pages:
    rows: delete
    references: [{fields: [visit, day], to: visits, at: [id, day]}]
    fields:
      visit: {category: null}
      day: {category: user.behavior}
      path: {category: user.behavior}
      email: {category: user.contact.email, identity: email}
"""
    )
    with systems({text: postgres_url}) as made:
        assert made[0].undecided() == []
        assert len([row for row in made[0].export(ADA) if row[0] == "visits"]) == 1
        erased(made)
        run(postgres_url, "CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")
        assert made[0].undecided() == []  # a partition more is no table more
    assert rows(postgres_url, "SELECT path FROM pages") == [("/help",)]


def test_partitions_are_their_table_and_materialised_views_are_found(postgres_url: str) -> None:
    run(
        postgres_url,
        *MADE,
        "CREATE TABLE visits (email varchar(60), day date) PARTITION BY RANGE (day)",
        "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "INSERT INTO visits VALUES ('ada@example.test', '2026-05-05')",
        "CREATE MATERIALIZED VIEW addresses AS SELECT email FROM customers",
    )
    text = (
        CUSTOMERS
        + """
  visits: {rows: delete, fields: {email: {category: user, identity: email}, day: {category: user.behavior}}}
"""
    )
    with systems({text: postgres_url}) as made:
        assert made[0].undecided() == [("addresses", "email")]
    seen = text.replace("tables:", "without_people: {addresses: a copy that is made anew each night}\ntables:")
    with systems({seen: postgres_url}) as made:
        erased(made)
        assert left(made, ADA) == {"shop.addresses.email": 1}
        run(postgres_url, "REFRESH MATERIALIZED VIEW addresses")
        assert left(made, ADA) == {}
