"""Live servers for tests: one in a process of its own, one in this process, each once per test process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.api.house import Desk, House, house
from tests.api.office import Office
from tests.conftest import SetClock, _database
from tests.live import Live, live
from tests.simulator import RegistrySimulator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A registry on SQLite and its server, of this test process."""
    registry = RegistrySimulator(tmp_path_factory.mktemp("house"), SetClock())
    with house(registry) as opened:
        yield opened
    registry.close()


@pytest.fixture
def desk(shared_house: House) -> Iterator[Desk]:
    """A workspace of the test's own behind the shared server."""
    with ExitStack() as stack:
        yield Desk(shared_house, stack)


@pytest.fixture(scope="session")
def postgres_house(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A registry on PostgreSQL and its server, of this test process."""
    new_database = contextmanager(_database)
    with new_database(postgres_server) as data, new_database(postgres_server) as keystore:
        folder = tmp_path_factory.mktemp("postgres-house")
        registry = RegistrySimulator(folder, SetClock(), database_url=data, keystore_url=keystore)
        with house(registry) as opened:
            yield opened
        registry.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A workspace of the test's own, once on each engine."""
    name = "shared_house" if request.param == "sqlite" else "postgres_house"
    with ExitStack() as stack:
        yield Desk(request.getfixturevalue(name), stack)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An officer's desk of the test's own."""
    made = Office(tmp_path)
    yield made
    made.browser.close()
    made.registry.close()
