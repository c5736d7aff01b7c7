"""What leaves the registry has the form that `schemas/` publishes."""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator

from registry.dsr.declarations import DECLARED
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.flows.accountability import forms, verify
from registry.flows.dsr import export
from tests.factories import consent, identify, ordered, track
from tests.simulator import ALL_YES, Tenant

SCHEMAS = Path(__file__).parents[2] / "schemas"


def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))


@pytest.fixture
def busy(tenant: Tenant) -> Tenant:
    """A workspace in which a person was known, read, corrected, and in which a message was refused."""
    tenant.send(identify("ada", "browser", first_name="Ada", context=consent(**ALL_YES)), ordered("ada"))
    tenant.send(track("Nonsense", "ada"))
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    tenant.lookup("user_id", "ada", "service")
    tenant.run(tenant.request(Kind.RECTIFICATION, "user_id", "ada", traits={"first_name": "Augusta"}))
    return tenant


def _package(tenant: Tenant) -> ZipFile:
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    return ZipFile(stream)


def test_a_packages_manifest_conforms_and_vouches_for_every_other_file(busy: Tenant) -> None:
    archive = _package(busy)
    manifest: Any = json.loads(archive.read("manifest.json"))
    _validator("export-manifest").validate(manifest)
    names = archive.namelist()
    assert [entry["name"] for entry in manifest["files"]] == names[:-1]
    assert names[-1] == "manifest.json"
    for entry in manifest["files"]:
        content = archive.read(entry["name"])
        assert (entry["bytes"], entry["sha256"]) == (len(content), sha256(content).hexdigest())
    assert manifest["events"] == len(archive.read("events.jsonl").splitlines()) == 2


def test_a_certificate_conforms_and_verifies_with_the_published_keys_alone(busy: Tenant) -> None:
    done = busy.erase("user_id", "ada")
    _, claims = verify.document(done.certificate or "", busy.workspace.jwks())
    _validator("certificate").validate(claims)


PURPOSES, TRAITS = {"purposes": ["marketing"]}, {"traits": {"first_name": "Augusta"}}
DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.OBJECTION: PURPOSES, Kind.WITHDRAWAL: PURPOSES, Kind.RECTIFICATION: TRAITS, Kind.CORRECT: TRAITS,
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_request_ends_in_a_certificate_that_accounts_for_every_field(busy: Tenant, kind: Kind) -> None:
    done = busy.run(busy.request(kind, "user_id", "ada", **DETAILS.get(kind, {})))
    _, claims = verify.document(done.certificate or "", busy.workspace.jwks())
    _validator("certificate").validate(claims)
    assert isinstance(claims["fields"], list)
    told = {(field["table"], field["field"]) for field in claims["fields"]}
    assert told == {(field.table, field.field) for field in DECLARED if field.is_personal}
    rows = {field["table"]: field["rows"] for field in claims["fields"]}
    assert rows["event"] == 2
    assert rows["suppression"] == (2 if EFFECTS[kind] is Effect.ERASE else 0)
    page = forms.write(busy.registry.deployment, busy.workspace, done.certificate or "", forms.Form.PAGE)
    assert forms.check(page, busy.workspace.jwks()).claims == claims


def test_every_entry_of_the_audit_log_conforms(busy: Tenant) -> None:
    _package(busy)
    busy.erase("user_id", "ada")
    rows = busy.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", busy.workspace_id)
    entries = [json.loads(bytes(entry)) for (entry,) in rows]
    validator = _validator("audit-entry")
    for entry in entries:
        validator.validate(entry)
    assert len({entry["action"] for entry in entries}) >= 10
