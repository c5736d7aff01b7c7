"""One live server for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import Live, live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server") / "data") as running:
        yield running
