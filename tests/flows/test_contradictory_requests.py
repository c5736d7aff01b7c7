"""Requests that contradict each other, or meet a person who changes meanwhile, have one outcome, and lose nothing."""

from __future__ import annotations

import io
import zipfile

import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr import export, lifecycle, rectification
from registry.flows.dsr.package import links
from registry.flows.stewards import deciding
from registry.identity.links import Verdict
from registry.model.ids import text_id
from tests.factories import alias, consent, identify, ordered
from tests.flows.test_stopped_requests import damage
from tests.simulator import Tenant

STEWARD = "person:steward"


def _package(tenant: Tenant, request_id: bytes, stream: io.BytesIO) -> io.BytesIO:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    row, _ = lifecycle.get(deployment, workspace, request_id)  # type: ignore[arg-type]
    export.write_package(deployment, workspace, row, stream, actor="person:first")
    return stream


def test_an_access_that_an_erasure_overtakes_completes_and_has_nothing_to_give(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"), ordered("ada"))
    access = tenant.request(Kind.ACCESS, "user_id", "ada")
    tenant.erase("user_id", "ada")
    assert tenant.run(access).state == "completed"
    with zipfile.ZipFile(_package(tenant, access.request_id, io.BytesIO())) as package:
        assert orjson.loads(package.read("traits.json")) == []
        assert package.read("events.jsonl") == b""
        assert [one["reason"] for one in orjson.loads(package.read("kept.json"))["suppressed"]] == ["erased"]


def test_a_package_that_is_being_written_when_its_person_is_erased_is_whole_and_says_what_is_missing(
    tenant: Tenant,
) -> None:
    tenant.send(identify("ada", first_name="Ada"), *[ordered("ada") for _ in range(30)])
    access = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    erasure = tenant.request(Kind.ERASURE, "user_id", "ada")

    class Erasing(io.BytesIO):
        erased = False

        def write(self, data: object) -> int:
            if not self.erased:
                self.erased = True
                assert tenant.run(erasure).state == "completed"
            return super().write(data)  # type: ignore[arg-type]

    with zipfile.ZipFile(_package(tenant, access.request_id, Erasing())) as package:
        assert package.testzip() is None
        manifest = orjson.loads(package.read("manifest.json"))
        lines = package.read("events.jsonl").splitlines()
    assert manifest["events"] == len(lines) == 0, "what was erased before it was written is not in it"
    assert tenant.profile("user_id", "ada") is None


def test_two_erasures_of_one_person_both_finish_and_the_second_finds_nothing(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"))
    first, second = (tenant.request(Kind.ERASURE, "user_id", "ada") for _ in range(2))
    assert tenant.run(first).certificate is not None
    assert tenant.run(second).certificate is not None


def test_a_person_who_is_joined_with_another_between_approval_and_run_is_erased_whole(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"), ordered(anonymous="browser"))
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    tenant.send(alias("browser", "ada"))
    tenant.run(request)
    assert tenant.profile("anonymous_id", "browser") is None
    assert tenant.send(ordered(anonymous="browser")).counts == {"suppressed": 1}


def test_a_correction_that_an_erasure_overtakes_writes_nothing(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"))
    ada = tenant.fragment(tenant.person("user_id", "ada"))
    correction = tenant.request(Kind.RECTIFICATION, "user_id", "ada", traits={"first_name": "Adah"})
    tenant.erase("user_id", "ada")
    rectification.apply(tenant.registry.deployment, tenant.workspace, correction, actor="person:second")
    told = "SELECT count(*) FROM trait_assertion WHERE workspace_id = ?"
    assert tenant.registry.rows(told, tenant.workspace_id) == [(0,)]
    keys = "SELECT count(*) FROM key_bundle WHERE workspace_id = ? AND fragment_id = ?"
    assert tenant.registry.key_rows(keys, tenant.workspace_id, ada) == [(0,)]
    assert tenant.run(correction).state == "completed"


def test_a_request_for_nobody_completes_and_gives_nothing_away(tenant: Tenant) -> None:
    access = tenant.run(tenant.request(Kind.ACCESS, "email", "nobody@example.com"))
    assert access.state == "completed"
    with zipfile.ZipFile(_package(tenant, access.request_id, io.BytesIO())) as package:
        assert orjson.loads(package.read("kept.json")) == {"suppressed": [], "cases": []}
    done = tenant.run(tenant.request(Kind.RESTRICTION, "email", "nobody@example.com"))
    assert done.state == "completed"


@pytest.mark.parametrize("kind", [Kind.OBJECTION, Kind.WITHDRAWAL, Kind.OPT_OUT])
def test_the_no_of_somebody_who_is_not_known_yet_is_remembered(tenant: Tenant, kind: Kind) -> None:
    purpose = "security" if kind is Kind.OBJECTION else "marketing"
    request = tenant.request(kind, "email", "new@example.com", purposes=[purpose])
    assert tenant.run(request).state == "completed"
    tenant.send(identify("new", email="new@example.com", context=consent(Advertising=True)))
    refused = "withdrawn" if kind is Kind.WITHDRAWAL else "objected"
    for reference in (("email", "new@example.com"), ("user_id", "new")):
        assert tenant.check(*reference, purpose).reason.value == refused
    tenant.erase("email", "new@example.com")
    again = tenant.run(tenant.request(kind, "email", "new@example.com", purposes=[purpose]))
    assert again.state == "completed"
    assert tenant.check("email", "new@example.com", purpose).reason.value == "unknown_subject"


def _two_in_one(tenant: Tenant) -> None:
    tenant.send(identify("ada", first_name="Ada"), identify("bob", first_name="Bobby"))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    deciding.merge(
        deployment, workspace, tenant.person("user_id", "ada"), tenant.person("user_id", "bob"), actor=STEWARD
    )


def _taken_apart(tenant: Tenant) -> None:
    profile = tenant.profile("user_id", "ada")
    assert profile is not None and profile == tenant.profile("user_id", "bob")
    ends = tenant.fragment(tenant.person("user_id", "ada")), tenant.fragment(tenant.person("user_id", "bob"))
    deciding.unmerge(tenant.registry.deployment, tenant.workspace, profile, ends, Verdict.APART, actor=STEWARD)


@pytest.mark.parametrize("run_before", [True, False])
@pytest.mark.parametrize("asks", ["ada", "bob"])
def test_whoever_was_taken_apart_since_a_request_came_is_given_out_to_nobody_else(
    tenant: Tenant, asks: str, run_before: bool
) -> None:
    _two_in_one(tenant)
    access = tenant.request(Kind.ACCESS, "user_id", asks)
    if run_before:  # the package is written when it is fetched
        tenant.run(access)
    _taken_apart(tenant)
    if not run_before:
        tenant.run(access)
    with zipfile.ZipFile(_package(tenant, access.request_id, io.BytesIO())) as package:
        given = orjson.loads(package.read("traits.json"))
    assert [one["value"] for one in given] == [{"ada": "Ada", "bob": "Bobby"}[asks]]


@pytest.mark.parametrize(("asks", "other"), [("ada", "bob"), ("bob", "ada")])
def test_whoever_was_taken_apart_since_an_erasure_was_asked_for_is_not_erased(
    tenant: Tenant, asks: str, other: str
) -> None:
    _two_in_one(tenant)
    erasure = tenant.request(Kind.ERASURE, "user_id", asks)
    _taken_apart(tenant)
    assert tenant.run(erasure).certificate is not None
    assert tenant.profile("user_id", asks) is None
    assert tenant.traits("user_id", other) == {"first_name": {"ada": "Ada", "bob": "Bobby"}[other]}
    assert tenant.send(ordered(other)).counts == {"accepted": 1}


def test_whoever_was_taken_apart_since_is_told_of_no_request_of_the_other_and_ends_none(tenant: Tenant) -> None:
    _two_in_one(tenant)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hers = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    link = links.make(deployment, workspace, hers.request_id, actor="person:officer")
    _taken_apart(tenant)
    his = tenant.run(tenant.request(Kind.ACCESS, "user_id", "bob"))
    with zipfile.ZipFile(_package(tenant, his.request_id, io.BytesIO())) as package:
        told = b"".join(package.read(name) for name in package.namelist())
    assert b'"ada"' not in told
    assert text_id(hers.request_id).encode() not in told
    tenant.erase("user_id", "bob")
    assert links.Fetch(deployment, workspace, link.token).begin().request_id == hers.request_id
    with zipfile.ZipFile(_package(tenant, hers.request_id, io.BytesIO())) as package:
        assert [one["value"] for one in orjson.loads(package.read("traits.json"))] == ["Ada"]
        asked = [orjson.loads(line)["asked_for"] for line in package.read("records/dsr_request.jsonl").splitlines()]
    assert asked == [[{"kind": "user_id", "value": "ada"}]]


def test_an_answered_request_of_somebody_taken_apart_since_that_is_damaged_holds_up_no_erasure_and_goes_with_it(
    tenant: Tenant,
) -> None:
    _two_in_one(tenant)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hers = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    _taken_apart(tenant)
    damage(tenant, hers, "people")
    his = tenant.run(tenant.request(Kind.ACCESS, "user_id", "bob"))
    with zipfile.ZipFile(_package(tenant, his.request_id, io.BytesIO())) as package:
        assert text_id(hers.request_id).encode() not in b"".join(map(package.read, package.namelist()))
    assert tenant.erase("user_id", "bob").state == "completed"
    assert lifecycle.get(deployment, workspace, hers.request_id)[0].sealed is None
    assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", hers.request_id) == []


def test_an_erasure_forgets_what_an_answered_request_named_though_a_part_of_its_person_was_taken_away(
    tenant: Tenant,
) -> None:
    tenant.send(identify("ada", "browser", email="ada@example.com"))
    answered = tenant.run(tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    tenant.keep_apart(("anonymous_id", "browser"), ("user_id", "ada"))
    tenant.erase("user_id", "ada")
    row, _ = lifecycle.get(tenant.registry.deployment, tenant.workspace, answered.request_id)
    assert row.sealed is None
    keys = "SELECT count(*) FROM key_bundle WHERE workspace_id = ? AND fragment_id = ?"
    assert tenant.registry.key_rows(keys, tenant.workspace_id, answered.request_id) == [(0,)]


@pytest.mark.parametrize(("asks", "right"), [("ada", "Adah"), ("bob", "Bob")])
def test_a_correction_stays_with_whoever_asked_for_it_when_they_are_taken_apart(
    tenant: Tenant, asks: str, right: str
) -> None:
    _two_in_one(tenant)
    tenant.run(tenant.request(Kind.RECTIFICATION, "user_id", asks, traits={"first_name": right}))
    assert tenant.traits("user_id", "ada")["first_name"] == right
    _taken_apart(tenant)
    told = {name: tenant.traits("user_id", name)["first_name"] for name in ("ada", "bob")}
    assert told == {"ada": "Ada", "bob": "Bobby"} | {asks: right}
