"""The tutorial, run as it stands: each of its commands, in one shell, on a free port."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.architecture.project import ROOT
from tests.e2e.typed import path_with_registry

PAGE = ROOT / "docs" / "tutorial" / "first-hour.md"
PORT = "8080"


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.mark.timeout(240)
def test_the_first_hour_goes_as_it_says(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    install, *blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert install.startswith("make install")
    script = "set -euo pipefail; set -m; trap 'kill %1 2>/dev/null || true' EXIT\n" + "\n".join(blocks)
    with path_with_registry(tmp_path_factory.mktemp("path")) as path:
        done = subprocess.run(
            ["bash", "-c", script.replace(PORT, _free_port())],
            cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=230, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert '"accepted":2,"rejected":1' in said
    assert '"allowed":false,"reason":"no_record"' in said
    assert "False\nTrue granted\n" in said
    assert '"status":"suppressed"' in said
    assert "The signature is good." in said
    assert "whole and in order" in said
    found = re.findall(r"^data/\S+:(\d+)$", said, re.MULTILINE)
    assert len(found) >= 3
    assert set(found) == {"0"}
