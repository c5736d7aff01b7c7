"""Rotations that are killed with SIGKILL go on where they were, and end as if nothing had happened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.flows.upkeep import reindexing, rotation
from registry.flows.workspace import STORED_BEFORE_MOVE
from registry.model.clock import SECOND
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.forked import Command, logged
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

PEOPLE = 500
PATIENCE_S = 60.0


@pytest.fixture
def tenant(registry_urls: tuple[str, str], tmp_path: Path) -> Iterator[Tenant]:
    """A registry of the test's own on each engine, with a thousand identifiers."""
    data, keystore = registry_urls
    made = RegistrySimulator(tmp_path, SetClock(), database_url=data, keystore_url=keystore)
    tenant = made.tenant()
    chosen = consent(**ALL_YES)
    for start in range(0, PEOPLE, 100):
        tenant.send(
            *(identify(f"u{n}", email=f"u{n}@people.example", context=chosen) for n in range(start, start + 100))
        )
    yield tenant
    made.close()


def _process(tenant: Tenant, *options: str) -> Command:
    settings = tenant.registry.settings
    environment = os.environ | {
        "REGISTRY_DATABASE_URL": str(settings.database_url), "REGISTRY_KEYSTORE_URL": str(settings.keystore_url),
    }  # fmt: skip
    words = ["keys", "rotate", *options, "--data-dir", str(settings.data_dir)]
    return logged(words, environment, _log(tenant))


def _log(tenant: Tenant) -> Path:
    return tenant.registry.settings.data_dir / "rotations.log"


def _kill_when_further(tenant: Tenant, done: Callable[[], int], *options: str) -> int:
    """Start the rotation, and kill it as soon as it is further than before; how far it was."""
    before, until = done(), time.monotonic() + PATIENCE_S
    process = _process(tenant, *options)
    while done() <= before and time.monotonic() < until:
        assert process.poll() is None or done() > before, _log(tenant).read_text()
        time.sleep(0.002)
    process.kill()
    return done()


def _finish(tenant: Tenant, *options: str) -> None:
    assert _process(tenant, *options).wait(PATIENCE_S) == 0, _log(tenant).read_text()


def _all_found(tenant: Tenant) -> None:
    """A few people, in all corners, by both identifiers; nobody is there twice."""
    tenant.registry.restart()
    for number in range(0, PEOPLE, 50):
        assert tenant.traits("email", f"u{number}@people.example")["email"] == f"u{number}@people.example"
        assert tenant.profile("user_id", f"u{number}") == tenant.profile("email", f"u{number}@people.example")
    [[count]] = tenant.registry.rows("SELECT count(*) FROM identifier")
    assert count == 2 * PEOPLE


def test_a_killed_rotation_of_the_blind_index_key_goes_on(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    reindexing.begin(deployment, tenant.workspace, actor="person:admin")
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)

    def done() -> int:
        return sum(move.moved for move in rotation.status(tenant.registry.deployment, tenant.workspace_id).moves)

    assert _kill_when_further(tenant, done, "--blind-index", "--resume") > 0
    _all_found(tenant)
    _finish(tenant, "--blind-index", "--resume")
    assert done() == 2 * PEOPLE
    _all_found(tenant)
    assert not tenant.workspace.indexer.several


def test_a_killed_rotation_of_the_kek_goes_on(tenant: Tenant) -> None:
    workspace_id = tenant.workspace_id

    def under() -> dict[int, tuple[int, int]]:
        found = rotation.status(tenant.registry.deployment, workspace_id).generations
        return {one.number: (one.bundles, one.secrets) for one in found}

    everything = under()[1]
    moved = _kill_when_further(tenant, lambda: under().get(2, (0, 0))[0])
    assert sum(bundles for bundles, _ in under().values()) == everything[0], "no bundle is lost, none is there twice"
    assert moved > 0
    _all_found(tenant)
    _finish(tenant, "--resume")
    assert under() == {1: (0, 0), 2: everything}
    tenant.registry.restart()
    rotation.destroy(tenant.registry.deployment, workspace_id, 1)
    _all_found(tenant)


def test_a_rotation_of_the_signing_key_that_is_killed_has_happened_or_has_not(tenant: Tenant) -> None:
    def versions() -> list[int]:
        own = rotation.status(tenant.registry.deployment, tenant.workspace_id).own
        return [key.version for key in own if key.name == "signing"]

    for delay in (0.0, 0.3):
        process = _process(tenant, "--signing")
        time.sleep(delay)
        process.kill()
        assert versions() in ([1], [1, 2])
    if versions() == [1]:
        _finish(tenant, "--signing")
    tenant.registry.restart()
    assert len(tenant.workspace.published) == 2
    _all_found(tenant)
