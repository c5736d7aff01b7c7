"""HTTP services by a reviewed file, against a real server that holds records; and is down, slow, lies or rambles."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import LOOPBACK, Outgoing
from registry.connectors.services.description import Service
from registry.connectors.services.exchange import Exchange
from registry.connectors.services.system import HttpService
from registry.dsr.accounting import unaccounted
from registry.dsr.plan import Described
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import DocumentInvalid, InvalidInput, LinkedSystemUnavailable, SettingInvalid
from registry.model.message import Identifier
from tests.outside import ADA, RULES, document, erased, left, run, systems

NEWS = """
service: newsletter
url: https://news.example/api
auth: {bearer_from: NEWS_TOKEN}
retries: 3
find:
  - {by: email, method: POST, path: /search, body: {email: "{identifier}"}, rows: /data,
     pages: {by: cursor, next: /next, send: cursor}}
erase:
  - {by: row, method: DELETE, path: "/contacts/{row.id}"}
rectify:
  - {by: row, method: PATCH, path: "/contacts/{row.id}", body: {name: "{trait.first_name}"}}
record:
  - {by: email, method: POST, path: /unsubscribe, body: {email: "{identifier}"}, kinds: [objection]}
fields:
  id: {category: user.unique_id}
  email: {category: user.contact.email, identity: email}
  name: {category: user.name, trait: first_name}
  profile.city: {category: user.contact.address.city}
  tags: {category: null}
"""


class Newsletter(ThreadingHTTPServer):
    """A service of contacts. All of them are synthetic."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Contacts)
        self.contacts: dict[int, dict[str, Any]] = {
            n: {"id": n, "email": email, "name": "Ada", "profile": {"city": "London"}, "tags": ["a", "b"]}
            for n, email in enumerate(["ada@example.test", "ada@example.test", "ada@example.test", "bob@example.test"])
        }
        self.asked: list[tuple[str, str, Any]] = []
        self.failing: list[tuple[int, str]] = []
        self.says: bytes | None = None
        self.lies = self.endless = False
        self.slow_s = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Contacts(BaseHTTPRequestHandler):
    server: Newsletter

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, value: object = None, **headers: str) -> None:
        raw = self.server.says if self.server.says is not None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def handle_any(self) -> None:
        shop, parts = self.server, urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        shop.asked.append((self.command, self.path, body))
        time.sleep(shop.slow_s)
        if shop.failing:
            status, wait = shop.failing.pop(0)
            self.answer(status, None, **({"retry_after": wait} if wait else {}))
        elif self.headers.get("authorization") != "Bearer secret":
            self.answer(401)
        elif parts.path in ("/search", "/contacts") and self.command in ("POST", "GET"):
            self.found(parts.path, body or {k: v[0] for k, v in parse_qs(parts.query).items()})
        elif parts.path == "/unsubscribe":
            self.answer(200, {})
        else:
            self.changed(int(parts.path.rsplit("/", 1)[1]), body)

    def found(self, path: str, wanted: dict[str, Any]) -> None:
        shop = self.server
        asked = next((one for one in ("phone", "customer") if one in wanted), "email")
        known = [one for one in shop.contacts.values() if one.get(asked) == wanted.get(asked)]
        start = int(wanted.get("cursor") or wanted.get("offset") or (int(wanted.get("page", 1)) - 1) * 2)
        page = known[start : start + 2]
        if shop.endless:
            self.answer(200, {"data": known[:1] or [{"id": 9}], "next": str(start + 1), "link": f"/search?n={start}"})
        elif path == "/contacts":
            more = {"link": f'</contacts?email=ada%40example.test&offset={start + 2}>; rel="next"'}
            self.answer(200, page, **(more if start + 2 < len(known) else {}))
        else:
            self.answer(200, {"data": page, "next": str(start + 2) if start + 2 < len(known) else None})

    def changed(self, number: int, body: dict[str, Any] | None) -> None:
        if self.server.lies:
            self.answer(200, {"deleted": True})
        elif number not in self.server.contacts:
            self.answer(404)
        elif self.command == "DELETE":
            del self.server.contacts[number]
            self.answer(204)
        else:
            self.server.contacts[number] |= body or {}
            self.answer(200, {})

    do_GET = do_POST = do_DELETE = do_PATCH = handle_any


@pytest.fixture
def shop() -> Iterator[Newsletter]:
    server = Newsletter()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Waits(list[float]):
    """What was slept, without sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def service(shop: Newsletter, text: str = NEWS, sleep: Any = None, timeout_s: float = 5) -> HttpService:
    described = Service.from_document(document(text, "service"))
    exchange = Exchange(
        described.name, shop.url, {"authorization": "Bearer secret"}, timeout_s=timeout_s, retries=described.retries,
        per_second=described.per_second, sleep=Waits() if sleep is None else sleep,
    )  # fmt: skip
    return HttpService(described, exchange, [], RULES)


def test_every_record_on_every_page_is_given_out(shop: Newsletter) -> None:
    made = service(shop)
    given = list(made.export(ADA))
    assert [row["id"] for _, row in given] == [0, 1, 2]
    assert given[0][1] == {"id": 0, "email": "ada@example.test", "name": "Ada", "profile.city": "London"}
    made.close()


def test_an_identifier_stands_in_no_address(shop: Newsletter) -> None:
    made = service(shop)
    erased([made])
    made.close()
    assert shop.asked
    assert not [path for _, path, _ in shop.asked if "ada" in path]


def test_an_erasure_takes_every_record_of_the_person_and_accounts_for_every_field(shop: Newsletter) -> None:
    made = service(shop)
    accounts = erased([made])
    assert {a.rows for a in accounts} == {3}
    assert unaccounted([("newsletter", "records", name) for name in made._service.fields], accounts) == []
    assert list(shop.contacts) == [3]
    assert left([made], ADA) == {}
    assert {a.rows for a in erased([made])} == {0}
    made.close()


def test_a_service_that_only_says_that_it_erased_is_found_out(shop: Newsletter) -> None:
    shop.lies = True
    made = service(shop)
    erased([made])
    assert left([made], ADA) == {"newsletter.records": 3}
    made.close()


def test_a_correction_and_an_objection_are_told_and_others_are_not(shop: Newsletter) -> None:
    made = service(shop)
    made.run("r", Kind.RECTIFICATION, ADA, {"first_name": "Augusta"})
    assert [one["name"] for one in shop.contacts.values()] == ["Augusta"] * 3 + ["Ada"]
    before = len(shop.asked)
    untouched = made.run("r", Kind.RECTIFICATION, ADA, {"city": "Turin"})
    told = made.run("r", Kind.OBJECTION, ADA, {})
    assert all("told of the objection" in (a.ground or "") for a in told if a.field != "tags")
    assert all(a.ground for a in untouched)
    paths = [(method, path) for method, path, _ in shop.asked[before:] if path != "/search"]
    assert paths == [("POST", "/unsubscribe")]
    made.close()


def test_a_field_that_nobody_declared_blocks(shop: Newsletter) -> None:
    shop.contacts[1]["profile"]["shoe_size"] = 38
    made = service(shop)
    assert made.plan(Kind.ERASURE, ADA).undecided == [("records", "profile.shoe_size")]
    with pytest.raises(LinkedSystemUnavailable):
        erased([made])
    assert len(shop.contacts) == 4
    made.close()


def test_a_service_that_is_down_is_asked_again_with_pauses(shop: Newsletter) -> None:
    waits = Waits()
    made = service(shop, sleep=waits)
    shop.failing = [(503, ""), (429, "7"), (500, "")]
    assert len(list(made.export(ADA))) == 3
    assert waits == [0.5, 7, 2]
    made.close()


def test_a_long_wait_is_the_requests_and_not_ours(shop: Newsletter) -> None:
    waits = Waits()
    made = service(shop, sleep=waits)
    shop.failing = [(429, "3600")]
    with pytest.raises(LinkedSystemUnavailable) as caught:
        list(made.export(ADA))
    assert caught.value.extra["retry_after_s"] == 3601
    assert waits == []
    made.close()


@pytest.mark.parametrize("what", ["refuses", "no json", "another form", "slow", "gone"])
def test_what_a_service_does_wrong_is_an_error_without_its_words(shop: Newsletter, what: str) -> None:
    made = service(shop, sleep=Waits(), timeout_s=0.2 if what == "slow" else 5)
    if what == "refuses":
        shop.failing = [(403, "")]
    elif what == "slow":
        shop.slow_s = 0.5
    elif what == "gone":
        made._exchange._url = "http://127.0.0.1:9"
    else:
        shop.says = b"<p>ada@example.test</p>" if what == "no json" else b'{"data": [1, 2]}'
    with pytest.raises(LinkedSystemUnavailable) as caught:
        list(made.export(ADA))
    assert "ada" not in str(caught.value) + repr(caught.value.extra)
    made.close()


PAGED = {
    "cursor": "pages: {by: cursor, next: /next, send: cursor, most: 20}",
    "page": "pages: {by: page, most: 20}",
    "offset": "pages: {by: offset, most: 20}",
    "link": "pages: {by: link, next: /link, most: 20}",
}


@pytest.mark.parametrize("by", PAGED)
def test_pages_without_an_end_have_one(shop: Newsletter, by: str) -> None:
    shop.endless = True
    made = service(shop, NEWS.replace("pages: {by: cursor, next: /next, send: cursor}", PAGED[by]))
    with pytest.raises(LinkedSystemUnavailable, match=r"pages|again and again|form"):
        list(made.export(ADA))
    assert len(shop.asked) <= 21
    made.close()


@pytest.mark.parametrize("by", ["page", "offset", "header"])
def test_pages_turn_in_each_of_the_ways(shop: Newsletter, by: str) -> None:
    text = NEWS.replace("pages: {by: cursor, next: /next, send: cursor}", PAGED.get(by, "pages: {by: link}"))
    if by == "header":
        text = text.replace('method: POST, path: /search, body: {email: "{identifier}"}, rows: /data',
                            'method: GET, path: /contacts, query: {email: "{identifier}"}')  # fmt: skip
        text += 'identifiers_in_urls: "the service takes them in no other way"\n'
    made = service(shop, text)
    assert [row["id"] for _, row in made.export(ADA)] == [0, 1, 2]
    made.close()


def test_a_service_leads_into_a_database_and_back(shop: Newsletter, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'mail.db'}"
    run(url, "CREATE TABLE sent (contact integer, subject text)", "INSERT INTO sent VALUES (1, 'x'), (3, 'y')")
    mail = """
dataset: mail
url_env: MAIL_URL
tables:
  sent:
    rows: delete
    fields: {contact: {category: user, references: newsletter.records.id}, subject: {category: user.content}}
"""
    environment = {"MAIL_URL": url, "NEWS_TOKEN": "secret"}
    documents = [document(mail), document(NEWS.replace("https://news.example/api", shop.url), "service")]
    made = linked_systems(documents, environment, Outgoing(LOOPBACK), RULES)
    given = [(table, row) for one in made for table, row in one.export(reach_of(made, ADA))]
    assert [row for table, row in given if table == "sent"] == [{"contact": 1, "subject": "x"}]
    for one in made:
        one.close()


def test_a_service_is_asked_by_the_key_of_a_row(shop: Newsletter, outside_url: str) -> None:
    """No other table refers to the customer's number: the service alone knows people by it."""
    run(
        outside_url,
        "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(80))",
        "INSERT INTO customers VALUES (7, 'ada@example.test'), (8, 'bob@example.test')",
    )
    for number, contact in shop.contacts.items():
        contact |= {"email": None, "customer": "8" if number == 3 else "7"}
    customers = """
dataset: crm
url_env: CRM_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: user.unique_id}, email: {category: user.contact.email, identity: email}}
"""
    by_email = 'by: email, method: POST, path: /search, body: {email: "{identifier}"}'
    by_number = 'by: crm.customers.id, method: POST, path: /search, body: {customer: "{identifier}"}'
    text = NEWS.replace(by_email, by_number).replace("https://news.example/api", shop.url)
    text += "  customer: {category: user.unique_id, references: crm.customers.id}\n"
    documents = [document(customers), document(text, "service")]
    made = linked_systems(documents, {"CRM_URL": outside_url, "NEWS_TOKEN": "secret"}, Outgoing(LOOPBACK), RULES)
    given = [row["id"] for one in made for table, row in one.export(reach_of(made, ADA)) if table == "records"]
    assert given == [0, 1, 2]
    erased(made)
    assert list(shop.contacts) == [3]
    for one in made:
        one.close()


def test_a_service_that_finds_by_a_shared_telephone_joins_nobody(shop: Newsletter) -> None:
    family = "+4930111222"
    for contact in shop.contacts.values():
        contact["phone"] = family
    by_phone = '  - {by: phone, method: POST, path: /search, body: {phone: "{identifier}"}, rows: /data}\n'
    text = NEWS.replace("erase:\n", f"{by_phone}erase:\n")
    text += "  phone: {category: user.contact.phone_number, identity: phone}\n"
    made = service(shop, text)
    known = reach_of([made], [*ADA, Identifier("phone", family)])
    assert Identifier("email", "bob@example.test") not in known
    assert {row["email"] for _, row in made.export(known)} == {"ada@example.test"}
    made.close()


@pytest.mark.parametrize(
    ("before", "after", "place", "reason"),
    [
        ('path: /search, body: {email: "{identifier}"}', 'path: "/find/{identifier}"', "/find/0/path", "address"),
        ("{row.id}", "{row.email}", "/erase/0/path", "address"),
        ("{trait.first_name}", "{traits}", "/rectify/0/body", "stands for nothing"),
        ("{category: null}", "{category: null, erasure: keep}", None, None),
        ("{category: user.name, trait: first_name}", "{category: user.name, erasure: keep}", "/fields/name", "ground"),
        (
            "by: email, method: POST, path: /search",
            "by: row, method: POST, path: /search",
            "/find/0/by",
            "finds records",
        ),
    ],
)
def test_a_wrong_file_is_told_where_it_is_wrong(before: str, after: str, place: str | None, reason: str | None) -> None:
    try:
        Service.from_document(document(NEWS.replace(before, after), "service"))
    except DocumentInvalid as error:
        assert place in {fault["pointer"] for fault in error.faults}
        assert reason in " ".join(str(fault["reason"]) for fault in error.faults)
        assert all(int(str(fault["line"])) > 1 for fault in error.faults)
    else:
        assert place is None


def test_a_credential_stands_in_the_environment_and_an_address_is_encrypted() -> None:
    told = [document(NEWS, "service")]
    with pytest.raises(SettingInvalid, match="NEWS_TOKEN"):
        linked_systems(told, {}, Outgoing(LOOPBACK), RULES)
    plain = [document(NEWS.replace("https", "http"), "service")]
    with pytest.raises(InvalidInput):
        linked_systems(plain, {"NEWS_TOKEN": "x"}, Outgoing(LOOPBACK), RULES)


def test_what_descriptions_declare_is_known_while_nothing_answers(tmp_path: Path) -> None:
    customers = """
dataset: crm
url_env: CRM_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: null}, email: {category: user.contact.email, identity: email}}
"""
    documents = [document(customers), document(NEWS.replace("https://news.example", "http://127.0.0.1:9"), "service")]
    environment = {"CRM_URL": f"sqlite:///{tmp_path / 'gone.db'}", "NEWS_TOKEN": "x"}
    crm, news = linked_systems(documents, environment, Outgoing(LOOPBACK), RULES)
    assert isinstance(crm, Described)
    assert isinstance(news, Described)
    assert crm.declared == [("customers", "id", None), ("customers", "email", "user.contact.email")]
    assert ("records", "email", "user.contact.email") in news.declared
    crm.close()
    news.close()


def test_a_kind_that_the_service_does_not_know_finds_nobody(shop: Newsletter) -> None:
    made = service(shop)
    assert list(made.export([Identifier("phone", "+49")])) == []
    assert shop.asked == []
    made.close()
    with systems({}) as none:
        assert none == []
