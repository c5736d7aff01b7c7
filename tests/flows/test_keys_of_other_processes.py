"""What another process has sealed under a key that it made just now is there for everybody, at once."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZipFile

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr import export, holds, kept
from tests.factories import consent, identify, ordered, viewed
from tests.flows.test_destinations import forward, pass_to
from tests.receiver import receiving
from tests.simulator import ALL_YES, Tenant

ADA = ("user_id", "ada")


@pytest.fixture
def overtaken(two_processes: tuple[Tenant, Tenant]) -> Tenant:
    """A process that knows some of Ada's keys, when another has sealed a view and her gender under new ones."""
    tenant, elsewhere = two_processes
    tenant.send(ordered("ada", context=consent(**ALL_YES)))
    assert tenant.lookup(*ADA, "service")
    assert tenant.timeline(*ADA, "service")
    assert elsewhere.send(viewed("ada"), identify("ada", gender="f")).counts == {"accepted": 2}
    return tenant


def test_it_is_read(overtaken: Tenant) -> None:
    assert overtaken.traits(*ADA, "personalisation") == {"gender": "f"}
    seen = [event["content"] for event in overtaken.timeline(*ADA, "personalisation")]
    assert any(content.get("event") == "Product Viewed" for content in seen)


def test_it_is_given_out(overtaken: Tenant) -> None:
    stream = BytesIO()
    done = overtaken.run(overtaken.request(Kind.ACCESS, *ADA))
    export.write_package(overtaken.registry.deployment, overtaken.workspace, done, stream, actor="person:officer")
    with ZipFile(stream) as archive:
        lines = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
        assert {line["content"].get("event") for line in lines} == {"Order Completed", "Product Viewed", None}
        assert "f" in [one["value"] for one in json.loads(archive.read("traits.json"))]


def test_it_is_kept_where_a_hold_covers_it(overtaken: Tenant) -> None:
    deployment, workspace = overtaken.registry.deployment, overtaken.workspace
    holds.place(
        deployment, workspace, overtaken.person(*ADA), ground="a claim", purpose="legal", categories=(),
        actor="person:first",
    )  # fmt: skip
    overtaken.erase(*ADA)
    [case] = kept.listed(deployment, workspace)
    items = kept.read(deployment, workspace, overtaken.principal(), case.case_id, "legal")[0]
    assert "Product Viewed" in {item["content"].get("event") for item in items if item["what"] == "event"}
    assert "gender" in {item["trait"] for item in items if item["what"] == "trait"}


def test_it_is_passed_on(two_processes: tuple[Tenant, Tenant]) -> None:
    tenant, elsewhere = two_processes
    with receiving() as receiver:
        pass_to(tenant, receiver, purpose="personalisation")
        tenant.send(ordered("ada", context=consent(**ALL_YES)))
        assert tenant.timeline(*ADA, "service")
        elsewhere.send(viewed("ada"))
        assert forward(tenant)
        assert any(b"Product Viewed" in one.body for one in receiver.received)
