"""The records of processing are written in the form that the file's name says, and in no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry import bootstrap
from registry.cli.census import app
from registry.settings import Settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("records") / "data"
    bootstrap.initialise(Settings(data_dir=made))
    return made


def _records(data: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["records", *words, "--data-dir", str(data)])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("name", "begins"), [("r.html", "<!"), ("r.HTM", "<!"), ("r.csv", "\ufeffcontroller,"), ("r.json", "{")]
)
def test_the_files_name_says_the_form(data: Path, tmp_path: Path, name: str, begins: str) -> None:
    assert _records(data, "--to", str(tmp_path / name))[0] == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_of_another_name_the_form_is_said(data: Path, tmp_path: Path) -> None:
    code, told = _records(data, "--to", str(tmp_path / "records"))
    assert (code, ".html, .csv or .json" in told) == (4, True), told
    assert _records(data, "--to", str(tmp_path / "records"), "--format", "json")[0] == 0
    assert json.loads((tmp_path / "records").read_text())


def test_a_form_that_the_files_name_contradicts_is_refused(data: Path, tmp_path: Path) -> None:
    code, told = _records(data, "--to", str(tmp_path / "r.csv"), "--format", "html")
    assert (code, "contradict" in told) == (4, True), told
    assert not any(tmp_path.iterdir())


def test_without_a_file_it_is_a_page(data: Path) -> None:
    assert _records(data)[1].startswith("<!")
