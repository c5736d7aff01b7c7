"""Registries on each engine: one that all tests share, each in a workspace of its own, and one for a test alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import SetClock, _database
from tests.simulator import RegistrySimulator, Tenant

new_database = contextmanager(_database)


@pytest.fixture(scope="session")
def sqlite_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistrySimulator]:
    """A registry on SQLite, of this test process."""
    made = RegistrySimulator(tmp_path_factory.mktemp("sqlite"), SetClock())
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_registry(
    postgres_pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistrySimulator]:
    """A registry on PostgreSQL, of this test process."""
    data, keystore = postgres_pair
    made = RegistrySimulator(
        tmp_path_factory.mktemp("postgresql"), SetClock(), database_url=data, keystore_url=keystore
    )
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_pair(postgres_server: str, postgres_templates: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Two databases of this test process."""
    (data_template, keystore_template), server = postgres_templates, postgres_server
    with new_database(server, data_template) as data, new_database(server, keystore_template) as keystore:
        yield data, keystore


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> RegistrySimulator:
    """A registry that other tests use too: stay in a workspace of your own."""
    name = "sqlite_registry" if request.param == "sqlite" else "postgres_registry"
    found = request.getfixturevalue(name)
    assert isinstance(found, RegistrySimulator)
    return found


@pytest.fixture
def clock(shared: RegistrySimulator) -> SetClock:
    """The clock of the shared registry."""
    assert isinstance(shared.clock, SetClock)
    return shared.clock


@pytest.fixture
def tenant(shared: RegistrySimulator) -> Tenant:
    """A workspace of the test's own; the test runs once on SQLite and once on PostgreSQL."""
    return shared.tenant()


@pytest.fixture
def registry(registry_urls: tuple[str, str], tmp_path: Path) -> Iterator[RegistrySimulator]:
    """A registry of the test's own, once on each engine."""
    data, keystore = registry_urls
    made = RegistrySimulator(tmp_path, SetClock(), database_url=data, keystore_url=keystore)
    yield made
    made.close()


@pytest.fixture
def two_processes(registry_urls: tuple[str, str], clock: SetClock, tmp_path: Path) -> Iterator[tuple[Tenant, Tenant]]:
    """One workspace by two processes over the same databases, which share no memory."""
    places = dict(zip(("database_url", "keystore_url"), registry_urls, strict=True))
    one, other = (RegistrySimulator(tmp_path / "home", clock, **places) for _ in range(2))
    tenant = one.tenant()
    yield tenant, tenant.elsewhere(other)
    one.close()
    other.close()
