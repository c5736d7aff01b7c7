"""Data and keys lie apart: one database for both is refused, and two of one server do not get into each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.model.errors import SettingInvalid
from registry.store.database import Database
from registry.store.identities import lock
from registry.store.keystore import lock_generations
from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant


def test_one_database_for_data_and_keys_is_refused_before_anything_is_made(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid):
        RegistrySimulator(tmp_path / "new", SetClock(), database_url=database_url, keystore_url=database_url)
    assert not list(tmp_path.glob("**/*.db"))


def test_the_lock_of_identities_is_not_that_of_key_generations(tenant: Tenant) -> None:
    data: Database = tenant.registry.deployment.data
    with data.owner(writes=True) as transaction:
        lock(transaction, tenant.workspace_id)
        if not data.is_sqlite:
            with data.owner(writes=True) as other:
                other.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                lock_generations(other, tenant.workspace_id, exclusive=False)
