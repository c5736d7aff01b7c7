"""A certificate is proven to stand in the audit log, and its page says what is signed and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from registry.flows.accountability import certificate_page, forms, proven, verify
from registry.flows.accountability.forms import Form
from registry.flows.dsr import holds, kept
from registry.model.errors import NotFound, SignatureInvalid
from registry.model.ids import text_id
from registry.store.rows import execute
from tests.factories import consent, identify, ordered
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "proven-certificate.schema.json").read_text())


def erased(tenant: Tenant) -> str:
    tenant.send(identify("ada", email="ada@example.com", context=consent(**ALL_YES)), ordered("ada"))
    return tenant.erase("user_id", "ada").certificate or ""


def written(tenant: Tenant, token: str, form: Form) -> str:
    return forms.write(tenant.registry.deployment, tenant.workspace, token, form)


def proof_of(tenant: Tenant, token: str) -> dict[str, Any]:
    return proven.prove(tenant.registry.deployment, tenant.workspace, token)


def test_each_form_of_a_certificate_is_checked_with_the_published_keys_alone(tenant: Tenant) -> None:
    token = erased(tenant)
    jwks = json.loads(json.dumps(tenant.workspace.jwks()))
    for form in Form:
        found = forms.check(written(tenant, token, form), jwks)
        assert (found.kind, found.claims["jti"]) == ("dsr-certificate+jwt", found.claims["jti"])
        assert (found.proof is None) is (form is Form.JWT)
    stated = json.loads(written(tenant, token, Form.PROVEN))
    Draft202012Validator(SCHEMA).validate(stated)
    entry = json.loads(stated["entry"])
    assert entry["fields"]["certificate"] == sha256(token.encode()).hexdigest()
    assert entry["action"] == "dsr:certificate:issued"


def test_the_entry_stands_right_after_the_log_that_the_certificate_states(tenant: Tenant) -> None:
    found = proven.check(proof_of(tenant, erased(tenant)), tenant.workspace.jwks())
    assert found.position == found.claims["audit"]["size"] < found.checkpoint.size
    assert found.checkpoint.origin == verify.origin(tenant.workspace)


def test_a_proof_is_made_again_for_a_log_that_has_grown_and_signing_keys_that_were_rotated(tenant: Tenant) -> None:
    token = erased(tenant)
    before = proof_of(tenant, token)
    for person in range(9):
        tenant.send(identify(f"person-{person}"))
    after = proof_of(tenant, token)
    assert after["checkpoint"] != before["checkpoint"]
    jwks = tenant.workspace.jwks()
    sizes = [proven.check(one, jwks).checkpoint.size for one in (before, after)]
    assert sizes[0] < sizes[1]


def test_what_was_set_aside_is_certified_and_proven_when_its_hold_ends(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email="ada@example.com", context=consent(**ALL_YES)))
    held = holds.place(
        deployment, workspace, tenant.person("user_id", "ada"), ground="a claim is pending", purpose="legal",
        categories=(), actor="person:first",
    )  # fmt: skip
    first = tenant.erase("user_id", "ada").certificate or ""
    page = written(tenant, first, Form.PAGE)
    assert "a claim is pending" in page
    [case] = kept.listed(deployment, workspace)
    with pytest.raises(NotFound):
        kept.certificate_of(deployment, workspace, case.case_id)
    holds.release(deployment, workspace, held.hold_id, actor="person:first")
    kept.end_due(deployment, workspace, actor="operator")
    token = kept.certificate_of(deployment, workspace, case.case_id)
    found = forms.check(written(tenant, token, Form.PAGE), workspace.jwks())
    assert found.proof is not None
    assert found.claims["ends_case"] == text_id(case.case_id)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "altered": lambda proof: proof.update(certificate=proof["certificate"][:-8] + "AAAAAAAA"),
    "other-entry": lambda proof: proof.update(entry=proof["entry"].replace('"certificate"', '"certified"')),
    "other-position": lambda proof: proof.update(position=proof["position"] - 1),
    "not-included": lambda proof: proof.update(entry=proof["entry"].replace('"outcome":"done"', '"outcome":"gone"')),
    "not-consistent": lambda proof: proof.update(consistency=[*proof["consistency"], "00" * 32]),
    "malformed": lambda proof: proof.update(inclusion=["no digest"]),
    "unknown-key": lambda proof: proof.update(checkpoint=proof["checkpoint"].replace("registry/", "another/")),
}


@pytest.mark.parametrize("failure", CHANGES)
def test_a_proof_that_was_changed_anywhere_does_not_verify(tenant: Tenant, failure: str) -> None:
    proof = proof_of(tenant, erased(tenant))
    proven.check(proof, tenant.workspace.jwks())
    CHANGES[failure](proof)
    with pytest.raises(SignatureInvalid) as refused:
        proven.check(proof, tenant.workspace.jwks())
    assert refused.value.extra["failure"] == failure


@pytest.mark.parametrize("member", SCHEMA["required"][1:])
def test_a_proof_without_one_of_its_parts_is_malformed(tenant: Tenant, member: str) -> None:
    proof = proof_of(tenant, erased(tenant))
    del proof[member]
    with pytest.raises(SignatureInvalid):
        proven.check(proof, tenant.workspace.jwks())


def test_a_proof_says_nothing_beside_what_is_signed(tenant: Tenant) -> None:
    with pytest.raises(SignatureInvalid):
        proven.check(proof_of(tenant, erased(tenant)) | {"note": "all of it"}, tenant.workspace.jwks())


def test_a_proof_of_a_form_to_come_is_not_read_as_todays(tenant: Tenant) -> None:
    with pytest.raises(SignatureInvalid):
        proven.check(proof_of(tenant, erased(tenant)) | {"format": 2}, tenant.workspace.jwks())


def test_the_checkpoint_of_another_log_proves_nothing(shared: RegistrySimulator) -> None:
    one, other = shared.tenant("one"), shared.tenant("other")
    proof, foreign = proof_of(one, erased(one)), proof_of(other, erased(other))
    keys: list[object] = [*one.workspace.jwks()["keys"], *other.workspace.jwks()["keys"]]  # type: ignore[misc]
    with pytest.raises(SignatureInvalid):
        proven.check(proof | {"checkpoint": foreign["checkpoint"]}, {"keys": keys})
    with pytest.raises(SignatureInvalid):
        proven.prove(one.registry.deployment, one.workspace, foreign["certificate"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("in time", "too late"), ("<strong>0</strong>", "<strong>7</strong>"), ("</main>", "<p>And more.</p></main>"),
        ("<style>", "<style>.lead { display: none }"),
    ],
)  # fmt: skip
def test_a_page_that_says_something_else_than_what_is_signed_does_not_verify(
    tenant: Tenant, old: str, new: str
) -> None:
    page = written(tenant, erased(tenant), Form.PAGE)
    assert old in page
    certificate_page.check(page.replace("\n", "\r\n"), tenant.workspace.jwks())
    with pytest.raises(SignatureInvalid) as refused:
        certificate_page.check(page.replace(old, new, 1), tenant.workspace.jwks())
    assert refused.value.extra["failure"] == "other-words"


def test_a_page_of_another_version_is_not_vouched_for(tenant: Tenant) -> None:
    page = written(tenant, erased(tenant), Form.PAGE).replace('content="Registry ', 'content="Registry 9')
    with pytest.raises(SignatureInvalid) as refused:
        certificate_page.check(page, tenant.workspace.jwks())
    assert refused.value.extra["failure"] == "other-version"


@pytest.mark.parametrize("text", ["", "<html></html>", "{", "[]", "{}", '<script id="proof">1</script>', "a.b.c", "<"])
def test_what_is_no_document_does_not_verify(tenant: Tenant, text: str) -> None:
    with pytest.raises(SignatureInvalid):
        forms.check(text, tenant.workspace.jwks())


def test_a_certificate_that_the_log_does_not_know_has_no_proof(tenant: Tenant) -> None:
    token = erased(tenant)
    position = proof_of(tenant, token)["position"]
    with tenant.registry.deployment.data.write(tenant.workspace_id) as transaction:
        sql = "UPDATE audit_entry SET entry = ? WHERE workspace_id = ? AND position = ?"
        execute(transaction, sql, b"{}", tenant.workspace_id, position)
    with pytest.raises(NotFound):
        proof_of(tenant, token)
