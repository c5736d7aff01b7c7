"""Which officer gave out what is a person's stands in the audit log, also of what is done on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_commands import answer, run


def test_an_officer_who_makes_a_link_or_opens_what_is_kept_is_named(tmp_path: Path) -> None:
    home = tmp_path / "data"
    answer(home, "init")
    subject = ("--subject", "email=ada@example.com")
    request = answer(home, "dsr", "open", "access", *subject)["request_id"]
    for step in ("verify", "approve", "run"):
        answer(home, "dsr", step, request, "--as", "officer-1")
    answer(home, "dsr", "link", request, "--as", "officer-2")
    answer(home, "audit", "export", "--to", str(home / "log.jsonl"))
    [made] = [line for line in (home / "log.jsonl").read_text().splitlines() if "dsr:package:linked" in line]
    assert "person:officer-2" in made
    unknown = run(home, "holds", "open", request, "--purpose", "legal", "--as", "officer-2")
    assert (unknown.returncode, "Not found" in unknown.stderr) == (4, True), unknown.stderr
