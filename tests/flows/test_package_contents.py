"""A package leaves nothing out: every field that the census says access gives out stands in one of its files."""

from __future__ import annotations

import csv
import json
import re
from codecs import BOM_UTF8
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator

from registry.dsr.accounting import Disposition
from registry.dsr.declarations import DECLARED
from registry.dsr.requests import Kind
from registry.flows.dsr import export, holds, lifecycle
from registry.flows.dsr.package import records
from registry.flows.dsr.package.archive import cell
from registry.model.errors import SealBroken
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "export-manifest.schema.json").read_text())
OWN_NAMES = {
    ("identifier", "sealed"): "value", ("identifier", "source_id"): "source",
    ("trait_assertion", "sealed"): "value", ("trait_assertion", "source_id"): "source",
    ("trait_assertion", "compartment"): "purposes",
    ("consent_record", "sealed"): "evidence", ("consent_record", "source_name"): "source",
    ("event", "body"): "content", ("event", "call"): "type", ("event", "plan_event"): "event",
    ("event", "plan_version"): "plan", ("event", "source_id"): "source", ("event", "compartments"): "purposes",
}  # fmt: skip
"""What a field is called in a file of its own form, where not by its own name."""


def given() -> list[tuple[str, str]]:
    return [
        (field.table, field.field) for field in DECLARED
        if field.is_personal and field.disposition(Kind.ACCESS)[0] is Disposition.EXPORTED
    ]  # fmt: skip


def package_of(tenant: Tenant, request: StoredRequest) -> ZipFile:
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    archive = ZipFile(stream)
    Draft202012Validator(SCHEMA).validate(json.loads(archive.read("manifest.json")))
    return archive


def rows_of(archive: ZipFile, table: str) -> list[dict[str, Any]]:
    name = records.OWN_FILES.get(table, f"records/{table}.jsonl")
    if name.startswith("records/") and name not in archive.namelist():
        return []
    content = archive.read(name)
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.splitlines()]
    value = json.loads(content)
    of_table = {"consent_record": "history", "consent_state": "states", "retained_case": "cases"}
    return value[of_table[table]] if table in of_table else value  # type: ignore[no-any-return]


def planted(tenant: Tenant) -> None:
    """A person with a row in the tables that ordinary life fills."""
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada"),
        viewed(anonymous="browser"),
    )
    tenant.send(track("Nonsense", "ada", note="marker-in-quarantine"))
    tenant.say("user_id", "ada", "marketing", "withdrawn", evidence={"letter": "marker-of-evidence"})
    tenant.lookup("user_id", "ada", "service")


def test_every_field_that_access_gives_out_stands_in_a_file_of_the_package(tenant: Tenant) -> None:
    planted(tenant)
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com")))
    seen: set[str] = set()
    for table, column in given():
        rows = rows_of(archive, table)
        name = OWN_NAMES.get((table, column)) or records.member(table, column)
        assert all(name in row for row in rows), (table, column)
        seen |= {table} if rows else set()
    assert seen >= {
        "identifier", "trait_assertion", "event", "consent_record", "consent_state", "fragment", "link", "quarantine",
        "violation", "dsr_request", "dsr_event", "audit_entry",
    }  # fmt: skip


def test_what_is_sealed_is_opened_in_the_package(tenant: Tenant) -> None:
    planted(tenant)
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com")))
    assert b"marker-in-quarantine" in archive.read("records/quarantine.jsonl")
    assert b"marker-of-evidence" in archive.read("consents.json")
    [asked] = rows_of(archive, "dsr_request")
    assert asked["asked_for"] == [{"kind": "email", "value": "ada@example.com"}]
    assert (asked["kind"], asked["state"]) == ("access", "completed")
    assert {name for name, value in asked.items() if isinstance(value, int)} == set(), "times are written as times"
    assert asked["respond_by"] > asked["received_at"] > "20"


def test_who_of_the_controllers_people_acted_is_not_given_out(tenant: Tenant) -> None:
    planted(tenant)
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada")))
    text = b"".join(archive.read(name) for name in archive.namelist())
    assert b"person:second" not in text
    assert {row["entry"]["actor"] for row in rows_of(archive, "audit_entry")} <= {"app", "person", "source", "operator"}


def test_each_category_has_a_table_of_every_value_declared_so(tenant: Tenant) -> None:
    planted(tenant)
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada")))
    tables = {
        Path(name).stem: list(csv.DictReader(StringIO(archive.read(name).decode("utf-8-sig"))))
        for name in archive.namelist() if name.startswith("categories/")
    }  # fmt: skip
    written = [archive.read(name) for name in archive.namelist() if name.endswith(".csv")]
    assert all(one.startswith(BOM_UTF8) for one in written), "so that spreadsheets read them as UTF-8"
    assert "Ada" in {row["value"] for row in tables["user.name.first"]}
    assert {"ada@example.com"} <= {row["value"] for row in tables["user.contact.email"]}
    values = {row["value"] for rows in tables.values() for row in rows}
    for event in rows_of(archive, "event"):
        for section in ("properties", "traits"):
            for value in event["content"].get(section, {}).values():
                shown = (
                    value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
                )
                assert shown in values
    page = archive.read("index.html").decode()
    assert "contact: email" in page


def test_the_page_shows_a_detail_of_several_parts_as_such_and_totals_as_totals(tenant: Tenant) -> None:
    address = {"street": "Harbour 1", "city": "Kiel"}
    tenant.send(
        identify("ada", email="ada@example.com", address=address, context=consent(**ALL_YES)),
        ordered("ada", total=12.5),
    )
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada")))
    page = archive.read("index.html").decode()
    [details] = re.findall(r'<h2 id="details">.*?</table>', page, re.DOTALL)
    [said] = re.findall(r'<tr><th scope="row">address</th><td class="value">(.*?)</td>', details)
    assert "Harbour 1" in said
    assert "Kiel" in said
    traits = tenant.registry.rows("SELECT trait FROM trait_assertion WHERE workspace_id = ?", tenant.workspace_id)
    totals = [name for (name,) in traits if name.startswith("@computed:")]
    assert details.count("totals that we computed") == len(totals) > 0
    computed = [one for one in json.loads(archive.read("traits.json")) if one["trait"] in totals]
    assert {one["source"] for one in computed} == {"computed here"}
    [told] = [one["value"]["orders_total"] for one in computed if "orders_total" in one["value"]]
    assert {name: told[name] for name in ("measure", "event", "property")} == {
        "measure": "sum", "event": "order_completed", "property": "total",
    }  # fmt: skip
    [(day, total)] = told["by_day"].items()
    assert (date.fromisoformat(day).year >= 2020, total) == (True, 12.5)


def test_the_page_says_what_a_restriction_is_about(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    tenant.run(tenant.request(Kind.RESTRICTION, "user_id", "ada"))
    page = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))).read("index.html").decode()
    assert "<td>Every use of your data</td><td>restricted</td>" in page


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_no_text_is_a_formula_of_a_spreadsheet_and_a_number_stays_one(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert (cell(-1.5), cell("plain"), cell(None), cell([text])[:1]) == ("-1.5", "plain", "", "[")


def test_the_manifest_of_a_package_with_every_kind_of_file_conforms(tenant: Tenant) -> None:
    planted(tenant)
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada")))
    manifest = json.loads(archive.read("manifest.json"))
    assert [one["name"] for one in manifest["files"]] == archive.namelist()[:-1]
    for name in ("outside/shop db.jsonl", "categories/user.name.csv", "records/link.jsonl", "index.html"):
        manifest["files"][0]["name"] = name
        Draft202012Validator(SCHEMA).validate(manifest)
    for name in ("../up.json", "a/b/c.json", "/etc.json", "x.exe"):
        manifest["files"][0]["name"] = name
        assert not Draft202012Validator(SCHEMA).is_valid(manifest), name


def test_somebody_erased_is_told_what_is_kept_of_them(tenant: Tenant) -> None:
    planted(tenant)
    holds.place(
        tenant.registry.deployment, tenant.workspace, tenant.person("user_id", "ada"), ground="a claim is pending",
        purpose="legal", categories=("user.name",), actor="person:first",
    )  # fmt: skip
    tenant.erase("email", "ada@example.com")
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com")))
    told = json.loads(archive.read("kept.json"))
    assert [one["reason"] for one in told["suppressed"]] == ["erased"]
    [case] = told["cases"]
    assert (case["ground"], case["purpose"], case["categories"]) == ("a claim is pending", "legal", ["user.name"])
    assert {row["kind"] for row in rows_of(archive, "dsr_request")} == {"erasure", "access"}
    page = archive.read("index.html").decode()
    assert "a claim is pending" in page
    assert "We hold no profile of you" in page
    assert json.loads(archive.read("traits.json")) == []


def test_of_somebody_never_known_the_package_says_that_nothing_is_held(tenant: Tenant) -> None:
    archive = package_of(tenant, tenant.run(tenant.request(Kind.ACCESS, "email", "never@example.com")))
    assert json.loads(archive.read("kept.json")) == {"suppressed": [], "cases": []}
    assert "We hold no profile of you" in archive.read("index.html").decode()
    assert archive.read("events.jsonl") == b""


def test_whom_an_answered_request_named_is_forgotten_when_the_time_of_its_package_is_over(
    registry: RegistrySimulator,
) -> None:
    tenant, clock = registry.tenant(), registry.clock
    assert isinstance(clock, SetClock)
    request = tenant.run(tenant.request(Kind.ACCESS, "email", "never@example.com"))
    assert lifecycle.forget_answered(registry.deployment, tenant.workspace) == 0
    clock.pass_by(days=31)
    assert lifecycle.forget_answered(registry.deployment, tenant.workspace) == 1
    assert lifecycle.forget_answered(registry.deployment, tenant.workspace) == 0
    row, _ = lifecycle.get(registry.deployment, tenant.workspace, request.request_id)
    assert row.sealed is None
    assert registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", request.request_id) == []
    assert "We hold no profile of you" in package_of(tenant, row).read("index.html").decode()


def test_an_erasure_destroys_what_answered_requests_still_knew(registry: RegistrySimulator) -> None:
    tenant = registry.tenant()
    planted(tenant)
    answered = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    assert answered.sealed is not None
    tenant.erase("user_id", "ada")
    row, _ = lifecycle.get(registry.deployment, tenant.workspace, answered.request_id)
    assert row.sealed is None
    assert registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", answered.request_id) == []


@pytest.mark.parametrize("size", [0, 1, 70_000, 300_000])
def test_what_is_set_aside_comes_back_whole_and_lies_sealed(size: int) -> None:
    from registry.keys.spool import FRAME_BYTES, Spool

    data = bytes(range(256)) * (size // 256 + 1)
    spool = Spool()
    for start in range(0, size, 1000):
        spool.write(data[start : min(start + 1000, size)])
    assert b"".join(spool.chunks()) == data[:size]
    if size < FRAME_BYTES:
        assert spool._file is None, "little waits in memory, and never comes near a disk"
    else:
        spool._file.seek(0)
        assert data[:64] not in spool._file.read()
        spool._file.seek(20)
        spool._file.write(b"\0\0\0\0")
        with pytest.raises(SealBroken):
            list(spool.chunks())
    spool.close()
