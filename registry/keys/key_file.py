"""The KEK file: read and replaced whole, by its owner only.

JSON, mode 0600, a regular file of the running user. A change is written to `NAME.new`, synced and
renamed over the old file under a lock (`NAME.lock`), so that a crash leaves the old or the new one.
The replaced file is overwritten with zeros as well: best effort, since journals, snapshots and flash
wear levelling may keep blocks that no program can reach.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.model.errors import KeyFileInsecure, KmsUnavailable

Stamp = tuple[int, int, int, int]
"""Inode, size, modification and change time: differs after every replacement."""

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WIPE_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class KeyFile:
    """The bytes of one key file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(path.name + ".new")
        self._lock = path.with_name(path.name + ".lock")

    def stamp(self) -> Stamp | None:
        """The stamp of the file as it is now; None where there is none.

        Raises:
            KeyFileInsecure: it is a link or no regular file, another user's, or open to others.
            KmsUnavailable: it cannot be looked at.
        """
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable("looked at", error) from error
        self._require_private(status)
        return _stamp(status)

    def read(self) -> tuple[bytes, Stamp]:
        """The bytes, with their stamp.

        Raises: as `stamp`; KmsUnavailable also where there is no file.
        """
        try:
            descriptor = os.open(self.path, _READ_FLAGS)
        except OSError as error:
            self.stamp()
            raise _unavailable("read", error) from error
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            self._require_private(status)
            return file.read(), _stamp(status)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that every process takes before it changes the file."""
        try:
            descriptor = os.open(self._lock, _LOCK_FLAGS, 0o600)
        except OSError as error:
            raise _unavailable("locked", error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._remove_leftover()
            yield
        finally:
            os.close(descriptor)

    def replace(self, data: bytes) -> None:
        """Put new bytes in place of the file, durably, and wipe the old ones; under `locked`."""
        old = None
        try:
            descriptor = os.open(self._new, _CREATE_FLAGS, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            old = self._open_old()
            os.replace(self._new, self.path)
            self._sync_directory()
            if old is not None:
                _overwrite(old)
        except OSError as error:
            raise _unavailable("written", error) from error
        finally:
            if old is not None:
                os.close(old)

    def _remove_leftover(self) -> None:
        """Wipe what a crash before the rename left: it may hold keys that are destroyed since."""
        try:
            descriptor = os.open(self._new, _WIPE_FLAGS)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable("cleared of a leftover", error) from error
        try:
            _overwrite(descriptor)
        finally:
            os.close(descriptor)
        self._new.unlink()

    def _open_old(self) -> int | None:
        try:
            return os.open(self.path, _WIPE_FLAGS)
        except FileNotFoundError:
            return None

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _require_private(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileInsecure(
                "the key file is a link or no regular file",
                hint=f"put the file itself at {self.path}, or point REGISTRY_KMS_URL at the real path",
            )
        if status.st_uid != os.geteuid():
            raise KeyFileInsecure(
                "the key file belongs to another user",
                hint=f"as root: chown {os.geteuid()} {self.path}",
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise KeyFileInsecure(
                f"the key file's mode is {stat.S_IMODE(status.st_mode):04o}: others can reach it",
                hint=f"chmod 600 {self.path}; if others could read it, rotate the keys as well",
            )


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _overwrite(descriptor: int) -> None:
    """Write zeros over an open file."""
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _unavailable(what: str, error: OSError) -> KmsUnavailable:
    return KmsUnavailable(
        f"the key file cannot be {what}: {error.strerror}",
        hint="check REGISTRY_KMS_URL, and that the directory is there and writable by this user",
    )
