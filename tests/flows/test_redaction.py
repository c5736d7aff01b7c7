"""Data of others is left out of a person's package by rule (GDPR Art. 15(4)), and it is counted and said."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator

from registry.documents import parse
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import Kind
from registry.flows import plans
from registry.flows.accountability.declared import Declared
from registry.flows.deployment import Deployment
from registry.flows.dsr import export
from registry.flows.dsr.package.archive import held
from registry.flows.dsr.package.contents import Contents, leave_out
from registry.flows.dsr.package.redaction import LEFT_OUT, Redactor
from registry.model.message import Identifier
from registry.plans.telephone_numbers import Looks
from registry.store import administration
from tests.factories import consent, identify, message_id, ordered, track
from tests.simulator import ALL_YES, RegistrySimulator, Tenant, shipped_plan

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "export-manifest.schema.json").read_text())
OWN = (Identifier("email", "ada@example.com"), Identifier("phone", "+4915112345678"), Identifier("user_id", "ada"))
GIFT = """
      gift_for: {description: Who receives it., type: string, maxLength: 99, x-subject: other}
      greeting: {description: What the card says., type: string, maxLength: 999}
      guests:
        description: Who comes along.
        type: array
        items:
          type: object
          properties:
            name: {type: string, x-subject: other}
            seat: {type: integer}
"""


def test_an_address_or_number_in_a_text_is_left_out_unless_it_is_the_persons_own() -> None:
    redactor = Redactor(OWN)
    text = "Ask bob@example.com or +44 20 7946 0958; I am Ada@Example.com, +49 151 12345678 (not +1)."
    told = redactor.value({"deep": [text, 7, None, "2026-01-01T00:00:00+00:00"]})
    assert told["deep"][0] == (
        f"Ask {LEFT_OUT['email']} or {LEFT_OUT['phone']}; I am Ada@Example.com, +49 151 12345678 (not +1)."
    )
    assert told["deep"][1:] == [7, None, "2026-01-01T00:00:00+00:00"]
    assert redactor.counts == {"declared": 0, "email": 1, "phone": 1}


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("https://x.example/?n=%2Fa%3Fto%3Dbob%40example.org&y", "email"),
        ("?to=bob%2540example.org", "email"),
        ("?tel=%2B442079460958", "phone"),
        ("<p>bob&#64;example.org</p>", "email"),
        ("me: ada&#64;example.com &amp; &#43;49 151 12345678", None),
        ("?me=Ada%40Example.com&tel=%2B4915112345678&off=50%40x", None),
    ],
)
def test_an_address_is_left_out_of_addresses_of_pages(text: str, left_out: str | None) -> None:
    redactor = Redactor(OWN)
    told = redactor.event({"name": text, "properties": {"url": text}, "context": {}}, {}, [])
    assert +redactor.counts == ({left_out: 2} if left_out else {})
    assert told["name"] == told["properties"]["url"]
    assert (LEFT_OUT[left_out] in told["name"]) if left_out else told["name"] == text


def test_an_address_is_left_out_of_names_of_members() -> None:
    friends = {"bob@example.org": 1, "cid@example.org": 2, "ada@example.com": 3}
    told = Redactor(OWN).event({"properties": {"friends": friends, **friends}}, {}, [])["properties"]
    for found in (told, told["friends"]):
        assert {"ada@example.com": 3}.items() <= found.items()
        assert sorted(value for value in found.values() if isinstance(value, int)) == [1, 2, 3]
        assert not any("example.org" in name for name in found)


def test_numbers_without_a_country_code_are_read_as_where_the_workspace_and_the_person_are() -> None:
    redactor = Redactor(OWN, "US")  # and of her own, one is German
    note = "Bob: (212) 555-0123 or 030 12345678; me: 0151 12345678. GB has 020 7946 0958, the order is 2125550123"
    told = redactor.value({"note": note, "mobile": [2125550123, "01511 2345678", 7], "order": "2125550123"})
    assert told == {
        "note": f"Bob: {LEFT_OUT['phone']} or {LEFT_OUT['phone']}; me: 0151 12345678. "
        "GB has 020 7946 0958, the order is 2125550123",
        "mobile": [LEFT_OUT["phone"], "01511 2345678", 7],
        "order": "2125550123",
    }
    assert redactor.counts["phone"] == 3


def test_somebody_who_sends_nothing_but_what_may_be_numbers_holds_up_no_package() -> None:
    redactor = Redactor(OWN, "DE", looks=Looks(20_000))
    began = process_time()
    told = [redactor.value(f"{n} " + "0151 23 45 67 89 or 0176 11223344 " * 100) for n in range(100)]
    assert process_time() - began < 10, "looked at one by one they take a minute"
    assert not any("23 45" in text or "112233" in text for text in told)
    redactor.learn([])
    assert redactor.value("ring 030 7654321") == f"ring {LEFT_OUT['phone']}", "what was learnt since gives no more time"
    assert redactor.value("me: +49 151 12345678") == "me: +49 151 12345678"


@pytest.mark.parametrize(
    "written",
    [
        "- ada@example.com", "-ada@example.com", "...Ada@example.com", "+ada@example.com", "ada＠example.com",
        "d'ada@example.com", "o'brien@example.com", "O’Brien@Example.com", "an o'brien@example.com.",
        "我的邮箱是ada@example.com", "ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", r'{"note": "hi\nada@example.com\tend"}',
        r'{"a": "{\"b\": \"hi\\nada@example.com\"}"}', r"SHOP\nadine@example.com",
        "ada@bücher.example", "ada@bu\u0308cher.example", "ada@xn--bcher-kva.example", "ada\u200b@example.com",
    ],
)  # fmt: skip
def test_the_persons_own_address_stays_however_it_is_written(written: str) -> None:
    own = [*OWN, Identifier("email", "o'brien@example.com"), Identifier("email", "ada@xn--bcher-kva.example")]
    own.append(Identifier("email", "nadine@example.com"))
    redactor = Redactor(own)
    assert redactor.value({"note": f"see {written} there", "whole": written}) == {
        "note": f"see {written} there", "whole": written,
    }  # fmt: skip
    assert not +redactor.counts


def test_the_persons_own_number_stays_beside_somebody_elses() -> None:
    redactor = Redactor(OWN, "DE")
    told = redactor.value("+49 151 12345678 0176 11223344; 0176 11223344 / 0151 12345678")
    assert told == f"+49 151 12345678 {LEFT_OUT['phone']}; {LEFT_OUT['phone']} / 0151 12345678"
    beside = Redactor([Identifier("phone", "+493077261211")], "DE")
    text = "+49 30 77261211 10115 Berlin, {} at {}"
    assert beside.value(text.format("+49 30 77261211-12", "+49 30 77261211 99")) == text.format(
        LEFT_OUT["phone"], LEFT_OUT["phone"]
    ), "who has an extension of it is somebody else"


@pytest.mark.parametrize(
    "written", ["b.ada@example.com", "ada-b@example.com", "andre\u0301@example.com", "o'x@example.com"]
)
def test_an_address_that_is_nearly_the_persons_own_is_somebody_elses(written: str) -> None:
    assert Redactor([*OWN, Identifier("email", "andre@example.com")]).value(written) == LEFT_OUT["email"]


def test_what_was_found_before_is_judged_anew_once_more_is_known_to_be_the_persons() -> None:
    redactor = Redactor([])
    text = "me: second@example.com"
    assert redactor.value(text) == f"me: {LEFT_OUT['email']}"
    redactor.learn([Identifier("email", "second@example.com")])
    assert redactor.value(text) == text


def test_a_section_that_named_nobody_is_judged_anew_where_it_is_declared_otherwise_or_names_somebody() -> None:
    redactor = Redactor(OWN, "US")
    order = {"id": "order-1234567", "reply_to": "ada@example.com", "mobile": 2125550123}
    mine = {"properties": {name: frozenset({"user.contact.phone_number"}) for name in ("mobile", "reply_to")}}
    for declared, mobile in ((mine, 2125550123), ({}, LEFT_OUT["phone"]), (mine, 2125550123), ({}, LEFT_OUT["phone"])):
        told = redactor.event({"properties": dict(order)}, declared, [])
        assert told == {"properties": order | {"mobile": mobile}}
    plain = {"id": "order-1234567", "reply_to": "ada@example.com"}
    for _ in range(2):
        assert redactor.event({"properties": plain}, {}, []) == {"properties": plain}
        assert redactor.event({"mobile": [plain, "2125550123"]}, {}, []) == {"mobile": [plain, "2125550123"]}
    assert redactor.counts["phone"] == 2


@pytest.mark.parametrize(("whole", "left_out"), [(True, 1), (False, 0)])
def test_a_field_that_is_nothing_but_an_address_counts_as_reviewed_where_somebody_reviewed_it(
    *, whole: bool, left_out: int
) -> None:
    redactor = Redactor(OWN)
    redactor.value(["bob@example.com"], whole=whole)
    assert redactor.counts["email"] == left_out
    redactor.value("write to bob@example.com", whole=whole)
    assert redactor.counts["email"] == left_out + 1


def test_a_contact_field_of_the_person_stays_and_one_of_somebody_else_goes_whatever_it_holds() -> None:
    redactor = Redactor(OWN)
    content = {"properties": {"reply_to": "second@example.com", "other": "bob@example.com", "card": {"to": ["Bob"]}}}
    categories = {"properties": {"reply_to": frozenset({"user.contact.email"}), "card": frozenset()}}
    told = redactor.event(content, categories, [("properties", "card", "to", "*"), ("properties", "absent")])
    assert told == {
        "properties": {
            "reply_to": "second@example.com", "other": LEFT_OUT["email"], "card": {"to": [LEFT_OUT["declared"]]},
        }
    }  # fmt: skip
    assert content["properties"]["card"] == {"to": ["Bob"]}, "what was given is left as it is"


def nested(depth: int, text: str = "ask bob@planted.example") -> object:
    made: object = text
    for _ in range(depth):
        made = [made]
    return made


def with_gifts(tenant: Tenant) -> Deployment:
    """The shop's plan, with orders that may be for somebody else; the deployment that it is in use in."""
    head, order, rest = shipped_plan().text.partition("name: Order Completed")
    rest = rest.replace("    properties:\n", f"    properties:{GIFT}", 1)
    text = head.replace("version: 1.0.0", "version: 9.0.0") + order + rest
    deployment = tenant.registry.deployment
    plan = plans.publish(deployment, tenant.workspace_id, parse(text, file="plan.yaml"), actor="operator")
    with deployment.data.owner(writes=True) as transaction:
        source_id = tenant.source.row.source_id
        administration.bind_source(transaction, tenant.workspace_id, source_id, plan.name, plan.version)
    return deployment


@pytest.mark.parametrize(
    ("event", "left_out"),
    [
        (ordered("ada", products=7, gift_for="Grace Planted", guests=[{"name": "Alan Planted", "seat": 3}]), 2),
        (ordered("ada", guests={"first": {"name": "Alan Planted"}}), 1),
        (track("Order Compleeted", "ada", gift_for={"name": "Grace Planted"}, guests="Alan Planted"), 2),
        (track("Order Completed", "ada") | {"properties": [{"gift_for": "Grace Planted"}, {"guests": "Planted"}]}, 2),
        (ordered("ada", gift_for=nested(300, "Grace Planted"), note=nested(300, "Alan")), 1),
        (ordered("ada", gift_for="Grace Planted") | {"type": "Track"}, 1),
    ],
    ids=["broken elsewhere", "of another shape", "misspelt", "a list", "too deep", "of no call"],
)
def test_a_rejected_message_holds_nothing_that_plans_declare_to_be_of_others(
    tenant: Tenant, event: dict[str, Any], left_out: int
) -> None:
    deployment = with_gifts(tenant)
    tenant.send(identify("ada", email="ada@example.com"), event | {"messageId": message_id()})
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(deployment, tenant.workspace, request, stream, actor="person:officer")
    archive = ZipFile(stream)
    assert b"lanted" not in b"".join(map(archive.read, archive.namelist()))
    [line] = map(json.loads, archive.read("records/quarantine.jsonl").splitlines())
    properties = line["content"]["call"]["properties"]
    values = properties.values() if isinstance(properties, dict) else [next(iter(one.values())) for one in properties]
    assert list(values).count(LEFT_OUT["declared"]) == left_out
    assert json.loads(archive.read("manifest.json"))["redacted"]["declared"] == left_out


def test_what_a_rejected_message_says_of_its_own_person_stays(tenant: Tenant) -> None:
    with_gifts(tenant)
    tenant.send(identify("ada"), identify("ada", email="second@example.com", age="old", note="ask bob@planted.example"))
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    [line] = map(json.loads, ZipFile(stream).read("records/quarantine.jsonl").splitlines())
    traits = line["content"]["call"]["traits"]
    assert traits == {"email": "second@example.com", "age": "old", "note": f"ask {LEFT_OUT['email']}"}


def test_the_names_of_a_rejected_messages_own_members_name_nobody_else(tenant: Tenant) -> None:
    event = track("Nonsense", "ada") | {"bob@planted.example": 1, "eve@planted.example": {"+44 20 7946 0958": 2}}
    tenant.send(identify("ada"), event)
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    archive = ZipFile(stream)
    assert not re.search(rb"planted|7946 0958", b"".join(map(archive.read, archive.namelist())))
    [line] = map(json.loads, archive.read("records/quarantine.jsonl").splitlines())
    assert {1, "Nonsense", "ada"} < {value for value in line["content"]["call"].values() if not isinstance(value, dict)}


@pytest.mark.parametrize("depth", range(248, 254))
def test_a_rejected_message_nested_as_deep_as_a_line_nearly_holds_breaks_no_package(tenant: Tenant, depth: int) -> None:
    tenant.send(identify("ada"), track("Nonsense", "ada", a=nested(depth), b={"c": nested(depth)}))
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    [line] = map(json.loads, ZipFile(stream).read("records/quarantine.jsonl").splitlines())
    assert line["content"]["call"]["event"] == "Nonsense"


@pytest.mark.parametrize("section", ["properties", "context"])
@pytest.mark.parametrize("shape", ["text", "list", "deep within", "deep"])
def test_a_rejected_message_of_any_shape_is_given_out_without_others(tenant: Tenant, section: str, shape: str) -> None:
    """Whoever has a write key, which stands in pages, can send what no plan takes in of anybody."""
    text = "bob@planted.example"
    shapes = {"text": text, "list": [text], "deep within": {"x": nested(300)}, "deep": nested(900)}
    tenant.send(identify("ada"), track("Nonsense", "ada") | {section: shapes[shape]})
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    archive = ZipFile(stream)
    [line] = map(json.loads, archive.read("records/quarantine.jsonl").splitlines())
    assert LEFT_OUT["email"] in json.dumps(line["content"]["call"][section])
    assert b"planted" not in b"".join(map(archive.read, archive.namelist()))


def test_a_package_holds_nothing_of_others_and_says_what_was_left_out(tenant: Tenant) -> None:
    deployment = with_gifts(tenant)
    tenant.send(
        identify("ada", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered(
            "ada", gift_for="Grace Planted", greeting="From ada@example.com to grace@planted.example",
            guests=[{"name": "Alan Planted", "seat": 3}],
        ),
        track("Nonsense", "ada", note="call +44 20 7946 0958, grace&#64;planted.example, (212) 794-6095"),
    )  # fmt: skip
    tenant.say("user_id", "ada", "marketing", "granted", evidence={"heard_by": "clerk@planted.example"})
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(deployment, tenant.workspace, request, stream, actor="person:officer")
    archive = ZipFile(stream)
    content = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, data in content.items() if re.search(rb"lanted|7946 ?0958|794-6095", data)]
    manifest = json.loads(content["manifest.json"])
    Draft202012Validator(SCHEMA).validate(manifest)
    assert manifest["redacted"] == {"declared": 2, "email": 3, "phone": 2}
    page = content["index.html"].decode()
    assert "2 values in fields that hold somebody else&#39;s data" in page or "2 values in fields" in page
    assert "3 e-mail addresses" in page
    assert LEFT_OUT["declared"] in page.replace("&#39;", "'")
    [order_line] = [json.loads(line) for line in content["events.jsonl"].splitlines() if b"order_completed" in line]
    assert order_line["content"]["properties"]["greeting"].startswith("From ada@example.com to [")
    assert order_line["content"]["properties"]["guests"] == [{"name": LEFT_OUT["declared"], "seat": 3}]


class Systems:
    """Two systems outside: a shop that knows another address of the person's, and a desk with texts and documents."""

    def __init__(self, name: str, rows: dict[str, Any], known: tuple[Identifier, ...] = ()) -> None:
        self.name, self.rows, self.known = name, rows, known

    def undecided(self) -> Sequence[tuple[str, str]]:
        return ()

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        return SystemPlan(self.name, self.run("", kind, people, {}), ())

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return self.known

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        return [FieldAccount(self.name, "row", name, Disposition.EXPORTED, 1) for name in self.rows]

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "row", self.rows

    def close(self) -> None:
        """Nothing is held open."""


def test_what_json_has_no_form_for_is_given_out_as_its_text_and_breaks_no_package(registry: RegistrySimulator) -> None:
    rows = {
        "deep": nested(300), "nearly": nested(252), "large": 2**80, "broken": "caf\udce9", "numbered": {1: 2},
        "bytes": b"\xff", "ordinary": {"a": [1.5, None]},
    }  # fmt: skip
    registry.deployment = replace(registry.deployment, linked=(Systems("desk", rows),))
    registry.workspaces._deployment = registry.deployment
    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    row = json.loads(ZipFile(stream).read("outside/desk.jsonl"))["row"]
    assert row == {
        "deep": "[" * 300 + f'"ask {LEFT_OUT["email"]}"' + "]" * 300,
        "nearly": "[" * 252 + f'"ask {LEFT_OUT["email"]}"' + "]" * 252,
        "large": str(2**80), "broken": '"caf\\udce9"', "numbered": '{"1": 2}', "bytes": "/w==",
        "ordinary": {"a": [1.5, None]},
    }  # fmt: skip


def test_what_is_nested_nearly_too_deep_to_be_read_is_written_by_whoever_has_called_many_functions() -> None:
    def called(times: int) -> object:
        return held({"x": nested(900, "end")}) if not times else called(times - 1)

    assert called(200) == {"x": "[" * 900 + '"end"' + "]" * 900}


def test_what_systems_know_of_the_person_is_theirs_and_nobody_elses_in_any_document(
    registry: RegistrySimulator,
) -> None:
    told = (Identifier("email", "old@example.org"), Identifier("phone", "+493012345678"))
    note = "write to old@example.org or grace@planted.example, or call +49 30 12345678"
    document = {"to": "grace@planted.example", "from": "old@example.org", "also": ["+44 20 7946 0958"]}
    desk = Systems(
        "desk", {"note": note, "meta": document, "billed_to": "box@shop.example", "boxes": ["b@shop.example"]}
    )
    registry.deployment = replace(registry.deployment, linked=(desk, Systems("shop", {"id": 1}, told)))
    registry.workspaces._deployment = registry.deployment
    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    row = json.loads(ZipFile(stream).read("outside/desk.jsonl"))["row"]
    assert row == {
        "note": f"write to old@example.org or {LEFT_OUT['email']}, or call +49 30 12345678",
        "meta": {"to": LEFT_OUT["email"], "from": "old@example.org", "also": [LEFT_OUT["phone"]]},
        "billed_to": "box@shop.example",
        "boxes": ["b@shop.example"],
    }


def test_a_trait_that_is_called_a_telephone_number_is_read_as_one_as_a_member_of_an_event_is(tenant: Tenant) -> None:
    traits = [{"trait": "friend_mobile", "value": told} for told in ("2125550123", 12125550123, ["447911123456"])]
    contents = Contents([], traits, {"history": []}, [], [], Counter())
    leave_out(contents, Redactor(OWN, "US"), Declared(tenant.registry.deployment, tenant.workspace))
    assert [one["value"] for one in contents.traits] == [LEFT_OUT["phone"], LEFT_OUT["phone"], [LEFT_OUT["phone"]]]
