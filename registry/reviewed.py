"""The files that people review: policies, plans, and descriptions of what is connected.

The caller's own where there is one, and what ships with registry elsewhere; each is held against its schema.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from registry.access.key_ages import KeyPolicy
from registry.access.policy import AccessPolicy
from registry.consent.purposes import PurposeCatalogue
from registry.documents import Document, check, parse
from registry.dsr.deadlines import Jurisdictions
from registry.dsr.notification import Notices
from registry.dsr.retention import Retention
from registry.dsr.verification import Verification
from registry.flows.deployment import Policies
from registry.identity.rules import IdentityRules
from registry.model.errors import DocumentInvalid, SettingInvalid
from registry.profiles.conditions import ComputedPolicy
from registry.profiles.trust import TrustPolicy

POLICY_NAMES = (
    "purposes", "identity", "trust", "access", "jurisdictions", "incidents", "retention", "computed", "keys",
    "verification",
)  # fmt: skip


@cache
def shipped(folder: str, name: str) -> Document:
    """A document that ships with registry, read once.

    Raises:
        SettingInvalid: the installation lacks it.
    """
    return parse(_shipped_text(folder, name), file=f"{folder}/{name}")


@cache
def shipped_schema(name: str) -> dict[str, Any]:
    """A JSON Schema that ships with registry, read once; where its parts stand matters to nobody.

    Raises:
        SettingInvalid: the installation lacks it.
    """
    value: dict[str, Any] = json.loads(_shipped_text("schemas", name))
    return value


def _shipped_text(folder: str, name: str) -> str:
    """The text of a file in the wheel, or in the checkout that registry is run from."""
    for root in (resources.files("registry") / "defaults", Path(__file__).parent.parent):
        file = root / folder / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise SettingInvalid(f"this installation lacks {folder}/{name}", hint="install registry again")


def load_policies(folder: Path | None) -> Policies:
    """Every policy: the workspace's own file where the folder has one, the shipped one elsewhere.

    Raises:
        DocumentInvalid: with every fault of every file.
        SettingInvalid: the folder or a file in it cannot be read.
    """
    documents: dict[str, Document] = {}
    faults: list[dict[str, object]] = []
    for name in POLICY_NAMES:
        try:
            documents[name] = policy(folder, name)
        except DocumentInvalid as error:
            faults += error.faults
    if faults:
        raise DocumentInvalid(faults)
    purposes = PurposeCatalogue.from_document(documents["purposes"])
    stock = folder is not None and not (folder / "access.yaml").exists()
    theirs = folder is not None and not (folder / "computed.yaml").exists()
    return Policies(
        purposes=purposes,
        identity=IdentityRules.from_document(documents["identity"]),
        trust=TrustPolicy.from_document(documents["trust"]),
        access=AccessPolicy.from_document(documents["access"], purposes.purposes, of_another=stock),
        jurisdictions=Jurisdictions.from_document(documents["jurisdictions"]),
        incidents=Notices.from_document(documents["incidents"]),
        retention=Retention.from_document(documents["retention"]),
        keys=KeyPolicy.from_document(documents["keys"]),
        verification=Verification.from_document(documents["verification"]),
        computed=ComputedPolicy.from_document(documents["computed"], purposes.purposes, of_another=theirs),
    )


def policy(folder: Path | None, name: str) -> Document:
    """One policy: the file that the folder has, or the shipped one.

    Raises:
        DocumentInvalid: with every fault of it.
        SettingInvalid: the folder or the file cannot be read.
    """
    if folder is not None and not folder.is_dir():
        raise SettingInvalid(f"the policy folder {folder} does not exist", pointer="policies")
    own = folder / f"{name}.yaml" if folder is not None else None
    document = read_document(own) if own is not None and own.exists() else shipped("policies", f"{name}.yaml")
    check(document, shipped_schema(f"policies/{name}.schema.json"))
    return document


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of tracking plans."""
    return shipped_schema("tracking-plan.schema.json")


def conforming(path: Path, schema: str) -> Document:
    """A file of the caller's that conforms to its schema.

    Args:
        schema: the schema's name, without its ending.

    Raises:
        SettingInvalid: it cannot be read.
        DocumentInvalid: it does not conform.
    """
    document = read_document(path)
    check(document, shipped_schema(f"{schema}.schema.json"))
    return document


def read_document(path: Path) -> Document:
    """A policy or plan file of the caller's.

    Raises:
        SettingInvalid: it cannot be read.
        DocumentInvalid: it is not YAML or JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingInvalid(f"{path} cannot be read: {reason}", hint="check the path and its permissions") from None
    return parse(text, file=str(path))
