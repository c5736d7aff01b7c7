"""Live servers for tests: one in a process of its own per module, one in this process per test session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.api.house import Desk, House, house
from tests.conftest import SetClock
from tests.live import Live, live
from tests.simulator import RegistrySimulator


@pytest.fixture(scope="module")
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
