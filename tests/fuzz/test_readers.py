"""A bounded slice of `make fuzz`: no reader of stored or foreign bytes fails in words of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fuzz.readers import READERS

RUNS = int(os.environ.get("REGISTRY_TEST_FUZZ_RUNS", "2500"))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("reader", sorted(READERS))
def test_a_reader_takes_any_bytes_or_refuses_them(reader: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", reader, "--runs", str(RUNS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
