"""Variables of the environment that are there and empty, as files for containers like to have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.settings import Settings


@pytest.mark.parametrize("name", ["CONNECTORS", "POLICIES", "DATA_DIR", "PROCESSORS"])
def test_an_empty_variable_is_one_that_is_not_set(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unset = Settings()
    monkeypatch.setenv(f"REGISTRY_{name}", "")
    assert Settings() == unset
