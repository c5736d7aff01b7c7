"""Marks in every member of what sources send, by the tracking protocol and by a file that is imported."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import os
import socket
from typing import Any

import httpx

from tests.factories import alias, consent, identify, message_id, ordered, track, viewed
from tests.forked import command
from tests.reliability.place import ADA, ADDRESS, BIRTHDAY, EVE, MAIL, PHONE, SCANNER, STEM, Place
from tests.simulator import ALL_YES


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


def by_tracking(place: Place) -> None:
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


def by_import(place: Place) -> None:
    """A table of customers, with its unreadable and rejected rows reported on."""
    columns = {"nr": f"{STEM}-row", "mail": f"{STEM}-table@example.com", "born": BIRTHDAY, "name": STEM}
    rows = [columns, columns | {"nr": f"{STEM}-2", "born": STEM}, columns | {"nr": f"{STEM}-3", "mail": STEM}]
    table, mapping = place.outside / "people.csv", place.outside / "mapping.yaml"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    mapping.write_text(
        "version: 1\nimport: crm\nrow_id: nr\nuser_id: nr\n"
        'traits: {email: mail, first_name: name, birthday: {column: born, type: date, format: "%Y-%m-%d"}}\n'
    )
    report = place.folder / "faults.jsonl"
    run(place, "sources", "create", "crm", "--method", "imported")
    told = run(
        place, "imports", "run", str(table), "--mapping", str(mapping), "--source", "crm", "--report", str(report)
    )
    assert report.exists() and "accepted" in told
    assert list(SCANNER.bytes(told.encode(), "what the command said")) == []


def run(place: Place, *arguments: str) -> str:
    """What a command of `registry` printed, with the settings of the server."""
    done = command((*arguments, "--data-dir", str(place.data), "--json"), os.environ | place.environment)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr
