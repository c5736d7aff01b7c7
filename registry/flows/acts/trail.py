"""The audit trail: one entry per act, appended inside the act's own transaction.

Whom an entry is about stands in the leaf as a salted commitment only; the salt and the fragment lie
beside the log under the person's key, so that erasing people leaves every proof valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.audit.entry import Entry
from registry.audit.tree import Frontier, leaf_hash
from registry.flows.keyring import Keyring
from registry.keys.commitment import commit, new_salt
from registry.keys.envelope import record_aad, seal
from registry.model.clock import Micros
from registry.model.compartment import Compartment
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import AuditDetail
from registry.store import audit_log
from registry.store.database import Transaction

TRAIL = Compartment("@audit")
"""The reserved compartment of what the audit log says of a person."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom an entry is about."""

    keyring: Keyring
    workspace_id: WorkspaceId
    fragment_id: FragmentId


def append(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    at: Micros,
    *,
    actor: str,
    action: str,
    outcome: str,
    fields: Mapping[str, int | str] | None = None,
    about: About | None = None,
) -> int:
    """Append an entry; its position in the log.

    Args:
        actor: a kind and a name, e.g. `app:shop frontend`; never a data subject.
        action: a word of `registry.audit.entry.AuditAction`.
        fields: counts and names of ours; nothing personal.
    """
    salt = new_salt() if about is not None else b""
    commitment = commit(salt, about.fragment_id).hex() if about is not None else None
    entry = Entry(at, actor, action, outcome, commitment, dict(fields or {})).canonical()
    size, frontier = audit_log.lock_head(transaction, workspace_id)
    grown, completed = Frontier.decode(size, frontier).append(leaf_hash(entry))
    audit_log.append(transaction, workspace_id, size, entry, completed, grown.encode())
    if about is not None:
        bundles = about.keyring.for_sealing(workspace_id, {about.fragment_id: (TRAIL,)})
        aad = record_aad(b"audit", workspace_id, about.fragment_id, size.to_bytes(8, "big"), b"salt")
        sealed = seal(bundles[about.fragment_id].key(TRAIL), salt, aad)
        audit_log.add_details(transaction, [AuditDetail(workspace_id, size, about.fragment_id, sealed)])
    return size
