"""A registry on each engine, and one workspace of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant


@pytest.fixture
def registry(database_url: str, keystore_url: str, clock: SetClock, tmp_path: Path) -> Iterator[RegistrySimulator]:
    """An empty registry; the test runs once on SQLite and once on PostgreSQL."""
    made = RegistrySimulator(tmp_path, clock, database_url=database_url, keystore_url=keystore_url)
    yield made
    made.close()


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    """One workspace."""
    return registry.tenant()
