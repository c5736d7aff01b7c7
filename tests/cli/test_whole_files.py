"""What commands write to a file is there once it is whole, and what they list can be copied from a line."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from registry import bootstrap
from registry.cli.audit import app
from registry.cli.files import PRIVATE, written_whole
from registry.cli.session import table
from registry.cli.terminal import WIDE, console
from registry.model.errors import Conflict, InvalidInput
from registry.settings import Settings
from registry.store import audit_log
from tests.forked import command

WHOLE = b"the whole of it"


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    to = tmp_path / "log.jsonl"
    with written_whole(to) as stream:
        stream.write(WHOLE)
        stream.flush()
        assert not to.exists()
    assert to.read_bytes() == WHOLE
    assert os.listdir(tmp_path) == ["log.jsonl"]


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_of_one_that_was_not_finished_nothing_stays(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), written_whole(tmp_path / "log.jsonl") as stream:
        stream.write(WHOLE)
        raise error
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    to = tmp_path / "log.jsonl"
    to.write_bytes(WHOLE)
    with pytest.raises(Conflict), written_whole(to) as stream:
        stream.write(b"")
    to.unlink()
    with pytest.raises(Conflict), written_whole(to) as stream:
        to.write_bytes(WHOLE)
    assert (to.read_bytes(), os.listdir(tmp_path)) == (WHOLE, ["log.jsonl"])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match=f"^there is no folder {tmp_path}/gone$"),
        written_whole(tmp_path / "gone" / "log.jsonl"),
    ):
        raise AssertionError


def test_what_holds_somebodys_data_is_for_its_owner_alone(tmp_path: Path) -> None:
    with written_whole(tmp_path / "package.zip", PRIVATE) as stream:
        assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}
        stream.write(WHOLE)
    assert stat.S_IMODE((tmp_path / "package.zip").stat().st_mode) == 0o600


def test_an_export_of_the_log_that_fails_in_the_middle_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, to = tmp_path / "data", tmp_path / "log.jsonl"
    bootstrap.initialise(Settings(data_dir=data))
    words = ["export", "--to", str(to), "--data-dir", str(data)]
    right = audit_log.stream

    def breaks(*given: Any) -> Iterator[bytes]:
        yield next(iter(right(*given)))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(audit_log, "stream", breaks)
        assert CliRunner().invoke(app, words).exit_code == 4
    assert os.listdir(tmp_path) == ["data"]
    assert CliRunner().invoke(app, words).exit_code == 0
    lines = to.read_text().splitlines()
    assert [json.loads(line)["position"] for line in lines] == list(range(len(lines)))
    assert CliRunner().invoke(app, words).exit_code == 6, "and is not written over"


def test_an_id_in_a_list_is_never_folded() -> None:
    ids = [str(uuid4()) for _ in range(3)]
    shown = table("when", "what", "fragment", "because")
    for one in ids:
        shown.add_row("2026-01-01T00:00:00Z", "a merge of two profiles", one, "a message said so, " * 5)
    narrow = Console(width=80, record=True, file=io.StringIO())
    narrow.print(shown)
    told = narrow.export_text()
    assert all(one in told for one in ids)


def test_what_is_no_terminal_takes_wide_tables_unless_somebody_says_how_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == WIDE
    monkeypatch.setenv("COLUMNS", "90")
    assert console().width == 90


def test_a_wide_table_of_a_command_stands_in_lines(tmp_path: Path) -> None:
    bootstrap.initialise(Settings(data_dir=tmp_path / "a-folder-of-a-registry" / "data"))
    given = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = command(("doctor",), given | {"REGISTRY_DATA_DIR": str(tmp_path / "a-folder-of-a-registry" / "data")})
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert len(rows) > 5
    assert max(map(len, rows)) > 80
    assert [row for row in rows if not row.startswith("│ ok")] == []
