"""Invariant 3: nothing personal at rest in plaintext: not in databases, WAL, keystore, logs or temporary files.

Markers are planted in every personal field over every interface of a real server, on both engines; then every
byte on disk is searched, while the server runs, after it was killed, after it started again, and at its end.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from registry import bootstrap
from registry.bootstrap import Initialised
from registry.settings import Settings
from tests.factories import alias, consent, identify, message_id, ordered, track, viewed
from tests.reliability.scan import Found, Scanner
from tests.reliability.server import ServerProcess
from tests.simulator import ALL_YES

STEM = "zqjxkwvpyq"
PHONE, BIRTHDAY, ADDRESS, AMOUNT = "2025550147", "1913-07-23", "203.0.113.77", "91827364.5"
MAIL = f"{STEM}-mail@example.com"
ADA, EVE = f"{STEM}-ada", f"{STEM}-eve"
SUBJECT = {"kind": "email", "value": MAIL}

SCANNER = Scanner([STEM, PHONE, BIRTHDAY, ADDRESS, AMOUNT])


@dataclass
class Place:
    """A server, its keys, and every place on disk where something could be left."""

    server: ServerProcess
    keys: Initialised
    folder: Path
    postgres_folder: Path | None
    database_url: str | None
    known: dict[Path, tuple[int, int]] = field(default_factory=dict)
    refusals: list[httpx.Response] = field(default_factory=list)

    def look(self, when: str) -> None:
        """Search everything; PostgreSQL writes its buffers out first."""
        if self.database_url is not None:
            url = make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        found: list[Found] = list(SCANNER.folder(self.folder))
        if self.postgres_folder is not None:
            found += SCANNER.folder(self.postgres_folder, self.known)
        if self.server.pid is not None:
            found += SCANNER.open_files(self.server.pid)
        assert found == [], when

    def client(self, key: str) -> httpx.Client:
        """A client with a bearer key, and marks in whatever headers clients send of their own."""
        headers = {
            "authorization": f"Bearer {key}",
            "user-agent": f"{STEM}-agent",
            "referer": f"https://{STEM}.example",
            "cookie": f"c={STEM}",
            "x-forwarded-for": ADDRESS,
        }
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=30)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    temporary, data = tmp_path / "temporary", tmp_path / "data"
    temporary.mkdir()
    postgres_folder, urls = None, (None, None)
    if request.param == "postgresql":
        urls = tuple(str(request.getfixturevalue(name)) for name in ("postgres_url", "second_postgres_url"))
        postgres_folder = Path(str(make_url(str(urls[0])).query["host"]))
    settings = Settings(data_dir=data, database_url=urls[0], keystore_url=urls[1])
    keys = bootstrap.initialise(settings)
    for url in filter(None, urls):
        _store_as_it_is(url)
    environment = {"TMPDIR": str(temporary), "REGISTRY_LOG_LEVEL": "debug", "PYTHONDONTWRITEBYTECODE": "1"}
    given = {"REGISTRY_DATABASE_URL": urls[0], "REGISTRY_KEYSTORE_URL": urls[1]}
    environment |= {name: url for name, url in given.items() if url}
    server = ServerProcess(data, tmp_path / "server.log", environment)
    server.start()
    yield Place(server, keys, tmp_path, postgres_folder, urls[0])
    server.stop()


def _store_as_it_is(url: str) -> None:
    """Keep PostgreSQL from compressing long values, so that the search can read them."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('bytea', 'text', 'character varying')"
        ).fetchall()
        for table, column in columns:
            connection.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STORAGE EXTERNAL')  # type: ignore[arg-type]


def _traits() -> dict[str, Any]:
    address = dict.fromkeys(("street", "city", "postal_code", "state", "country"), f"{STEM} 1"[:20])
    text = dict.fromkeys(("name", "first_name", "last_name", "title", "gender", "company", "favourite_category"), STEM)
    return text | {
        "email": MAIL,
        "phone": f"+1{PHONE}",
        "birthday": BIRTHDAY,
        "address": address,
        f"{STEM}-unplanned": f"{STEM} value",
        "nested": {f"{STEM}-key": [f"{STEM} item"]},
    }


def _context() -> dict[str, Any]:
    return consent(**ALL_YES) | {
        "ip": ADDRESS,
        "userAgent": f"{STEM} agent",
        "locale": f"{STEM}",
        "device": {"id": f"{STEM}-device", "model": STEM, "advertisingId": f"{STEM}-ad"},
        "page": {"url": f"https://shop.example/{STEM}?q={STEM}", "title": STEM, "referrer": STEM, "search": STEM},
        "campaign": {"name": STEM, "term": STEM},
        "traits": {"email": MAIL, f"{STEM}-t": STEM},
        "externalIds": [{"id": f"{STEM}-crm", "type": "crm_id", "collection": "users", "encoding": "none"}],
        f"{STEM}-context": STEM,
    }


def _calls() -> list[object]:
    """Accepted, trimmed and rejected calls with marks in every member."""
    products = [{"product_id": f"{STEM}-p", "name": STEM, "coupon": f"{STEM}-c", "price": 91827364.5, STEM: STEM}]
    right: list[dict[str, Any]] = [
        identify(ADA, f"{STEM}-browser", **_traits(), context=_context(), messageId=f"{STEM}-message"),
        ordered(ADA, order_id=f"{STEM}-o", products=products, total=91827364.5, coupon=STEM, context=_context()),
        viewed(ADA, f"{STEM}-browser", name=STEM, category=STEM, url=f"https://x.example/{STEM}"),
        track("Products Searched", ADA, query=f"{STEM} shoes"),
        alias(f"{STEM}-earlier", ADA),
        identify(EVE, f"{STEM}-tablet", first_name=STEM, email=f"{STEM}-eve@example.com"),
        identify(ADA, f"{STEM}-tablet"),
        {"type": "group", "groupId": f"{STEM}-group", "userId": ADA, "traits": {"name": STEM, STEM: STEM}},
        {"type": "page", "name": STEM, "category": STEM, "userId": ADA, "properties": {"title": STEM, STEM: STEM}},
        {"type": "screen", "name": STEM, "anonymousId": f"{STEM}-screen", "properties": {STEM: STEM}},
    ]
    wrong: list[object] = [
        track(f"{STEM} Happened", ADA, note=STEM),
        track("Order Completed", ADA, order_id=[STEM], products=STEM),
        ordered(ADA, products=[{STEM: STEM, "price": STEM}], currency=STEM),
        identify(ADA, birthday=f"{STEM}", age=STEM, email=f"{STEM}@@"),
        identify(ADA, loyalty_tier=STEM, phone=f"{PHONE}{PHONE}{PHONE}"),
        ordered(ADA, order_id=STEM * 200),
        ordered(ADA, order_id=f"{STEM} " * 4000),
        {"type": STEM, "userId": ADA},
        {"type": "track", "event": {STEM: STEM}, "userId": {STEM: STEM}, "messageId": {STEM: STEM}},
        {"type": "track", "event": STEM * 40, "userId": STEM * 60, "messageId": STEM * 12},
        {"type": "identify", "userId": ADA, "context": {"consent": {"categoryPreferences": {STEM: STEM}}}},
        {"type": "identify", "userId": ADA, "context": consent(**{STEM: True}), "timestamp": STEM},
        [STEM],
        STEM,
    ]
    for call in (*right, *wrong):
        if isinstance(call, dict):
            call.setdefault("messageId", f"{STEM}-{message_id()}")
    return [*right, *wrong]


def _plant_by_tracking(place: Place) -> None:
    write_key = place.keys.write_key
    body = {"batch": _calls(), "context": {"ip": ADDRESS, STEM: STEM}, "integrations": {STEM: STEM}, STEM: STEM}
    packed = gzip.compress(json.dumps(body | {"writeKey": write_key}).encode())
    basic = "Basic " + base64.b64encode(f"{STEM}-key:{STEM}".encode()).decode()
    with httpx.Client(base_url=place.server.url, auth=(write_key, ""), timeout=30) as client:
        answer = client.post("/v1/batch", json=body)
        assert answer.json()["accepted"] >= 9, answer.text
        assert answer.json()["rejected"] >= 9
        assert client.post("/v1/import", json=body | {"batch": _calls()}).status_code == 200
        for name in ("track", "identify", "page", "screen", "group", "alias", "t", "i"):
            client.post(f"/v1/{name}", json={"userId": ADA, "event": STEM, "name": STEM, "traits": {"name": STEM}})
        client.post("/v1/m", json={STEM: STEM})
    with httpx.Client(base_url=place.server.url, timeout=30) as client:
        assert client.post("/v1/batch", content=packed, headers={"content-encoding": "gzip"}).status_code == 200
        place.refusals += [
            client.post("/v1/batch", content=f'{{"batch": [{{"{STEM}": "{MAIL}"'),
            client.post("/v1/batch", content=f'"{STEM}"'),
            client.post("/v1/batch", content=packed[: len(packed) // 2]),
            client.post("/v1/batch", content=b"\x1f\x8b" + STEM.encode()),
            client.post("/v1/batch", json={"batch": STEM, "writeKey": write_key}),
            client.post("/v1/batch", json={"batch": [ordered(ADA)], "writeKey": f"{STEM}-key"}),
            client.post("/v1/batch", json={"batch": [ordered(ADA)]}, headers={"authorization": basic}),
            client.post("/v1/batch", json={"batch": [ordered(ADA)]}, params={"writeKey": STEM}),
            client.post("/v1/batch", json={"batch": [], "writeKey": write_key, "pad": STEM * 60_000}),
            client.get(f"/v1/projects/{STEM}/settings"),
            client.get(f"/{STEM}/{MAIL}", params={"q": STEM}),
            client.request(STEM.upper(), "/v1/batch"),
            client.get(f"/privacy/{STEM}"),
        ]
    with socket.create_connection(("127.0.0.1", place.server.port)) as raw:
        raw.sendall(f"{STEM} {MAIL}\r\n{STEM}\r\n\r\n".encode())
        raw.recv(1000)


def _plant_by_consent(place: Place) -> None:
    with place.client(place.keys.app_key) as client:
        record = {"subject": SUBJECT, "purpose": "marketing", "status": "granted", "evidence": f"{STEM} signed {PHONE}"}
        assert client.post("/v1/consent/records", json=record).status_code == 201
        phone = {"subject": {"kind": "phone", "value": f"+1{PHONE}"}, "purpose": "analytics", "status": "denied"}
        assert client.post("/v1/consent/records", json=phone).status_code == 201
        stranger = {"subject": {"kind": "email", "value": f"{STEM}-new@example.com"}, "purpose": "marketing"}
        assert client.post("/v1/consent/records", json=stranger | {"status": "withdrawn"}).status_code == 201
        question = {"subject": SUBJECT, "purpose": "marketing"}
        assert client.post("/v1/consent/check", json=question).json()["allowed"]
        client.post("/v1/consent/check/batch", json={"checks": [question, question | {"purpose": STEM}]})
        client.post("/v1/consent/filter?purpose=marketing", content=json.dumps(SUBJECT) + f'\n{{"{STEM}": 1}}\n')
        assert client.post("/v1/consent/history", json={"subject": SUBJECT}).status_code == 200
        client.post("/v1/consent/check", json=question | {"purpose": STEM, "categories": [STEM]})
        place.refusals += [
            client.post("/v1/consent/records", json=record | {"purpose": STEM}),
            client.post("/v1/consent/records", json=record | {"status": STEM}),
            client.post("/v1/consent/records", json=record | {"acted_at": STEM}),
            client.post("/v1/consent/records", json=record | {"channel": f"{STEM} <{MAIL}>\n"}),
            client.post("/v1/consent/records", json=record | {f"{STEM}-member": STEM}),
            client.post("/v1/consent/records", json=record | {"subject": {"kind": STEM, "value": MAIL}}),
            client.post("/v1/consent/records", json=record | {"subject": {"kind": "email", "value": STEM}}),
            client.post("/v1/consent/check", content=f'{{"{STEM}'),
            client.post("/v1/consent/check", json={"subject": STEM, "purpose": "service"}),
            client.post("/v1/consent/check", json=question | {"at": STEM}),
            client.post("/v1/consent/filter?purpose=marketing", content=f'{STEM}: "{MAIL}"'),
            client.get("/v1/consent/changes", params={"cursor": STEM}),
        ]


def _plant_by_reading(place: Place) -> None:
    with place.client(place.keys.admin_key) as client:
        lookup = {"subject": SUBJECT, "purpose": "service"}
        found = client.post("/v1/profiles/lookup", json=lookup)
        assert STEM in found.text
        profile = f"/v1/profiles/{found.json()['profile_id']}"
        purpose = {"Registry-Purpose": "marketing"}
        assert client.get(profile, headers=purpose).status_code == 200
        assert STEM in client.get(f"{profile}/timeline", headers={"Registry-Purpose": "service"}).text
        assert client.post("/v1/traces", json={"message_id": f"{STEM}-message"}).status_code == 200
        for path in ("/v1/violations", "/v1/audit/entries?limit=500", "/v1/dsr/requests", "/metrics", "/v1/sources"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert list(SCANNER.bytes(answer.content, path)) == []
        place.refusals += [
            client.post("/v1/profiles/lookup", json=lookup | {"purpose": STEM}),
            client.post("/v1/profiles/lookup", json=lookup | {"include": [STEM]}),
            client.post("/v1/profiles/lookup", json=lookup | {"subject": {"kind": "email", "value": f"n{MAIL}"}}),
            client.get(f"/v1/profiles/{STEM}", headers=purpose),
            client.get(profile, headers={"Registry-Purpose": STEM}),
            client.get(f"{profile}/timeline", headers=purpose, params={"cursor": STEM, "limit": STEM}),
            client.post("/v1/traces", json={"message_id": f"{STEM}-nowhere"}),
            client.post("/v1/plans", content=f"plan: [{STEM}, {MAIL}"),
            client.get(f"/v1/plans/{STEM}/{STEM}"),
            client.delete(f"/v1/keys/{STEM}"),
        ]
    with place.client(f"{STEM}-key") as client:
        place.refusals.append(client.get("/v1/policies"))


def _plant_by_requests(place: Place) -> None:
    with place.client(place.keys.admin_key) as first:
        officer = first.post("/v1/keys", json={"kind": "person", "role": "compliance_officer", "name": "second"})
        with place.client(officer.json()["secret"]) as second:

            def run(kind: str, subject: dict[str, str] = SUBJECT, **details: object) -> str:
                opened = first.post("/v1/dsr/requests", json={"kind": kind, "subject": subject, "details": details})
                assert opened.status_code == 201, opened.text
                path = f"/v1/dsr/requests/{opened.json()['request_id']}"
                place.look(f"{kind}: open")
                assert first.post(f"{path}/verify").status_code == 200
                assert second.post(f"{path}/approve").status_code == 200
                done = second.post(f"{path}/run")
                assert done.json()["state"] == "completed", done.text
                return path

            run("rectification", traits={"first_name": f"{STEM} right", f"{STEM}-trait": {STEM: STEM}})
            package = second.get(f"{run('access')}/package")
            assert list(SCANNER.bytes(package.content, "the package"))
            run("portability")
            run("withdrawal", purposes=["marketing"])
            run("restriction", {"kind": "user_id", "value": EVE})
            place.refusals += [
                first.post("/v1/dsr/requests", json={"kind": STEM, "subject": SUBJECT}),
                first.post("/v1/dsr/requests", json={"kind": "access", "subject": SUBJECT, "jurisdiction": STEM}),
                first.post(
                    "/v1/dsr/requests",
                    json={"kind": "objection", "subject": SUBJECT, "details": {"purposes": [STEM]}, STEM: 1},
                ),
                first.post(
                    "/v1/dsr/requests", json={"kind": "rectification", "subject": SUBJECT, "details": {STEM: MAIL}}
                ),
                first.get(f"/v1/dsr/requests/{STEM}"),
            ]
            certificate = second.get(f"{run('erasure')}/certificate")
            assert list(SCANNER.bytes(certificate.content, "the certificate")) == []


def test_no_byte_on_disk_tells_anything_of_anybody(place: Place) -> None:
    for plant in (_plant_by_tracking, _plant_by_consent, _plant_by_reading):
        plant(place)
        place.look(plant.__name__)
    place.server.kill()
    place.look("after a kill")
    place.server.start()
    _plant_by_requests(place)
    place.look("after the requests")
    place.server.stop()
    place.look("at the end")
    for refusal in place.refusals:
        assert refusal.status_code >= 400, (refusal.request.method, refusal.request.url.path, refusal.text)
        assert list(SCANNER.bytes(refusal.content, str(refusal.request.url.path))) == []
