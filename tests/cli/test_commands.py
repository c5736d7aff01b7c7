"""The command line, as scripts and people use it: answers, exit codes, JSON, and what it says when it cannot."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from registry import bootstrap
from registry.cli.app import main
from registry.cli.dsr import app
from registry.settings import Settings
from tests.architecture.project import ROOT
from tests.forked import command

PERSON = ("--email", "shopper@example.com")


def run(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a data folder."""
    return command(words, {**os.environ, "REGISTRY_DATA_DIR": str(data_dir), "COLUMNS": "200"})


def answer(data_dir: Path, *words: str) -> Any:
    """The JSON answer of a command that succeeds."""
    done = run(data_dir, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "data"
    bootstrap.initialise(Settings(data_dir=path))
    return path


def test_init_prints_its_keys_once_and_never_again(tmp_path: Path) -> None:
    made = answer(tmp_path / "new", "init")
    assert list(made) == ["workspace", "admin_key", "app_key", "write_key", "source"]
    assert stat.S_IMODE((tmp_path / "new" / "kek.json").stat().st_mode) == 0o600
    again = run(tmp_path / "new", "init", "--json")
    assert again.returncode == 6
    assert json.loads(again.stderr)["code"] == "conflict"


def test_without_a_registry_a_command_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path / "nothing", "plans", "list")
    assert done.returncode == 3
    assert "registry init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_decision_is_explained_record_by_record(folder: Path) -> None:
    who = ("--email", "explained@example.com")
    for status in ("granted", "withdrawn"):
        answer(folder, "consent", "record", "--purpose", "marketing", "--status", status, *who)
    told = answer(folder, "consent", "explain", "--purpose", "marketing", *who)
    assert (told["allowed"], told["reason"]) == (False, "withdrawn")
    assert [(one["status"], one["part"]) for one in told["records"]] == [
        ("granted", "superseded"), ("withdrawn", "decided"),
    ]  # fmt: skip
    before = answer(folder, "consent", "explain", "--purpose", "marketing", "--known-at", "2020-01-01T00:00:00Z", *who)
    assert before["reason"] == "unknown_subject"
    assert "The person spoke again later." in run(folder, "consent", "explain", "--purpose", "marketing", *who).stdout
    assert run(folder, "consent", "explain", "--purpose", "marketing", "--at", "soon", *who).returncode == 4


def test_an_explanation_is_of_the_same_question_as_a_check(folder: Path) -> None:
    who, asked = ("--user-id", "asked"), ("--purpose", "marketing", "--category", "user.health_and_medical")
    record = ("consent", "record", "--purpose", "marketing", *who)
    made = answer(folder, *record, "--status", "granted", "--at", "2026-01-31T12:00:00Z")
    assert answer(folder, "consent", "history", *who)["records"][0]["acted_at"] == "2026-01-31T12:00:00Z"
    told = answer(folder, "consent", "explain", *asked, *who)
    checked = run(folder, "consent", "check", *asked, *who, "--json")
    assert told["reason"] == json.loads(checked.stdout)["reason"] == "category_not_covered"
    placed = ("--purpose", "marketing", "--jurisdiction", "US-CA")
    assert answer(folder, "consent", "explain", *placed, *who)["records"][0]["record_id"] == made["record_id"]
    for command_name in ("explain", "check"):
        done = run(folder, "consent", command_name, "--purpose", "marketing", "--jurisdiction", "us-ca", *who)
        assert (done.returncode, "ISO 3166" in done.stderr) == (4, True)
    assert run(folder, *record, "--status", "unattested").returncode == 2, "nobody says that"


def test_consent_is_recorded_and_the_exit_code_is_the_answer(folder: Path) -> None:
    assert run(folder, "consent", "check", "--purpose", "marketing", *PERSON).returncode == 1
    recorded = answer(folder, "consent", "record", "--purpose", "marketing", "--status", "granted", *PERSON)
    checked = answer(folder, "consent", "check", "--purpose", "marketing", *PERSON)
    assert (checked["allowed"], checked["record_id"]) == (True, recorded["record_id"])
    receipt = folder.parent / "receipt.jwt"
    receipt.write_text(recorded["receipt"])
    assert answer(folder, "verify", str(receipt))["type"] == "consent-receipt+jwt"
    receipt.write_text(recorded["receipt"][:-6] + "AAAAAA")
    assert run(folder, "verify", str(receipt)).returncode == 1


def test_a_profile_is_shown_for_a_purpose_only(folder: Path) -> None:
    answer(folder, "consent", "record", "--purpose", "analytics", "--status", "denied", *PERSON)
    assert run(folder, "profiles", "show", *PERSON).returncode == 2
    assert answer(folder, "profiles", "show", *PERSON, "--purpose", "service")["purpose"] == "service"
    assert run(folder, "profiles", "show", *PERSON, "--purpose", "analytics").returncode == 6
    assert run(folder, "profiles", "show", "--email", "nobody@example.com", "--purpose", "service").returncode == 4


def test_a_request_goes_from_opening_to_its_package(folder: Path, tmp_path: Path) -> None:
    who = ("--subject", "user_id=cli-1")
    answer(folder, "consent", "record", "--purpose", "marketing", "--status", "denied", *who)
    request = answer(folder, "dsr", "open", "access", *who)["request_id"]
    assert run(folder, "dsr", "run", request).returncode == 6
    for step in ("verify", "approve"):
        answer(folder, "dsr", step, request)
    assert f"registry dsr export {request} --to package.zip" in run(folder, "dsr", "run", request).stdout
    shown = run(folder, "dsr", "show", request).stdout
    assert "action: approve, state: approved, actor: person:operator\n" in shown
    assert "reason: none\n" in shown
    assert f"certificate: issued, registry dsr export {request} --to certificate.html\n" in shown
    assert answer(folder, "dsr", "show", request)["certificate"].startswith("eyJ")
    target = tmp_path / "package.zip"
    assert answer(folder, "dsr", "export", request, "--to", str(target))["bytes"] == target.stat().st_size
    assert run(folder, "dsr", "export", request, "--to", str(target)).returncode == 6
    assert request in {row["request_id"] for row in answer(folder, "dsr", "list")["requests"]}


@pytest.mark.parametrize(
    ("lock", "typed", "reason"),
    [
        (["--recipient", "age1zzz"], "", "this is no public key of age or SSH"),
        (["--password"], "short\nshort\n", "a password has 12 to 200 characters"),
        (["--password", "--recipient", "age1zzz"], "long enough it is\n" * 2, "not by both"),
    ],
)
def test_a_package_that_cannot_be_locked_is_not_written(
    folder: Path, tmp_path: Path, lock: list[str], typed: str, reason: str
) -> None:
    target = tmp_path / "package.zip"
    words = ["export", "0195e7a0-0000-7000-8000-00000000000a", "--to", str(target), *lock]
    done = CliRunner().invoke(app, [*words, "--data-dir", str(folder)], input=typed)
    assert done.exit_code == 4
    assert reason in done.stderr
    assert "short" not in done.stderr
    assert not target.exists()


def test_an_officer_is_one_person_however_the_name_is_written(folder: Path) -> None:
    request = answer(folder, "dsr", "open", "erasure", "--subject", "user_id=cli-4", "--as", "first admin")[
        "request_id"
    ]
    answer(folder, "dsr", "verify", request, "--as", "first admin")
    for name in ("first admin", "person:first admin", "Person: First  Admin", "person:person:first admin"):
        assert run(folder, "dsr", "approve", request, "--as", name).returncode == 6
    answer(folder, "dsr", "approve", request, "--as", "person:second")
    history = answer(folder, "dsr", "show", request)["events"]
    assert [event["actor"] for event in history] == ["person:first admin", "person:first admin", "person:second"]


def test_what_stands_in_brackets_is_shown_as_it_was_written(folder: Path) -> None:
    for name in ("shop [/b]", "till [red]"):
        answer(folder, "keys", "create", name, "--role", "app")
        answer(
            folder, "webhooks", "create", name, "--url", "https://mailing.example/hooks", "--topic", "consent.changed"
        )
    for listed in ("keys", "webhooks"):
        done = run(folder, listed, "list")
        assert (done.returncode, "shop [/b]" in done.stdout, "till [red]" in done.stdout) == (0, True, True)


def test_whoever_interrupts_a_command_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.cli.app._run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_an_id_that_is_to_be_copied_is_not_folded(folder: Path) -> None:
    hold = answer(folder, "holds", "place", "--user-id", "cli-6", "--ground", "claim 2026/17")["hold_id"]
    words = {**os.environ, "REGISTRY_DATA_DIR": str(folder), "COLUMNS": "80"}
    assert hold in command(("holds", "list"), words).stdout


def test_a_plan_in_the_terminal_says_on_which_ground_and_what_is_set_aside(folder: Path) -> None:
    who = ("--subject", "user_id=cli-7")
    answer(folder, "consent", "record", "--purpose", "marketing", "--status", "denied", *who)
    answer(folder, "holds", "place", *who, "--ground", "claim 2026/18")
    request = answer(folder, "dsr", "open", "erasure", *who)["request_id"]
    told = " ".join(run(folder, "dsr", "plan", request).stdout.split())
    assert "GDPR Art. 17(1) and 21(3)" in told
    assert "hold │ claim 2026/18 │ legal │ everything │ 1 │ its release" in told


def test_what_is_said_of_an_agent_is_not_left_out(folder: Path) -> None:
    who = ("--subject", "user_id=cli-8")
    for said in (("--mandate", "signed_permission"), ("--deliver-to", "agent"), ("--agent-email", "a@agents.example")):
        done = run(folder, "dsr", "open", "know", *who, *said)
        assert (done.returncode, "--agent" in done.stderr) == (4, True)


def test_a_code_that_proves_nothing_is_a_no(folder: Path) -> None:
    request = answer(folder, "dsr", "open", "access", "--email", "cli-9@example.com")["request_id"]
    answer(folder, "dsr", "challenge", request)
    assert run(folder, "dsr", "verify", request, "--code", "000000").returncode == 1


def test_a_request_is_taken_in_with_the_language_of_its_letters(folder: Path) -> None:
    given = ("dsr", "open", "access", "--email", "cli-10@example.com", "--language")
    before = set((folder / "mail").glob("*.eml"))
    answer(folder, "dsr", "challenge", answer(folder, *given, "de")["request_id"])
    [letter] = set((folder / "mail").glob("*.eml")) - before
    assert "Jemand hat bei uns" in message_from_bytes(letter.read_bytes(), policy=default).get_content()
    assert run(folder, *given, "nl").returncode == 4


def test_rows_of_a_file_that_cannot_be_taken_are_told_with_what_should_stand_there(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "requests.csv"
    file.write_text("reference,kind,subject_kind,subject_value\nC-1,access,user_id\nC-2,acquire,user_id,cli-5\n")
    done = run(folder, "dsr", "import", str(file), "--dry-run")
    told = done.stdout
    assert done.returncode == 1
    assert "row 1 unreadable: a row of 4 cells" in told
    assert "row 2 invalid: kind: one of access, portability" in told


def test_what_had_been_kept_ends_with_the_way_to_its_certificate(folder: Path) -> None:
    who = ("--subject", "user_id=cli-held")
    answer(folder, "consent", "record", "--purpose", "marketing", "--status", "denied", *who)
    hold = answer(folder, "holds", "place", "--ground", "a claim", *who)["hold_id"]
    request = answer(folder, "dsr", "open", "erasure", *who, "--as", "dana")["request_id"]
    for words in (("verify", "--as", "dana"), ("approve", "--as", "eli"), ("run", "--as", "eli")):
        answer(folder, "dsr", words[0], request, *words[1:])
    [case] = answer(folder, "holds", "retained")["cases"]
    released = run(folder, "holds", "release", hold).stdout
    assert f"certificate: issued, registry holds certificate {case['case_id']} --to certificate.html" in released
    assert "eyJ" not in released


def test_a_restore_on_postgresql_names_the_page_that_tells_how(tmp_path: Path) -> None:
    environment = {**os.environ, "REGISTRY_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    done = command(("restore", str(tmp_path)), environment)
    assert (done.returncode, "use-postgresql.md" in done.stderr) == (6, True), done.stderr
    seen = command(("doctor", "--json", "--data-dir", str(tmp_path)), environment).stdout
    assert "start the database's server, or mend its URL" in seen


def test_a_report_does_not_take_the_place_of_the_rows_that_are_read(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text("reference,kind,subject_kind,subject_value\nC-9,access,user_id,cli-9\n")
    before = file.read_text()
    done = run(folder, "dsr", "import", str(file), "--report", str(file))
    assert done.returncode == 6, done.stderr
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("version: 1\nimport: crm\nuser_id: subject_value\ntraits: {first_name: kind}\n")
    given = ("--mapping", str(mapping), "--source", "shop", "--report", str(file))
    done = run(folder, "imports", "run", str(file), *given)
    assert done.returncode == 6, done.stderr
    assert file.read_text() == before


def test_files_that_are_no_text_and_no_documents_are_refused_in_words(folder: Path, tmp_path: Path) -> None:
    binary, deep, cut = tmp_path / "binary", tmp_path / "deep.json", tmp_path / "cut.csv.gz"
    binary.write_bytes(b"\xe0\x00\xff")
    deep.write_text("[" * 5000)
    cut.write_bytes(gzip.compress(b"reference,kind\n" + os.urandom(4000))[:1000])
    for words in (
        ("audit", "verify", "--since", str(binary)), ("verify", str(binary), "--keys", str(deep)),
        ("verify", str(deep), "--keys", str(deep)), ("dsr", "import", str(cut)),
    ):  # fmt: skip
        done = run(folder, *words)
        assert done.returncode == 4, (words, done.stderr)
        assert "The request is not valid" in done.stderr


def test_an_erasure_on_the_command_line_needs_two_officers(folder: Path) -> None:
    who = ("--subject", "user_id=cli-2")
    answer(folder, "consent", "record", "--purpose", "marketing", "--status", "granted", *who)
    request = answer(folder, "dsr", "open", "erasure", *who)["request_id"]
    answer(folder, "dsr", "verify", request)
    assert run(folder, "dsr", "approve", request).returncode == 6
    answer(folder, "dsr", "approve", request, "--as", "second")
    assert answer(folder, "dsr", "run", request, "--as", "second")["state"] == "completed"
    assert run(folder, "consent", "check", "--purpose", "marketing", *who).returncode == 1
    assert run(folder, "consent", "record", "--purpose", "marketing", "--status", "granted", *who).returncode == 6


def test_keys_rotate_and_an_old_generation_is_destroyed(folder: Path) -> None:
    assert answer(folder, "keys", "rotate")["generation"] == 2
    answer(folder, "keys", "destroy", "1")
    assert run(folder, "keys", "destroy", "2").returncode == 6
    states = {row["generation"]: row["state"] for row in answer(folder, "keys", "status")["generations"]}
    assert states == {1: "destroyed", 2: "current"}


def test_policies_and_plans_are_checked_with_line_and_reason(tmp_path: Path, folder: Path) -> None:
    assert answer(tmp_path, "policies", "check")["valid"] is True
    (tmp_path / "purposes.yaml").write_text("version: 1\npurposes:\n  - {name: Marketing}\n")
    done = run(tmp_path, "policies", "check", str(tmp_path))
    assert done.returncode == 1
    assert "purposes.yaml:3:" in done.stderr
    plan = tmp_path / "plan.yaml"
    event = "{type: track, name: A Thing, id: a_thing, description: A thing., purposes: [service]}"
    plan.write_text(f"plan: cli\nversion: 1.0.0\npurposes: [service]\nevents:\n  - {event}\n")
    assert run(tmp_path, "plans", "lint", str(plan)).returncode == 0
    assert answer(folder, "plans", "push", str(plan))["plan"] == "cli@1.0.0"
    plan.write_text(plan.read_text() + "description: other\n")
    assert run(folder, "plans", "push", str(plan)).returncode == 6
    assert answer(folder, "sources", "create", "cli source", "--plan", "cli@1.0.0")["write_key"].startswith("rg_write_")


def test_the_doctor_finds_an_open_key_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    bootstrap.initialise(Settings(data_dir=path))
    assert answer(path, "doctor")["healthy"] is True
    (path / "kek.json").chmod(0o644)
    sick = run(path, "doctor", "--json")
    assert sick.returncode == 1
    assert any("chmod" in finding["mend"] for finding in json.loads(sick.stdout)["findings"] if not finding["good"])


def test_a_law_that_leaves_the_policy_is_named_and_the_usual_one_is_needed(tmp_path: Path) -> None:
    path, policies = tmp_path / "data", tmp_path / "policies"
    bootstrap.initialise(Settings(data_dir=path))
    answer(path, "dsr", "open", "access", "--subject", "user_id=ada", "--jurisdiction", "lgpd")
    policies.mkdir()
    shipped = (ROOT / "policies" / "jurisdictions.yaml").read_text()
    (policies / "jurisdictions.yaml").write_text(shipped.replace("  lgpd:", "  brazil:"))
    given = {**os.environ, "REGISTRY_DATA_DIR": str(path), "REGISTRY_POLICIES": str(policies), "COLUMNS": "200"}
    sick = command(("doctor", "--json"), given)
    assert sick.returncode == 1
    [named] = [one["found"] for one in json.loads(sick.stdout)["findings"] if not one["good"]]
    assert named == "1 under lgpd, which left the policy"
    refused = command(("serve", "--port", "0"), {**given, "REGISTRY_JURISDICTION": "lgpd"})
    assert refused.returncode != 0
    assert "REGISTRY_JURISDICTION names a law" in refused.stderr


def test_a_restore_erases_again_whoever_was_erased_since(tmp_path: Path) -> None:
    path, who = tmp_path / "data", ("--subject", "user_id=gone")
    bootstrap.initialise(Settings(data_dir=path))
    answer(path, "consent", "record", "--purpose", "marketing", "--status", "granted", *who)
    answer(path, "backup", "--to", str(tmp_path / "copy"))
    request = answer(path, "dsr", "open", "erasure", *who)["request_id"]
    for step, officer in (("verify", "a"), ("approve", "b"), ("run", "b")):
        answer(path, "dsr", step, request, "--as", officer)
    restored = answer(path, "restore", str(tmp_path / "copy"))
    [replayed] = restored["erasures_replayed"]
    assert (replayed["fragments"], replayed["lost"], len(replayed["workspace"])) == (1, [], 36)
    assert run(path, "consent", "check", "--purpose", "marketing", *who).returncode == 1
    assert run(path, "consent", "record", "--purpose", "marketing", "--status", "granted", *who).returncode == 6
    assert answer(path, "audit", "verify")["faults"] == []


def test_the_demo_checks_out(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--dir", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stdout
    assert "checks held" in done.stdout
    assert (tmp_path / "demo" / "certificate.jwt").exists()
