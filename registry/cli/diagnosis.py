"""What `registry doctor` looks at: each finding says what it is, what was found, why it matters, how to mend it."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from registry import bootstrap, reviewed
from registry.bootstrap import Registry
from registry.flows.accountability import verify as proofs
from registry.flows.dsr import escalation, lifecycle
from registry.flows.dsr import soundness as requests_soundness
from registry.flows.upkeep import ageing, rotation, soundness
from registry.flows.upkeep.pairing import pair
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import RegistryError
from registry.model.ids import text_id
from registry.settings import Settings
from registry.store import administration, integrity, schema, versions
from registry.store.database import Database

ENOUGH_DISK = 512 * 1024 * 1024
HOLDERS = {"dsr_request": "request", "retained_item": "case", "quarantine": "message"}
"""What the id of a damaged place is the id of, where that is no fragment."""
PRIVATE_FILES = ("kek.json", "registry.db", "keys.db")


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    good: bool
    found: str
    why: str
    mend: str = ""


def diagnose(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """Look at everything, from the folder to the audit log; what cannot be looked at is a finding.

    Args:
        deep: also open everything that is sealed, which takes as long as reading all of it.
    """
    findings = [*_folder(settings), *_files(settings), *_policies(settings), *_databases(settings)]
    if any(not finding.good and finding.what.endswith("database") for finding in findings):
        return findings
    try:
        registry = bootstrap.connect(settings)
    except RegistryError as error:
        return [*findings, _bad("registry", error, "without it nothing can be served")]
    try:
        findings += _key_service(registry)
        findings += _workspaces(registry, deep=deep)
    finally:
        registry.close()
    return findings


def _bad(what: str, error: RegistryError, why: str) -> Finding:
    return Finding(what, False, error.detail, why, error.hint or "")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder, why = settings.data_dir, "it holds the databases and the key file"
    if not folder.is_dir():
        yield Finding("data folder", False, f"{folder} does not exist", why, "run: registry init")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    private = not mode & 0o077
    why = "others on this machine could copy databases and keys"
    yield Finding("data folder", private, f"{folder}, mode {mode:o}", why, "" if private else f"chmod 700 {folder}")
    writable = os.access(folder, os.W_OK | os.X_OK)
    mend = "" if writable else f"give this user {folder}"
    yield Finding("folder writable", writable, "yes" if writable else "no", "a database writes beside its file", mend)
    free = shutil.disk_usage(folder).free
    enough = free > ENOUGH_DISK
    mend = "" if enough else "free some space, or move the folder"
    yield Finding("disk", enough, f"{free // 1024**2} MiB free", "a full disk stops every commit", mend)


def _files(settings: Settings) -> Iterator[Finding]:
    why = "whoever reads the key file and a copy of the databases can open everything"
    for path in (settings.data_dir / name for name in PRIVATE_FILES):
        if not path.exists():
            continue  # another key service or database; what misses it says so itself
        mode = stat.S_IMODE(path.stat().st_mode)
        private = not mode & 0o077
        mend = "" if private else f"chmod 600 {path}, and find out who has read it"
        yield Finding(path.name, private, f"mode {mode:o}", why, mend)


def _policies(settings: Settings) -> Iterator[Finding]:
    why = "without valid policies nothing is allowed"
    try:
        held = reviewed.load_policies(settings.policies)
    except RegistryError as error:
        yield _bad("policies", error, why)
        return
    if all(name in held.purposes.purposes for name in held.identity.join_requires):
        found = f"{len(held.purposes.purposes)} purposes, version {held.purposes.version}"
        yield Finding("policies", True, found, why)
    else:
        found = "identity.yaml: join_requires names no purpose of purposes.yaml"
        yield Finding("policies", False, found, "no anonymous history could ever join a person", "mend identity.yaml")


def _databases(settings: Settings) -> Iterator[Finding]:
    urls: list[tuple[versions.Role, str]] = [
        ("data", settings.resolved_database_url()),
        ("keystore", settings.resolved_keystore_url()),
    ]
    why = "an event is acknowledged only after it was written here"
    for role, url in urls:
        what = f"{role} database"
        try:
            yield from _database(role, Database(url), why)
        except RegistryError as error:
            yield _bad(what, error, why)


def _database(role: versions.Role, database: Database, why: str) -> Iterator[Finding]:
    try:
        if database.file is not None and not database.file.exists():
            found = f"{_shown(database.file)} does not exist"
            yield Finding(f"{role} database", False, found, why, "run: registry init")
            return
        faults = integrity.damage(database)
        for table, lines in _by_table(faults).items():
            mend = "keep this file, restore a backup of it, and find out what wrote to the disk"
            yield Finding(f"pages of {table} ({role})", False, lines, "what lies on them may be lost", mend)
        schema.require_current(database, role)
        schema.require_writable(database, role)
        yield Finding(f"{role} database", True, f"writable, schema revision {versions.HEADS[role]}", why)
    finally:
        database.close()


def _by_table(faults: list[integrity.Damage]) -> dict[str, str]:
    """How many faults each table has, and on which pages."""
    pages: dict[str, set[int]] = {}
    for fault in faults:
        pages.setdefault(fault.where, set()).update([fault.page] if fault.page is not None else [])
    counts = Counter(fault.where for fault in faults)
    return {
        where: f"{counts[where]} faults" + (f", pages {', '.join(map(str, sorted(on)))}" if on else "")
        for where, on in pages.items()
    }


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _key_service(registry: Registry) -> Iterator[Finding]:
    why = "without it nothing can be opened or sealed"
    try:
        registry.deployment.kms.check()
        yield Finding("key service", True, registry.deployment.kms.scheme, why)
    except RegistryError as error:
        yield _bad("key service", error, why)


def _workspaces(registry: Registry, *, deep: bool) -> Iterator[Finding]:
    with registry.deployment.data.directory() as transaction:
        known = administration.workspaces(transaction)
    if not known:
        yield Finding("workspace", False, "there is none", "everything belongs to one", "run: registry init")
    for row in known:
        why = "a keystore of other data opens nothing"
        try:
            opened = registry.workspaces.open(row.workspace_id)
            status = rotation.status(registry.deployment, row.workspace_id)
            bundles = sum(generation.bundles for generation in status.generations)
            found = f"{bundles} bundles, {len(status.generations)} generations"
            yield Finding(f"keys of {row.name}", True, found, why)
            yield _ages(registry, opened, status)
            yield from _pairs(registry, opened)
            yield from _requests(registry, opened)
            if deep:
                yield _values(registry, opened)
            why = "a log that was changed proves nothing"
            faults = proofs.log(registry.deployment, opened, [])
        except RegistryError as error:
            yield _bad(f"keys of {row.name}", error, why)
            continue
        found = "; ".join(fault.detail for fault in faults) or "whole and in order"
        mend = "restore a backup, and find out who changed it" if faults else ""
        yield Finding(f"audit log of {row.name}", not faults, found, why, mend)


def _ages(registry: Registry, opened: OpenWorkspace, status: rotation.KeyStatus) -> Finding:
    """Whether a key is older than the policy lets it become."""
    agenda = ageing.agenda(registry.deployment, status)
    late = [due for due in agenda if due.at <= registry.deployment.clock()]
    names = ", ".join(f"{due.what} {due.generation}" if due.generation is not None else due.what for due in late)
    mend = "look at registry keys status, then: registry keys rotate, or registry keys destroy" if late else ""
    why = "a key that leaked unnoticed opens what comes until it is rotated; an old one, what was erased"
    return Finding(
        f"ages of keys of {opened.name}", not late, f"overdue: {names}" if late else "within policy", why, mend
    )


def _pairs(registry: Registry, opened: OpenWorkspace) -> Iterator[Finding]:
    """Whether each person has keys, and each key a person."""
    found = pair(registry.deployment, opened.workspace_id)
    why = "what has no key can never be opened again"
    mend = "restore the keystore that belongs to this data" if found.unopenable else ""
    text = f"{found.unopenable} fragments without keys"
    yield Finding(f"data of {opened.name}", not found.unopenable, text, why, mend)
    why = "they were erased: data of before was put back, or their erasure was interrupted"
    again = "start the server; where older data was put back, stop it first, and run: registry db replay-erasures"
    mend = again if found.unfinished else ""
    text = f"{found.unfinished} fragments of the erased"
    yield Finding(f"erasures of {opened.name}", not found.unfinished, text, why, mend)
    why = "a crash between two commits leaves them; they open nothing"
    yield Finding(f"unused keys of {opened.name}", True, str(found.unused_keys), why)


def _values(registry: Registry, opened: OpenWorkspace) -> Finding:
    """Whether everything that is sealed opens."""
    places = (soundness.unopenable, requests_soundness.unopenable)
    found = [one for look in places for one in look(registry.deployment, opened.workspace_id)]
    why = "what does not open is as good as lost, and is left out of every view and package"
    if not found:
        return Finding(f"sealed values of {opened.name}", True, "all open", why)
    named = ((one, HOLDERS.get(one.table, "fragment")) for one in found[:20])
    shown = "; ".join(f"{one.values} of {one.table}, {what} {text_id(one.fragment_id)}" for one, what in named)
    more = f"; and {len(found) - 20} more" if len(found) > 20 else ""
    mend = "restore a backup of what is damaged, or of its keys"
    return Finding(f"sealed values of {opened.name}", False, shown + more, why, mend)


def _requests(registry: Registry, opened: OpenWorkspace) -> Iterator[Finding]:
    waiting = [text_id(row.request_id) for row in lifecycle.unfinished(registry.deployment, opened)]
    why = "a person waits for an answer, and a deadline runs"
    mend = f"start the server, or run: registry dsr run {waiting[0]}" if waiting else ""
    yield Finding(f"requests of {opened.name}", not waiting, f"{len(waiting)} interrupted", why, mend)
    gone = escalation.without_law(registry.deployment, opened)
    found = ", ".join(f"{count} under {name}, which left the policy" for name, count in sorted(gone.items()))
    why = "without its law a deadline stands as it was told: nothing pauses it, and nothing puts it off"
    mend = "put the law back into jurisdictions.yaml until they have ended" if gone else ""
    yield Finding(f"laws of {opened.name}", not gone, found or "each open request has its own", why, mend)
