"""Processes of their own, forked from one that has imported everything: spared are the seconds that imports take."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

processes = get_context("forkserver")
processes.set_forkserver_preload([
    "tests.simulator", "typer.rich_utils", "rich.table", "rich.progress", "registry.api.app", "registry.pages.app",
    "uvicorn", "uvicorn.protocols.http.httptools_impl", "structlog",
])  # fmt: skip


def started(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """A process that calls a function, with the environment and the folder of this one, as any child has them."""
    made = processes.Process(target=_as_a_child, args=(dict(os.environ), os.getcwd(), target, arguments))
    made.start()
    return made


class Command:
    """`registry` with some words, in a process of its own.

    Args:
        files: what it reads from, writes to and complains to.
        folder: where it runs; where this process does if None.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], files: Sequence[int], folder: str | None = None
    ) -> None:
        self._words = list(words)
        given = self._words, dict(environment), folder or os.getcwd(), [_File(file) for file in files]
        self._process = processes.Process(target=_command, args=given)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """How it ended, as `subprocess` has it; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """The same, once it ended.

        Raises:
            subprocess.TimeoutExpired: it did not.
        """
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._words, seconds or 0)
        return code

    def terminate(self) -> None:
        """Stop it as an operator does."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until nothing of it runs any more."""
        self._process.kill()
        self.wait(10)


def logged(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Command:
    """A command that adds what it says to a file."""
    with open(os.devnull, "rb") as nothing, log.open("ab") as file:
        return Command(words, environment, [nothing.fileno(), file.fileno(), file.fileno()])


def command(
    words: Sequence[str], environment: Mapping[str, str], *, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `registry` with some words to its end.

    Raises:
        subprocess.TimeoutExpired: it did not end.
    """
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        running = Command(words, environment, [file.fileno() for file in (nothing, said, complained)])
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        return subprocess.CompletedProcess(list(words), code, _text(said), _text(complained))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


class _File:
    """An open file that a new process gets as its own: there it is the number of the file."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _detached, (DupFd(self._number),)


def _detached(copy: Any) -> int:
    return int(copy.detach())


def _as_a_child(
    environment: dict[str, str], folder: str, target: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    target(*arguments)


def _command(words: list[str], environment: dict[str, str], folder: str, files: list[int]) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)
    sys.argv = ["registry", *words]
    _as_a_child(environment, folder, _main, ())


def _main() -> None:
    from registry.cli.app import main  # here, since it looks at the environment for how wide a line is

    main()
