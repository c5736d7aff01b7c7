"""The shipped policy files: each conforms to its schema, and broken, is refused with file, line and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from registry import reviewed
from registry.documents import check, parse
from registry.model.errors import DocumentInvalid

ROOT = Path(__file__).parents[3]

BROKEN = [
    ("access", "- consent:check\n", "- consent:cheque\n", "/roles/admin/actions/0", "there is no such action"),
    ("access", "purposes: [service]", "purpose: [service]", "/roles/support_agent/purpose", "is not known here"),
    ("identity", "normaliser: phone", "normaliser: phon", "/kinds/3/normaliser", "is none of exact, trimmed"),
    ("identity", "limit: 50", "limit: many", "/kinds/4/limit", "is not of type integer"),
    ("jurisdictions", "erasure: two_people", "erasure: nobody", "/approval/erasure", "is none of two_people"),
    ("jurisdictions", "respond: {days: 15}", "respond: {}", "/jurisdictions/lgpd/respond", "{}"),
    ("jurisdictions", "holidays: []", "holidays: [2026-02-30]", "/jurisdictions/gdpr/holidays/0", "is not a date"),
    ("jurisdictions", "holidays: []", "holidays: [Easter]", "/jurisdictions/gdpr/holidays/0", "does not match"),
    ("purposes", "default: contract", "default: because", "/purposes/0/lawful_basis/default", "is none of consent"),
    ("purposes", "retention_days: 180", "retention_days: 0", "/purposes/1/retention_days", "minimum"),
    ("keys", "by: server", "by: anybody", "/rotate/signing/by", "is none of operator"),
    ("retention", "quarantine_days: 30", "quarantine_days: 30d", "/quarantine_days", "is not of type integer"),
    ("retention", "version: 1", "version: 2", "/version", "1 was expected"),
    ("verification", "access: verified", "access: sure", "/kinds/access", "is no level of this file"),
    ("verification", "address: given\n", "address: mine\n", "/levels/address/address", "is none of given"),
    ("verification", "signed_permission: person", "signed_permission: nobody", "/mandates/signed_permission", "none"),
    ("incidents", "hours: 72", "hours: soon", "/laws/gdpr/authority/hours", "is not of type integer"),
    ("trust", "inferred: 10", "inferred: -1", "/ranks/inferred", "minimum"),
    ("trust", "  corrected: 100", "  corrected: 100\n  guessed: 1", "/ranks/guessed", "is none of corrected"),
    ("computed", "measure: sum", "measure: median", "/traits/2/measure", "is none of count"),
    ("computed", "{trait: orders_count, at_least: 3}", "{trait: orders_count}", "/labels/0/when/all/0", "lacks label"),
]  # fmt: skip


def _text(name: str) -> str:
    return (ROOT / "policies" / f"{name}.yaml").read_text(encoding="utf-8")


def _schema(name: str) -> Any:
    return json.loads((ROOT / "schemas" / "policies" / f"{name}.schema.json").read_text(encoding="utf-8"))


def test_every_policy_has_a_schema_and_every_schema_a_policy() -> None:
    policies = {path.stem for path in (ROOT / "policies").glob("*.yaml")}
    schemas = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas" / "policies").glob("*.json")}
    assert policies == schemas == set(reviewed.POLICY_NAMES)


@pytest.mark.parametrize("name", reviewed.POLICY_NAMES)
def test_the_shipped_file_conforms_to_its_schema(name: str) -> None:
    Draft202012Validator.check_schema(_schema(name))
    check(parse(_text(name), file=f"{name}.yaml"), _schema(name))


def test_the_shipped_policies_are_loaded_together() -> None:
    assert "service" in reviewed.load_policies(None).purposes.purposes


@pytest.mark.parametrize("name", reviewed.POLICY_NAMES)
def test_every_policy_has_a_broken_variant_here(name: str) -> None:
    assert name in {broken[0] for broken in BROKEN}


@pytest.mark.parametrize(("name", "old", "new", "pointer", "reason"), BROKEN)
def test_a_broken_policy_is_refused_with_file_line_and_reason(
    name: str, old: str, new: str, pointer: str, reason: str, tmp_path: Path
) -> None:
    text = _text(name)
    line = text[: text.index(old)].count("\n") + 1 + new.count("\n", 0, -1)
    (tmp_path / f"{name}.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DocumentInvalid) as caught:
        reviewed.load_policies(tmp_path)
    [fault] = caught.value.faults
    assert (fault["file"], fault["line"], fault["pointer"]) == (str(tmp_path / f"{name}.yaml"), line, pointer)
    assert reason in str(fault["reason"])


def test_the_faults_of_every_file_are_reported_at_once(tmp_path: Path) -> None:
    for name, old, new, _, _ in (BROKEN[1], BROKEN[2], BROKEN[8]):
        (tmp_path / f"{name}.yaml").write_text(_text(name).replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DocumentInvalid) as caught:
        reviewed.load_policies(tmp_path)
    files = {Path(str(fault["file"])).name for fault in caught.value.faults}
    assert files == {"access.yaml", "identity.yaml", "purposes.yaml"}


def test_a_folder_needs_only_the_files_that_differ(tmp_path: Path) -> None:
    text = _text("retention").replace("quarantine_days: 30", "quarantine_days: 7")
    (tmp_path / "retention.yaml").write_text(text, encoding="utf-8")
    loaded, shipped = reviewed.load_policies(tmp_path), reviewed.load_policies(None)
    assert loaded.retention.quarantine_for == shipped.retention.quarantine_for * 7 // 30
    assert loaded.access == shipped.access
