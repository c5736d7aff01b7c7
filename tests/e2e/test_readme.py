"""What the README shows of the demo is what the demo prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.project import ROOT

VARYING = r"\d{4}-\d\d-\d\d|in \d+ s.*|\d+ fields of \d+ tables|\d+ files|\d+ rows and keys"
"""Days, how long it took, how many columns there are (each new one is a field more), and files: a job that has run
by then leaves its lock's."""


def test_the_shown_transcript_is_the_demos_own(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```text\n(Registry: .*?)^```", readme, re.DOTALL | re.MULTILINE)
    command = [sys.executable, "-m", "registry", "demo", "--dir", str(tmp_path)]
    environment = os.environ | {"COLUMNS": "110"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = [re.sub(VARYING, "", line).rstrip() for line in done.stdout.splitlines()]
    wanted = [re.sub(VARYING, "", line).rstrip() for line in shown.splitlines()]
    lines = iter(told)
    missing = [line for line in wanted if line.strip() and line not in lines]
    assert missing == []
