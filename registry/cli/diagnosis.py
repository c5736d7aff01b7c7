"""What `registry doctor` looks at: each finding says what it is, what was found, and how to mend it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from typing import NamedTuple

from registry import bootstrap
from registry.bootstrap import Registry
from registry.flows import rotation
from registry.flows import verify as proofs
from registry.model.errors import RegistryError
from registry.settings import Settings
from registry.store import administration, schema, versions
from registry.store.database import Database

ENOUGH_DISK = 512 * 1024 * 1024


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    good: bool
    found: str
    mend: str = ""


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything, from the folder to the audit log; what cannot be looked at is a finding."""
    findings = [*_folder(settings), *_policies(settings), *_schemas(settings)]
    if any(not finding.good and finding.what.endswith("schema") for finding in findings):
        return findings
    try:
        registry = bootstrap.connect(settings)
    except RegistryError as error:
        return [*findings, _bad("registry", error)]
    try:
        findings += _kms(registry)
        findings += _workspaces(registry)
    finally:
        registry.close()
    return findings


def _bad(what: str, error: RegistryError) -> Finding:
    return Finding(what, False, error.detail, error.hint or "")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.is_dir():
        yield Finding("data folder", False, f"{folder} does not exist", "run: registry init")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    private = not mode & 0o077
    yield Finding("data folder", private, f"{folder}, mode {mode:o}", "" if private else f"chmod 700 {folder}")
    writable = os.access(folder, os.W_OK)
    yield Finding("writable", writable, "yes" if writable else "no", "" if writable else f"give this user {folder}")
    free = shutil.disk_usage(folder).free
    enough = free > ENOUGH_DISK
    yield Finding("disk", enough, f"{free // 1024**2} MiB free", "" if enough else "free some space")


def _policies(settings: Settings) -> Iterator[Finding]:
    try:
        held = bootstrap.load_policies(settings.policies)
    except RegistryError as error:
        yield _bad("policies", error)
        return
    unknown = [name for name in held.identity.join_requires if name not in held.purposes.purposes]
    found = f"{len(held.purposes.purposes)} purposes, version {held.purposes.version}"
    if unknown:
        yield Finding("policies", False, "identity.yaml: join_requires names no purpose", "mend identity.yaml")
    else:
        yield Finding("policies", True, found)


def _schemas(settings: Settings) -> Iterator[Finding]:
    urls: list[tuple[versions.Role, str]] = [
        ("data", settings.resolved_database_url()),
        ("keystore", settings.resolved_keystore_url()),
    ]
    for role, url in urls:
        database = Database(url)
        try:
            if database.file is not None and not database.file.exists():
                yield Finding(f"{role} schema", False, f"{database.file} does not exist", "run: registry init")
                continue
            schema.require_current(database, role)
            yield Finding(f"{role} schema", True, f"revision {versions.HEADS[role]}")
        except RegistryError as error:
            yield _bad(f"{role} schema", error)
        finally:
            database.close()


def _kms(registry: Registry) -> Iterator[Finding]:
    try:
        registry.deployment.kms.check()
        yield Finding("key service", True, registry.deployment.kms.scheme)
    except RegistryError as error:
        yield _bad("key service", error)


def _workspaces(registry: Registry) -> Iterator[Finding]:
    deployment = registry.deployment
    with deployment.data.read() as transaction:
        known = administration.workspaces(transaction)
    for row in known:
        try:
            opened = registry.workspaces.open(row.workspace_id)
            status = rotation.status(deployment, row.workspace_id)
            bundles = sum(generation.bundles for generation in status.generations)
            yield Finding(f"keys of {row.name}", True, f"{bundles} bundles, {len(status.generations)} generations")
            faults = proofs.log(deployment, opened, [])
            found = "; ".join(fault.detail for fault in faults) or "whole and in order"
            mend = "" if not faults else "restore a backup, and find out who changed it"
            yield Finding(f"audit log of {row.name}", not faults, found, mend)
        except RegistryError as error:
            yield _bad(f"keys of {row.name}", error)
