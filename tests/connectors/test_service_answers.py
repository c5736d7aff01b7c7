"""What HTTP services answer, taken at its word and no further: whose records are, what is left, what is no answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from registry.connectors.services.description import Service
from registry.connectors.services.exchange import Exchange
from registry.connectors.services.system import HttpService
from registry.dsr.plan import CORRECTED
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, RULES, document, erased

Answer = tuple[int, Any, str | None]
"""Status, JSON value, and the header `Link`."""
Talk = Callable[[str, str, dict[str, str]], Answer]
"""What is answered to a method, a path and a query."""

LOYALTY = """
service: loyalty
url: https://loyalty.example/api
identifiers_in_urls: the service takes them in no other way
retries: 0
find:
  - {by: email, method: GET, path: /members, query: {email: "{identifier}"}, rows: /data}
erase:
  - {by: row, method: DELETE, path: "/members/{row.id}"}
fields:
  id: {category: user.unique_id}
  account: {category: user.unique_id, identity: user_id}
  email: {category: user.contact.email, identity: email}
  profile: {category: user}
"""
PAGED = LOYALTY.replace("rows: /data}", "rows: /data, pages: {%s}}")


class Loyalty(ThreadingHTTPServer):
    """A service that answers as a test says, and remembers what it was asked to do."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.talk: Talk = lambda *_: (200, {"data": []}, None)
        self.done: list[tuple[str, str]] = []


class Asked(BaseHTTPRequestHandler):
    server: Loyalty

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        parts = urlsplit(self.path)
        if self.command != "GET":
            self.server.done.append((self.command, parts.path))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, value, link = self.server.talk(self.command, parts.path, query)
        raw = json.dumps(value).encode() if value is not ... else b""
        self.send_response(status)
        if link is not None:
            self.send_header("link", link)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = answer


@pytest.fixture
def loyalty() -> Iterator[Loyalty]:
    server = Loyalty()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def made(loyalty: Loyalty) -> Iterator[Callable[[str], HttpService]]:
    """Describe the service; what was described is closed at the end."""
    everything = []

    def describe(text: str) -> HttpService:
        described, url = (
            Service.from_document(document(text, "service")),
            f"http://127.0.0.1:{loyalty.server_address[1]}",
        )
        exchange = Exchange(described.name, f"{url}/api", {}, timeout_s=5, retries=described.retries, per_second=None)
        everything.append(HttpService(described, exchange, [], RULES))
        return everything[-1]

    yield describe
    for one in everything:
        one.close()


Make = Callable[[str], HttpService]


def holding(*records: dict[str, Any]) -> Talk:
    """Members, of whom a `DELETE` takes one away."""
    members = {str(one.get("id")): one for one in records}

    def talk(method: str, path: str, _: dict[str, str]) -> Answer:
        if method == "DELETE":
            members.pop(path.rpartition("/")[2], None)
        return 200, {"data": list(members.values())}, None

    return talk


def test_two_accounts_with_one_address_are_neithers_who_asks_by_it(loyalty: Loyalty, made: Make) -> None:
    system = made(LOYALTY)
    loyalty.talk = holding(*({"id": n, "account": f"member-{n}", "email": "ada@example.test"} for n in (1, 2)))
    known = reach_of([system], ADA)
    assert list(system.export(known)) == []
    assert system.plan(Kind.ACCESS, known).others == {"records": 2}
    erased([system])
    assert loyalty.done == []
    known = reach_of([system], [*ADA, Identifier("user_id", "member-2")])
    assert [row["id"] for _, row in system.export(known)] == [2]
    erased([system], known)
    assert loyalty.done == [("DELETE", "/api/members/2")]
    assert system.remaining(Kind.ERASURE, known) == {}


def test_records_of_others_are_not_erased_by_what_is_shared_with_them(loyalty: Loyalty, made: Make) -> None:
    by_address = '{by: email, method: POST, path: /forget, body: {email: "{identifier}"}}'
    system = made(LOYALTY.replace('{by: row, method: DELETE, path: "/members/{row.id}"}', by_address))
    loyalty.talk = holding({"id": 1, "account": "member-1"}, {"id": 2, "account": "member-2"})
    erased([system])
    assert loyalty.done == []
    loyalty.talk = holding()
    erased([system])
    assert loyalty.done == [("POST", "/api/forget")]


def test_a_record_belongs_to_what_it_was_found_by_though_it_does_not_repeat_it(loyalty: Loyalty, made: Make) -> None:
    system = made(LOYALTY)
    loyalty.talk = holding({"id": 1, "account": "member-1"})
    assert Identifier("user_id", "member-1") in reach_of([system], ADA)


@pytest.mark.parametrize("aliases", ["", ", aliases: true"])
def test_a_record_with_another_address_than_it_was_found_by_is_somebody_elses(
    loyalty: Loyalty, made: Make, aliases: str
) -> None:
    """A service that finds what is like it, or passes over a parameter that it does not know."""
    fields = ("  account: {category: user.unique_id, identity: user_id}\n", "")
    system = made(LOYALTY.replace(*fields).replace("rows: /data}", f"rows: /data{aliases}}}"))
    loyalty.talk = holding(*({"id": name, "email": f"{name}@example.test"} for name in ("ada", "nada", "bob")))
    known = reach_of([system], ADA)
    found = {row["id"] for _, row in system.export(known)}
    assert found == ({"ada", "nada", "bob"} if aliases else {"ada"})
    erased([system])
    assert len(loyalty.done) == len(found)
    assert system.remaining(Kind.ERASURE, known) == {}


def test_each_of_several_identifiers_in_a_field_leads_on(loyalty: Loyalty, made: Make) -> None:
    loyalty.talk = holding({"id": 1, "email": ["ada@example.test", "Ada.Home@Example.test", None]})
    assert set(reach_of([made(LOYALTY)], ADA)) == {*ADA, Identifier("email", "ada.home@example.test")}


@pytest.mark.parametrize("profile", [{"city": "London"}, {"children": [{"age": 4}]}, ["London"]])
def test_an_object_that_is_declared_as_a_whole_is_looked_for_afterwards(
    loyalty: Loyalty, made: Make, profile: object
) -> None:
    system = made(LOYALTY)
    loyalty.talk = lambda *_: (200, {"data": [{"id": None, "email": "", "profile": profile}]}, None)
    assert system.remaining(Kind.ERASURE, ADA) == {"records": 1}
    loyalty.talk = lambda *_: (200, {"data": [{"id": None, "email": "", "profile": {}}]}, None)
    assert system.remaining(Kind.ERASURE, ADA) == {}


@pytest.mark.parametrize("answer", [{"results": [{"id": 1}]}, {}, [], "nobody"])
def test_an_answer_without_a_place_for_records_does_not_say_that_there_are_none(
    loyalty: Loyalty, made: Make, answer: object
) -> None:
    loyalty.talk = lambda *_: (200, answer, None)
    with pytest.raises(LinkedSystemUnavailable, match="another form"):
        made(LOYALTY).plan(Kind.ERASURE, ADA)


@pytest.mark.parametrize(
    ("status", "value", "left"),
    [(200, {"total": 0}, {}), (200, {"total": 3}, {"records": 3})]
    + [(200, {"total": total}, None) for total in (None, "0", True, [], -1)]
    + [(200, {"count": 0}, None)],
)
def test_only_a_number_says_how_many_records_are_left(
    loyalty: Loyalty, made: Make, status: int, value: object, left: dict[str, int] | None
) -> None:
    counting = '  - {by: email, method: GET, path: /count, query: {email: "{identifier}"}, count: /total}\n'
    system = made(LOYALTY.replace("fields:", f"remaining:\n{counting}fields:"))
    loyalty.talk = lambda _, path, __: (status, value, None) if path == "/api/count" else (200, {"data": []}, None)
    if left is not None:
        assert system.remaining(Kind.ERASURE, ADA) == left
        return
    with pytest.raises(LinkedSystemUnavailable, match="how many"):
        system.remaining(Kind.ERASURE, ADA)


NOBODY = ", nobody: 404}"


@pytest.mark.parametrize("status", [404, 410])
def test_nothing_at_a_path_is_nobody_only_where_the_description_says_so(
    loyalty: Loyalty, made: Make, status: int
) -> None:
    loyalty.talk = lambda *_: (status, None, None)
    with pytest.raises(LinkedSystemUnavailable, match="nothing is at /members") as caught:
        made(LOYALTY).plan(Kind.ERASURE, ADA)
    assert "nobody: 404" in str(caught.value.hint)
    said = made(LOYALTY.replace("rows: /data}", f"rows: /data{NOBODY}", 1))
    assert {one.rows for one in said.plan(Kind.ERASURE, ADA).accounts} == {0}


def test_nothing_at_the_path_of_a_count_does_not_say_that_nothing_is_left(loyalty: Loyalty, made: Make) -> None:
    counting = '  - {by: email, method: GET, path: /count, query: {email: "{identifier}"}, count: /total}\n'
    loyalty.talk = lambda _, path, __: (404, None, None) if path == "/api/count" else (200, {"data": []}, None)
    text = LOYALTY.replace("fields:", f"remaining:\n{counting}fields:")
    with pytest.raises(LinkedSystemUnavailable, match="nothing is at /count"):
        made(text).remaining(Kind.ERASURE, ADA)
    assert made(text.replace("count: /total}", f"count: /total{NOBODY}")).remaining(Kind.ERASURE, ADA) == {}


def test_a_page_after_the_last_one_that_is_not_there_is_the_end(loyalty: Loyalty, made: Make) -> None:
    loyalty.talk = lambda _, __, query: (
        (200, {"data": [{"id": int(query["page"])}]}, None) if int(query["page"]) < 3 else (404, None, None)
    )
    assert [row["id"] for _, row in made(PAGED % "by: page").export(ADA)] == [1, 2]


@pytest.mark.parametrize(
    ("action", "kind"), [("rectify", Kind.RECTIFICATION), ("record", Kind.OBJECTION), ("erase", Kind.ERASURE)]
)
def test_nothing_at_the_path_of_a_change_is_no_change(loyalty: Loyalty, made: Make, action: str, kind: Kind) -> None:
    gone = list[str]()

    def talk(method: str, path: str, _: dict[str, str]) -> Answer:
        if method == "GET":
            return 200, {"data": [] if gone else [{"id": 7, "email": "ada@example.test"}]}, None
        gone.append(path)
        return 404, None, None

    loyalty.talk = talk
    call = f"{action}:\n  - {{by: row, method: POST, path: '/gone/{{row.id}}'}}\n"
    text = LOYALTY.replace("fields:", f"{call}fields:") if action != "erase" else LOYALTY
    system = made(text.replace("identity: email}", "identity: email, trait: email}"))
    if action == "erase":  # it went meanwhile, and is looked for afterwards
        assert system.run("r", kind, ADA, {})[0].rows == 1
        assert system.remaining(kind, ADA) == {}
        return
    with pytest.raises(LinkedSystemUnavailable, match="nothing is at"):
        system.run("r", kind, ADA, {"email": "new@example.test"})


@pytest.mark.parametrize(("written", "is_taken"), [("NEW@example.test", True), ("ada@example.test", False)])
def test_a_correction_that_a_service_passes_over_is_not_made(
    loyalty: Loyalty, made: Make, written: str, is_taken: bool
) -> None:
    def talk(method: str, path: str, _: dict[str, str]) -> Answer:
        email = written if loyalty.done else "ada@example.test"
        return 200, {"data": [{"id": 7, "email": email}]} if method == "GET" else {"ok": True}, None

    loyalty.talk = talk
    text = LOYALTY.replace("fields:", "rectify:\n  - {by: row, method: POST, path: '/members/{row.id}'}\nfields:")
    system = made(text.replace("identity: email}", "identity: email, trait: email}"))
    if is_taken:
        assert CORRECTED in {
            one.ground for one in system.run("r", Kind.RECTIFICATION, ADA, {"email": "new@example.test"})
        }
        return
    with pytest.raises(LinkedSystemUnavailable, match="email still has another value"):
        system.run("r", Kind.RECTIFICATION, ADA, {"email": "new@example.test"})


def test_an_answer_without_any_text_says_nothing_unless_its_status_says_so(loyalty: Loyalty, made: Make) -> None:
    loyalty.talk = lambda *_: (200, ..., None)
    with pytest.raises(LinkedSystemUnavailable, match="another form"):
        made(LOYALTY).plan(Kind.ERASURE, ADA)
    loyalty.talk = lambda *_: (204, ..., None)
    assert {one.rows for one in made(LOYALTY).plan(Kind.ERASURE, ADA).accounts} == {0}


@pytest.mark.parametrize("link", ["?page=2", "members?page=2", "/api/members?page=2"])
def test_the_next_page_is_looked_for_from_where_the_answer_came(loyalty: Loyalty, made: Make, link: str) -> None:
    def talk(_: str, path: str, query: dict[str, str]) -> Answer:
        if path != "/api/members":
            return 404, None, None
        return 200, {"data": [{"id": int(query.get("page", 1))}]}, None if "page" in query else f'<{link}>; rel="next"'

    loyalty.talk = talk
    assert [row["id"] for _, row in made(PAGED % "by: link").export(ADA)] == [1, 2]


@pytest.mark.parametrize("by", ["by: link, next: /next", "by: cursor, next: /next, send: cursor"])
def test_a_page_that_is_named_and_not_there_is_not_the_end(loyalty: Loyalty, made: Make, by: str) -> None:
    loyalty.talk = lambda _, __, query: (
        (404, None, None) if "cursor" in query else (200, {"data": [{"id": 1}], "next": "?cursor=2"}, None)
    )
    with pytest.raises(LinkedSystemUnavailable, match="next page"):
        list(made(PAGED % by).export(ADA))


@pytest.mark.parametrize("value", [None, "", ".", "..", {"a": 1}, [1, 2], True])
def test_a_record_whose_id_names_nothing_does_not_become_a_call_for_all_of_them(
    loyalty: Loyalty, made: Make, value: object
) -> None:
    loyalty.talk = lambda *_: (200, {"data": [{"id": value, "email": "ada@example.test"}]}, None)
    with pytest.raises(LinkedSystemUnavailable):
        made(LOYALTY).run("r", Kind.ERASURE, ADA, {})
    assert loyalty.done == []


@pytest.mark.parametrize(
    "said", [{"errors": ["x"]}, {"error": "limit"}, {"success": False}, {"ok": False}, {"status": "error"}]
)
def test_an_answer_that_says_that_it_failed_is_neither_nobody_nor_done(
    loyalty: Loyalty, made: Make, said: dict[str, Any]
) -> None:
    call = "record:\n  - {by: email, method: POST, path: /no, body: {email: '{identifier}'}, kinds: [objection]}\n"
    system = made(LOYALTY.replace("fields:", f"{call}fields:"))
    loyalty.talk = lambda *_: (200, {"data": None, **said}, None)
    with pytest.raises(LinkedSystemUnavailable, match="answers that it failed"):
        system.plan(Kind.ACCESS, ADA)
    loyalty.talk = lambda method, *_: (200, said if method == "POST" else {"data": [], "error": None}, None)
    with pytest.raises(LinkedSystemUnavailable, match="answers that it failed"):
        system.run("r", Kind.OBJECTION, ADA, {})
    assert {one.rows for one in system.run("r", Kind.ERASURE, ADA, {})} == {0}


@pytest.mark.parametrize(("status", "link"), [(200, '<?page=2>; rel="next"'), (206, None)])
def test_an_answer_that_goes_on_is_not_taken_for_all_of_it(
    loyalty: Loyalty, made: Make, status: int, link: str | None
) -> None:
    loyalty.talk = lambda *_: (status, {"data": [{"id": 1}]}, link)
    with pytest.raises(LinkedSystemUnavailable, match="goes on"):
        made(LOYALTY).plan(Kind.ACCESS, ADA)
