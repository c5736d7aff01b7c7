"""Connected systems whose reviewed descriptions are read anew when their files change, without a new start.

What is not valid changes nothing: the systems stay as they were described before, and `fault` says why. Nor does a
description that is gone: a request that a system has not answered yet must not end without it unnoticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import overload

import structlog

from registry.dsr.plan import LinkedSystem
from registry.model.errors import RegistryError, SettingInvalid

SETTLED_S = 2.0
"""A file that was changed within this time may still be written."""
LOOK_EVERY_S = 1.0
IN_USE_S = 3_600.0
"""For how long a system may be used by a request that began before it was described anew."""

_log = structlog.get_logger("registry.connectors")

Files = tuple[tuple[str, int, int, int], ...]


class Watched(Sequence[LinkedSystem]):
    """The systems of a folder, as its files describe them now, and others that stay as they are. Safe to share.

    Args:
        folder: of the descriptions; None where there is none, and nothing is watched.
        read: reads every description, and connects what it describes.
        also: further systems, which come last.

    Raises:
        What `read` raises, when it is made; later, that is a `fault`.
    """

    def __init__(
        self,
        folder: Path | None,
        read: Callable[[], Sequence[LinkedSystem]],
        also: Sequence[LinkedSystem] = (),
    ) -> None:
        self._folder, self._read, self._also = folder, read, tuple(also)
        self._lock = Lock()
        self._looked, self._files = time.monotonic(), _files(folder)
        self._systems = tuple(read())
        self._retired: list[tuple[float, LinkedSystem]] = []
        self.fault: str | None = None
        """Why the files as they are now are not taken; None where they are."""

    def now(self) -> tuple[LinkedSystem, ...]:
        """The systems as they are described now."""
        at = time.monotonic()
        if self._folder is not None and at - self._looked >= LOOK_EVERY_S:
            with self._lock:
                self._looked, files = at, _files(self._folder)
                if files != self._files and _is_settled(files):
                    self._files = files
                    self._read_anew()
        return (*self._systems, *self._also)

    def close(self) -> None:
        """Let go of every connection, of systems that were described anew, too."""
        for system in (*self._systems, *self._also, *(one for _, one in self._retired)):
            system.close()

    def __iter__(self) -> Iterator[LinkedSystem]:
        return iter(self.now())

    def __len__(self) -> int:
        return len(self.now())

    @overload
    def __getitem__(self, at: int) -> LinkedSystem: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[LinkedSystem]: ...
    def __getitem__(self, at: int | slice) -> LinkedSystem | Sequence[LinkedSystem]:
        return self.now()[at]

    def _read_anew(self) -> None:
        try:
            found = tuple(self._read())
            if gone := sorted({one.name for one in self._systems} - {one.name for one in found}):
                for system in found:
                    system.close()
                raise SettingInvalid(
                    f"no file describes {', '.join(gone)} any more",
                    hint="start the server again, if no request is to reach it from now on", pointer="connectors",
                )  # fmt: skip
        except RegistryError as error:
            self._not_taken(error.detail)
            return
        except Exception as error:  # noqa: BLE001 - whatever a driver or an own connector raises, requests go on
            self._not_taken(f"the descriptions cannot be used: {type(error).__name__}")
            return
        at = time.monotonic()
        for since, system in self._retired:
            if at - since > IN_USE_S:
                system.close()
        self._retired = [one for one in self._retired if at - one[0] <= IN_USE_S]
        self._retired += [(at, system) for system in self._systems]
        self._systems, self.fault = found, None
        _log.info("descriptions read anew")

    def _not_taken(self, why: str) -> None:
        self.fault = why
        _log.error("changed descriptions are not taken; the ones of before stand", detail=why)


def close_all(systems: Sequence[LinkedSystem]) -> None:
    """Let go of every connection of these systems."""
    if isinstance(systems, Watched):
        systems.close()
        return
    for system in systems:
        system.close()


def _files(folder: Path | None) -> Files:
    """What is another as soon as a description is."""
    if folder is None:
        return ()
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            about = path.stat()
        except OSError:  # it went at this moment
            continue
        found.append((path.name, about.st_mtime_ns, about.st_size, about.st_ino))
    return tuple(found)


def _is_settled(files: Files) -> bool:
    return all(abs(time.time() - changed / 1e9) >= SETTLED_S for _, changed, _, _ in files)
