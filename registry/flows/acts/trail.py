"""The audit trail: one entry per act, appended inside the act's own transaction.

Whom an entry is about stands in the leaf as a salted commitment only; the salt and the fragment lie
beside the log under the person's key, so that erasing people leaves every proof valid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.audit.entry import Entry
from registry.audit.tree import Frontier, Node, leaf_hash
from registry.flows.keyring import Keyring
from registry.keys.bundle import Bundle
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


class Act(NamedTuple):
    """One entry to be: as the arguments of `append`, and whom it is about, if anybody."""

    at: Micros
    actor: str
    action: str
    outcome: str
    fields: Mapping[str, int | str]
    fragment_id: FragmentId | None


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
    act = Act(at, actor, action, outcome, fields or {}, about.fragment_id if about is not None else None)
    return append_all(transaction, workspace_id, [act], about.keyring if about is not None else None)


def append_all(
    transaction: Transaction, workspace_id: WorkspaceId, acts: Sequence[Act], keyring: Keyring | None
) -> int:
    """Append many entries at once, in their order; the position of the first.

    Args:
        keyring: seals whom they are about; None where they are about nobody.

    Raises:
        KeyMissing: the erasure of somebody whom they are about was ordered.
    """
    people = {act.fragment_id for act in acts if act.fragment_id is not None}
    size, frontier = audit_log.lock_head(transaction, workspace_id)
    tree = Frontier.decode(size, frontier)
    bundles = keys_for(keyring, workspace_id, people) if keyring is not None and people else {}
    entries: list[bytes] = []
    nodes: list[Node] = []
    details: list[AuditDetail] = []
    for position, act in enumerate(acts, size):
        commitment = None
        if act.fragment_id is not None:
            salt = new_salt()
            commitment = commit(salt, act.fragment_id).hex()
            aad = record_aad(b"audit", workspace_id, act.fragment_id, position.to_bytes(8, "big"), b"salt")
            sealed = seal(bundles[act.fragment_id].key(TRAIL), salt, aad)
            details.append(AuditDetail(workspace_id, position, act.fragment_id, sealed))
        entry = Entry(act.at, act.actor, act.action, act.outcome, commitment, dict(act.fields)).canonical()
        entries.append(entry)
        tree, completed = tree.append(leaf_hash(entry))
        nodes += completed
    audit_log.append(transaction, workspace_id, size, entries, nodes, tree.encode())
    if details:
        audit_log.add_details(transaction, details)
    return size


def keys_for(keyring: Keyring, workspace_id: WorkspaceId, people: Collection[FragmentId]) -> dict[FragmentId, Bundle]:
    """The keys that seal whom entries are about, made where they are missing.

    Raises:
        KeyMissing: the erasure of one of them was ordered.
    """
    return keyring.for_sealing(workspace_id, dict.fromkeys(people, (TRAIL,)))
