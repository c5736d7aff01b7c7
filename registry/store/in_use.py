"""Does anybody have a database file open? What SQLite's own locks say of it, in whichever process that is."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def is_in_use(file: Path) -> bool:
    """Whether a SQLite file is open elsewhere: in WAL mode each connection shares a lock for as long as it is open.

    Where nobody has it, its WAL is folded into it. One that is damaged, or is not there, is in nobody's use.
    """
    if not file.exists():
        return False
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    finally:
        connection.close()
    return False
