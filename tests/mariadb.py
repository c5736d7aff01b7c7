"""A real MariaDB for a test session: Debian's server, in a folder of its own, on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

FEW = (
    "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF", "--skip-networking", "--skip-log-bin", "--innodb-doublewrite=0", "--skip-grant-tables",
)  # fmt: skip
"""What a server of tests needs little or nothing of: without tables of grants its folder may begin empty."""


def program(name: str) -> str:
    """Where a program of the server is; distributions put it where only root looks."""
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
    assert found is not None, f"{name} is missing: make programs"
    return found


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server whose data lies in `folder`, and the SQLAlchemy URL of its server, without a database.

    One that starts removes the temporary tables that it finds, also of a server beside it: each has its own folder.
    """
    data, passing, socket = folder / "data", folder / "tmp", folder / "s"
    data.mkdir()
    passing.mkdir()
    own = ["--user=root"] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--tmpdir={passing}",
             f"--socket={socket}", f"--pid-file={folder / 'pid'}", *own, *FEW],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait_for(socket, server, folder / "log")
        yield f"mariadb+pymysql://root@/?unix_socket={socket}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait_for(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        assert server.poll() is None, log.read_text(errors="replace")
        if not socket.exists():
            time.sleep(0.05)
            continue
        try:
            pymysql.connect(unix_socket=str(socket), user="root").close()
        except pymysql.err.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(errors="replace"))
