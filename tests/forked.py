"""Processes of their own, forked from one that has imported everything: spared is the second that imports take."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.simulator", "typer.rich_utils", "rich.table", "rich.progress"])


def started(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """A process that calls a function, with the environment and the folder of this one, as any child has them."""
    made = processes.Process(target=_as_a_child, args=(dict(os.environ), os.getcwd(), target, arguments))
    made.start()
    return made


def command(
    words: tuple[str, ...], environment: Mapping[str, str], *, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `registry` with some words to its end.

    Raises:
        subprocess.TimeoutExpired: it did not end.
    """
    with tempfile.TemporaryDirectory() as folder:
        said, complained = Path(folder) / "stdout", Path(folder) / "stderr"
        process = processes.Process(target=_command, args=(words, dict(environment), os.getcwd(), said, complained))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, seconds)
        return subprocess.CompletedProcess(words, process.exitcode, said.read_text(), complained.read_text())


def _as_a_child(
    environment: dict[str, str], folder: str, target: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    target(*arguments)


def _command(words: tuple[str, ...], environment: dict[str, str], folder: str, said: Path, complained: Path) -> None:
    for number, file in ((0, Path(os.devnull)), (1, said), (2, complained)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.argv = ["registry", *words]
    _as_a_child(environment, folder, _main, ())


def _main() -> None:
    from registry.cli.app import main  # here, since it looks at the environment for how wide a line is

    main()
