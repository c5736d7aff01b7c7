"""Descriptions are read anew when their files change; what is not valid, half-written or gone changes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from registry import reviewed
from registry.connectors import watched
from registry.connectors.configured import described, linked_systems
from registry.connectors.outgoing import Outgoing
from registry.connectors.watched import Watched
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import lifecycle
from registry.model.errors import Conflict
from tests.conftest import SetClock
from tests.outside import RULES, rows, run
from tests.simulator import RegistrySimulator

FIRST = """
dataset: shop
url_env: SHOP_URL
tables:
  people:
    rows: delete
    fields: {id: {category: user}, email: {category: user, identity: email}}
"""
DECIDED = FIRST.replace("id: {", "fax: {category: user.contact}, id: {")
Write = Callable[[str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "connectors"
    made.mkdir()
    return made


@pytest.fixture
def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file of some time ago, each one younger than the one before."""
    monkeypatch.setattr(watched, "LOOK_EVERY_S", 0.0)
    ages = iter(range(900, 0, -1))

    def written(name: str, text: str) -> None:
        at = time.time() - next(ages)
        (folder / name).write_text(text)
        os.utime(folder / name, (at, at))

    return written


@pytest.fixture
def found(folder: Path, tmp_path: Path, write: Write) -> Iterator[Watched]:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(url, "CREATE TABLE people (id integer, email text, fax text)", "INSERT INTO people VALUES (1, 'a@b.test', 'x')")
    write("shop.yaml", FIRST)

    def read() -> object:
        files = described(folder, reviewed.read_document, reviewed.shipped_schema)
        return linked_systems(files, {"SHOP_URL": url}, Outgoing(), RULES)

    made = Watched(folder, read)  # type: ignore[arg-type]
    yield made
    made.close()


def test_a_field_that_is_decided_on_in_the_file_lets_a_request_be_approved_without_a_new_start(
    found: Watched, write: Write, tmp_path: Path
) -> None:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    tenant = registry.tenant()
    with pytest.raises(Conflict) as caught:
        tenant.request(Kind.ERASURE, "email", "a@b.test")
    assert "read anew by itself" in (caught.value.hint or "")
    [opened] = lifecycle.listed(registry.deployment, tenant.workspace, 5, None)
    given = registry.deployment, tenant.workspace, opened.request_id
    write("shop.yaml", DECIDED.replace("rows: delete", "rows: sometimes"))
    with pytest.raises(Conflict) as caught:
        lifecycle.move_request(*given, Move.APPROVE, actor="person:second")
    assert "Changed files are not taken yet" in (caught.value.hint or "")
    assert "shop.yaml" in (caught.value.hint or "")
    write("shop.yaml", DECIDED)
    lifecycle.move_request(*given, Move.APPROVE, actor="person:second")
    tenant.run(opened)
    assert rows(f"sqlite:///{tmp_path / 'shop.db'}", "SELECT count(*) FROM people") == [(0,)]
    assert found.fault is None
    registry.close()


def test_what_is_not_valid_or_gone_leaves_everything_as_it_was(found: Watched, folder: Path, write: Write) -> None:
    before = found.now()
    write("shop.yaml", "dataset: shop\ntables: {")
    with capture_logs() as said:
        assert found.now() == before
    [line] = said
    assert (line["log_level"], line["detail"]) == ("error", found.fault)
    write("shop.yaml", FIRST.replace("SHOP_URL", "NO_SUCH_URL"))
    assert found.now() == before
    assert "NO_SUCH_URL" in (found.fault or "")
    (folder / "shop.yaml").unlink()
    assert found.now() == before
    assert "no file describes shop any more" in (found.fault or "")
    write("shop.yaml", FIRST)
    assert [one.name for one in found] == ["shop"]
    assert (found.now() == before, found.fault) == (False, None)


def test_a_file_that_may_still_be_written_is_left_alone(found: Watched, folder: Path) -> None:
    before = found.now()
    (folder / "shop.yaml").write_text(DECIDED[:-40])
    assert found.now() == before
    assert found.fault is None


def test_what_stands_beside_the_folder_stays(found: Watched) -> None:
    with_others = Watched(None, lambda: list(found), also=[found[0]])
    assert len(with_others) == 2
    assert with_others[1] is found[0]
