"""Putting a copy of the data back: made ready beside it, and in its place once nothing speaks against it.

1. unused    no server has the data open: what that writes would be lost
2. sound     every page of the copy is whole
3. of today  a copy that an earlier version wrote is brought up to this one's schema
4. of here   the keystore holds the keys of every workspace that the copy has
5. replayed  whoever was erased since is erased again: before that, nothing reads it
6. placed    in one step; whatever stops it before leaves the data as they are
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from registry import bootstrap
from registry.flows.dsr import replaying
from registry.flows.dsr.replaying import Replayed
from registry.model.errors import Conflict, KeyMissing, NotInitialised, StoreUnavailable
from registry.model.ids import WorkspaceId
from registry.settings import Settings
from registry.store import administration, integrity, schema
from registry.store.database import Database
from registry.store.file_lock import held_file
from registry.store.in_use import is_in_use

JOURNALS = ("-wal", "-shm")


def put_back(chosen: Settings, copy: Path, target: Path) -> Mapping[WorkspaceId, Replayed]:
    """Put a copy in the place of the data; what the erasure ledger changed in it.

    Raises:
        Conflict: a server uses the data, another copy is being put back, or this one is damaged.
        KeyMissing: it is the copy of another registry's data.
        NotInitialised, SchemaMismatch: it is no copy of a registry's, or of a later version's.
        KmsUnavailable, StoreUnavailable: it cannot be made ready now.
    """
    target = target.resolve()  # the file may lie on another disk
    _require_unused(target)
    with _staged(copy, target) as staged:
        given = chosen.model_copy(update={"database_url": f"sqlite:///{staged.absolute()}"})
        _require_sound(given, copy)
        registry = _connected(given)
        try:
            with registry.deployment.data.directory() as transaction:
                known = [row.workspace_id for row in administration.workspaces(transaction)]
            for workspace_id in known:
                registry.workspaces.open(workspace_id)
            replayed = replaying.replay_erasures(registry.deployment)
        except KeyMissing as error:
            error.hint = "is it a copy of this registry's data? If so, put back the keystore that belongs to it"
            raise
        finally:
            registry.close()
        _require_folded_in(staged)
        _require_unused(target)  # a server may have been started meanwhile
        _without_journals(target)  # the journal of before must not be applied to what comes into its place
        staged.replace(target)
    return replayed


def _connected(given: Settings) -> bootstrap.Registry:
    try:
        return bootstrap.connect(given)
    except NotInitialised as error:
        error.hint = "put the keystore back first, and name the folder of a copy of the data"
        raise


@contextmanager
def _staged(copy: Path, target: Path) -> Iterator[Path]:
    """A copy of the copy, beside the data; nothing of it stays."""
    staged = target.with_suffix(".restoring")
    if not staged.parent.is_dir():
        raise StoreUnavailable(
            f"there is no folder {staged.parent}", hint=f"make it first: mkdir -p -m 700 {staged.parent}"
        )
    with held_file(staged.with_name(f"{staged.name}.lock")) as alone:
        if not alone:
            raise Conflict("another copy is being put back at this moment", hint="wait until that is done")
        _without_journals(staged)
        try:
            _copy(copy, staged)
            yield staged
        finally:
            staged.unlink(missing_ok=True)
            _without_journals(staged)


def _copy(copy: Path, staged: Path) -> None:
    """Copy a file, with the journal that a copy by other means than ours may have beside it."""
    try:
        for suffix in ("", "-wal"):
            source = copy.with_name(copy.name + suffix)
            if not suffix or source.exists():
                shutil.copyfile(source, staged.with_name(staged.name + suffix))
        staged.chmod(0o600)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StoreUnavailable(
            f"the copy cannot be put beside the data: {why}", hint="the data is as it was"
        ) from error


def _require_folded_in(staged: Path) -> None:
    """Go on only if everything that was written is in the file itself, and on the disk: the file alone is put in place.

    Raises:
        StoreUnavailable: a journal is left.
    """
    journal = staged.with_name(staged.name + "-wal")
    if journal.exists() and journal.stat().st_size:
        raise StoreUnavailable("not all of the copy could be made ready", hint="the data is as it was; try again")
    with staged.open("rb+") as file:
        os.fsync(file.fileno())


def _require_unused(target: Path) -> None:
    if is_in_use(target):
        raise Conflict("the data is in use", hint="stop the server, and whatever else works with it, first")


def _require_sound(given: Settings, copy: Path) -> None:
    from registry.store.migrating import revisions  # which takes its time to import

    data = Database(given.resolved_database_url())
    try:
        if places := "the file, which ends within a page" if integrity.is_cut_short(copy) else _damaged(data):
            raise Conflict(f"{copy} is damaged: {places}", hint="the data is as it was; put another copy back")
        if schema.current(data, "data") in revisions("data"):
            schema.upgrade(data, "data")
    finally:
        data.close()


def _damaged(data: Database) -> str:
    try:
        return ", ".join(sorted({fault.where for fault in integrity.damage(data)}))
    except StoreUnavailable as error:
        if not integrity.tells_damage(error):  # the disk is full, or it cannot be read now
            raise
        return "it does not open"


def _without_journals(file: Path) -> None:
    for suffix in JOURNALS:
        file.with_name(file.name + suffix).unlink(missing_ok=True)
