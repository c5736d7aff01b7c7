"""Answers from memory are, to the byte, those that the database gives; bulk streams, and is bounded."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from urllib.parse import urlsplit

import httpx
import pytest

from registry.api import bodies, filtering, profile_lines
from registry.consent.purposes import LawfulBasis
from registry.flows.consent.boards import Boards
from registry.model.ids import text_id
from tests.api.house import Desk
from tests.factories import consent, identify, ordered

YES = consent(Advertising=True, Analytics=True)
NO = consent(Advertising=False, Functional=True)
USERS = ("ada", "bob", "eve", "kim", "nobody")


def people(desk: Desk) -> None:
    desk.send(identify("ada", context=YES), identify("bob", context=NO), identify("eve"))
    desk.send(identify("kim", context=YES), ordered(anonymous="browser", context=NO), identify("kim", "browser"))
    act = {"subject": user("eve"), "purpose": "marketing", "status": "granted", "expires_at": "2100-01-01T00:00:00Z"}
    assert desk.admin.post("/v1/consent/records", json=act).status_code == 201


def user(name: str) -> dict[str, str]:
    return {"kind": "user_id", "value": name}


def in_memory(desk: Desk) -> None:
    """Wait until the workspace is on a board."""
    boards, deadline = desk.house.app.state.registry.boards, monotonic() + 60
    while not boards.ready(desk.tenant.workspace):
        assert monotonic() < deadline
        sleep(0.005)


@contextmanager
def from_the_database(desk: Desk) -> Iterator[None]:
    application = desk.house.app.state.registry
    own, application.boards = application.boards, Boards(desk.house.registry.deployment, 0)
    application.remembered._states.clear()
    try:
        yield
    finally:
        application.boards = own
        application.remembered._states.clear()


def filtered(desk: Desk, lines: bytes, purpose: str = "marketing") -> httpx.Response:
    return desk.app.post(f"/v1/consent/filter?purpose={purpose}", content=lines)


def test_every_way_of_asking_gets_the_same_bytes_from_memory_and_from_the_database(either_desk: Desk) -> None:
    desk = either_desk
    people(desk)
    names = [user(name) for name in USERS] + [{"kind": "anonymous_id", "value": "browser"}]
    checks = [
        {"subject": who, "purpose": purpose, **more}
        for who in names
        for purpose in ("marketing", "service", "analytics", "no such purpose")
        for more in ({}, {"categories": ["user.contact.email"]}, {"categories": ["user.biometric"]},
                     {"at": "2020-01-01T00:00:00Z"}, {"jurisdiction": "US-CA"})
    ]  # fmt: skip
    profiles = [text_id(found) for name in USERS if (found := desk.tenant.profile("user_id", name))]
    references = [*names, *({"profile_id": one} for one in profiles), {"profile_id": text_id(bytes(16))}]
    plain = b"".join(json.dumps(one).encode() + b"\n" for one in names)
    mixed = b"".join(json.dumps(one).encode() + b"\n" for one in references)
    listed_form = b"".join(profile_lines.lines_of(bytes.fromhex(one.replace("-", ""))) for one in profiles)

    def answers() -> list[bytes]:
        found = [desk.app.post("/v1/consent/check", json=check) for check in checks]
        found.append(desk.app.post("/v1/consent/check/batch", json={"checks": checks}))
        found.append(
            desk.app.post(
                "/v1/consent/check/batch", json={"checks": [c for c in checks if not c.keys() & {"at", "jurisdiction"}]}
            )
        )
        for purpose in ("marketing", "service", "analytics", "no such purpose"):
            found += [filtered(desk, lines, purpose) for lines in (plain, mixed, listed_form, listed_form.upper())]
        found += [desk.admin.post("/v1/consent/list", json={"purpose": one}) for one in ("marketing", "service")]
        return [answer.content for answer in found]

    in_memory(desk)
    remembered = answers()
    with from_the_database(desk):
        assert answers() == remembered
    in_memory(desk)
    assert answers() == remembered
    assert any(b'"valid_until":"2100' in answer for answer in remembered)


def test_what_a_list_gives_out_can_be_filtered_for_another_purpose(either_desk: Desk) -> None:
    people(either_desk)
    in_memory(either_desk)
    listed = either_desk.admin.post("/v1/consent/list", json={"purpose": "service"}).content
    assert listed.count(b"\n") == 4
    through = filtered(either_desk, listed).content
    allowed = {either_desk.tenant.profile("user_id", name) for name in ("ada", "eve")}
    assert {json.loads(line)["profile_id"] for line in through.splitlines()} == {text_id(one or b"") for one in allowed}
    body = {"subject": user("ada"), "purpose": "marketing", "status": "withdrawn"}
    either_desk.admin.post("/v1/consent/records", json=body)
    assert filtered(either_desk, listed).content.count(b"\n") == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b'{"kind":"user_id","value":"ada"}\n{"kind":"user_id"\n,"value":"eve"}\n', "line 2 is not JSON"),
        (b'{"kind":"user_id","value":"ada"},{"kind":"user_id","value":"eve"}\n', "line 1 is not JSON"),
        (b'{"kind":"user_id","value":"}\n{"}\n{"kind":"user_id","value":"a"},{"kind":"user_id","value":"b"}', "line 1"),
        (b'{"a":[{}\n{}]}\n{"kind":"user_id","value":"a"},{"kind":"user_id","value":"b"}', "line 1 is not JSON"),
        (b'\n{"profile_id":"x"}', "line 2: profile_id is not a UUID"),
        (b'{"kind":"user_id","value":"null"}', "line 1: the value cannot point at a person"),
        (profile_lines.lines_of(bytes(32)) + b"{}", "line 3: subject needs kind and value"),
    ],
)
def test_a_line_that_is_none_is_an_error_with_its_number(desk: Desk, lines: bytes, said: str) -> None:
    answer = filtered(desk, lines)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_filter_of_people_somewhere_is_answered_by_the_ground_of_there_and_not_from_memory(desk: Desk) -> None:
    state = desk.house.app.state
    before = state.registry
    known = before.deployment.policies.purposes
    bases = {"default": LawfulBasis.CONSENT, "US": LawfulBasis.OPT_OUT}
    marketing = replace(known.purposes["marketing"], lawful_basis=bases)
    purposes = replace(known, purposes={**known.purposes, "marketing": marketing})
    policies = replace(before.deployment.policies, purposes=purposes)
    state.registry = replace(before, deployment=replace(before.deployment, policies=policies))
    try:
        desk.send(identify("ada"))
        in_memory(desk)
        lookup = desk.app.post("/v1/profiles/lookup", json={"subject": user("ada"), "purpose": "service"}).json()
        by_profile = json.dumps({"profile_id": lookup["profile_id"]}, separators=(",", ":"))
        for line in (json.dumps(user("ada")), by_profile):
            for place, found in (("US-CA", line + "\n"), ("DE", "")):
                path = f"/v1/consent/filter?purpose=marketing&jurisdiction={place}"
                assert desk.app.post(path, content=line).text == found, (line, place)
        wrong = desk.app.post("/v1/consent/filter?purpose=marketing&jurisdiction=Germany", content=b"")
        assert (wrong.status_code, wrong.json()["pointer"]) == (400, "/query/jurisdiction")
    finally:
        state.registry = before


def test_a_filter_reads_gzip_in_parts_of_any_size_and_nothing_after_it(desk: Desk) -> None:
    people(desk)
    packed = gzip.compress(json.dumps(user("ada")).encode() + b"\n" + json.dumps(user("bob")).encode())
    for step in (1, 7, len(packed)):
        parts = (packed[at : at + step] for at in range(0, len(packed), step))
        assert filtered(desk, parts).content == json.dumps(user("ada")).encode() + b"\n"  # type: ignore[arg-type]
    for wrong in (packed[:-3], packed + packed, b"\x1f\x8bno gzip at all"):
        assert filtered(desk, wrong).json()["code"] == "invalid-input"


def test_a_long_filter_answers_while_it_is_still_being_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last lines are sent only when the first answers have come."""
    people(desk)
    in_memory(desk)
    monkeypatch.setattr(filtering, "HELD", 100_000)
    monkeypatch.setattr(bodies, "LINES_BYTES", 50_000)
    profile = desk.tenant.profile("user_id", "ada") or b""
    begun, lines = threading.Event(), profile_lines.lines_of(profile * 5_000)
    with _asked(desk) as connection:

        def send() -> None:
            _chunk(connection, lines)
            assert begun.wait(30)
            _chunk(connection, lines)
            _chunk(connection, b"")

        sender = threading.Thread(target=send)
        sender.start()
        answer = b""
        while part := connection.recv(65_536):
            answer += part
            if profile_lines.LINE[:15] in answer:
                begun.set()
        sender.join()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(text_id(profile).encode()) == 10_000
    assert answer.endswith(b"0\r\n\r\n")


def test_a_line_that_is_wrong_in_the_middle_of_an_answer_breaks_it_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(desk)
    in_memory(desk)
    monkeypatch.setattr(filtering, "HELD", 0)
    monkeypatch.setattr(bodies, "LINES_BYTES", 50_000)
    profile = desk.tenant.profile("user_id", "ada") or b""
    with _asked(desk) as connection:
        _chunk(connection, profile_lines.lines_of(profile * 5_000))
        _chunk(connection, b"no line\n")
        _chunk(connection, b"")
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert text_id(profile).encode() in answer
    assert not answer.endswith(b"0\r\n\r\n"), "nobody takes it for a whole answer"


@contextmanager
def _asked(desk: Desk) -> Iterator[socket.socket]:
    """A filter that was begun: the body comes in chunks, and is answered on a connection that then ends."""
    place = urlsplit(desk.house.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/consent/filter?purpose=marketing HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n"
            b"Authorization: Bearer %b\r\nTransfer-Encoding: chunked\r\n\r\n" % desk.tenant.keys.app.encode()
        )
        yield connection


def _chunk(connection: socket.socket, content: bytes) -> None:
    connection.sendall(b"%x\r\n%b\r\n" % (len(content), content))


def test_references_in_the_form_of_a_list_are_read_at_once_and_others_one_by_one() -> None:
    ids = bytes(range(256)) * 3
    lines = profile_lines.lines_of(ids)
    assert profile_lines.ids_of(lines) == ids
    assert [json.loads(line)["profile_id"] for line in lines.splitlines()] == [
        text_id(ids[at : at + 16]) for at in range(0, len(ids), 16)
    ]
    assert profile_lines.chosen(lines, b"\1" + bytes(47)) == profile_lines.lines_of(ids[:16])
    for other in (lines.upper(), lines[:-1], lines.replace(b'"profile_id"', b'"profile-id"', 1),
                  lines.replace(b"-", b"0", 1), lines.replace(b"a", b"A", 1), lines.replace(b"0", b"g", 1),
                  lines.replace(b"0", b" ", 1), lines.replace(b"0", "é".encode(), 1)[: len(lines)], b""):  # fmt: skip
        assert profile_lines.ids_of(other) is None
    assert profile_lines.lines_of(b"") == b""


def test_a_filter_and_a_list_tell_reasons_where_they_are_asked_for(either_desk: Desk) -> None:
    desk = either_desk
    people(desk)
    profile = text_id(desk.tenant.profile("user_id", "bob") or b"")
    asked = [*map(user, USERS), {"profile_id": profile}, {"profile_id": text_id(bytes(16))}]
    lines = b"\n\n".join(json.dumps(one).encode() for one in asked)
    told = [json.loads(line) for line in filtered(desk, lines, "marketing&reasons=true").text.splitlines()]
    assert [one.keys() - {"allowed", "reason", "sentence"} for one in told] == [one.keys() for one in asked]
    for one in told[:-2]:
        alone = desk.app.post("/v1/consent/check", json={"subject": user(one["value"]), "purpose": "marketing"}).json()
        assert {name: one[name] for name in ("allowed", "reason", "sentence")}.items() <= alone.items()
    assert [one["reason"] for one in told[-2:]] == ["denied", "unknown_subject"]
    listed = desk.admin.post("/v1/consent/list", json={"purpose": "marketing", "reasons": True}).text.splitlines()
    plain = desk.admin.post("/v1/consent/list", json={"purpose": "marketing"}).text.splitlines()
    assert [json.loads(line)["profile_id"] for line in listed] == [json.loads(line)["profile_id"] for line in plain]
    assert {json.loads(line)["reason"] for line in listed} == {"granted"}
    for wrong in (filtered(desk, lines, "marketing&reasons=perhaps"), filtered(desk, lines, "no_such")):
        assert wrong.status_code == 400
    assert filtered(desk, lines, "no_such").json()["code"] == "unknown-purpose"
    assert desk.admin.post("/v1/consent/list", json={"purpose": "marketing", "reasons": 1}).status_code == 400


def test_a_carriage_return_shifts_no_answer_to_another_line(either_desk: Desk) -> None:
    people(either_desk)
    in_memory(either_desk)
    lines = b'{"kind":"user_id",\r"value":"bob"}\n{"kind":"user_id","value":"bob"}\n{"kind":"user_id","value":"ada"}\n'
    assert filtered(either_desk, lines).status_code == 400
    assert filtered(either_desk, lines[lines.index(b"\n") + 1 :].replace(b"\n", b"\r\n")).text.count("ada") == 1
