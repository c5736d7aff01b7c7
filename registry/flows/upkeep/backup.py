"""Copies of the data and of the keystore, made apart: whoever holds both holds everything.

What a restore has to hold against the erasure ledger: `registry.flows.dsr.replaying`.
"""

from __future__ import annotations

from pathlib import Path

from registry.flows.deployment import Deployment
from registry.model.errors import Conflict

DATA_FILE = "registry.db"
KEYSTORE_FILE = "keys.db"


def back_up(deployment: Deployment, folder: Path, *, with_keystore: bool) -> list[Path]:
    """Copy the data, or the keystore, into a folder while the registry runs; the files written.

    The two are never put into one folder together: whoever holds both holds everything.

    Raises:
        Conflict: there is a copy in the folder already, or the databases are PostgreSQL.
        StoreUnavailable: the copy could not be made.
    """
    database, name = (deployment.keystore, KEYSTORE_FILE) if with_keystore else (deployment.data, DATA_FILE)
    other = DATA_FILE if with_keystore else KEYSTORE_FILE
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / other).exists():
        raise Conflict("data and keystore do not belong into one backup", hint="name another folder")
    database.back_up(folder / name)
    return [folder / name]
