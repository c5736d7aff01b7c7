"""Proofs: the signed checkpoint, inclusion and consistency, the whole log, and signed documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.audit.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from registry.audit.tree import Frontier, NodeAt, consistency_path, inclusion_path
from registry.audit.verification import LogFault, verify_log
from registry.dsr.certificate import CERTIFICATE_TYPE
from registry.flows.consent.ledger import RECEIPT_TYPE
from registry.flows.consent.tokens import DECISION_TYPE
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys.notes import sign_note, verify_note
from registry.keys.signing import invalid, verify_jwt
from registry.model.errors import InvalidInput, SignatureInvalid
from registry.model.ids import text_id
from registry.store import audit_log
from registry.store.database import Transaction

DOCUMENT_TYPES = (CERTIFICATE_TYPE, RECEIPT_TYPE, DECISION_TYPE)


def origin(workspace: OpenWorkspace) -> str:
    """The log's name, as its checkpoints state it."""
    return f"registry/{text_id(workspace.workspace_id)}"


def checkpoint(deployment: Deployment, workspace: OpenWorkspace) -> str:
    """The log's present checkpoint, signed (C2SP tlog-checkpoint): what an auditor keeps."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        size, frontier = audit_log.head(transaction, workspace.workspace_id)
    stated = Checkpoint(origin(workspace), size, Frontier.decode(size, frontier).root())
    return sign_note(workspace.signing, origin(workspace), checkpoint_text(stated))


def inclusion(deployment: Deployment, workspace: OpenWorkspace, position: int, size: int) -> list[str]:
    """The proof, as hex digests, that an entry stands in the log of `size` entries.

    Raises:
        InvalidInput: there is no such entry, or the log is not that long.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        present, _ = audit_log.head(transaction, workspace.workspace_id)
        if not 0 <= position < size <= present:
            raise InvalidInput("the log has no such entry at that size", pointer="/position")
        node = _reader(workspace, transaction)
        return [digest.hex() for digest in inclusion_path(position, size, node)]


def consistency(deployment: Deployment, workspace: OpenWorkspace, old: int, new: int) -> list[str]:
    """The proof, as hex digests, that the log of `new` entries extends that of `old`.

    Raises:
        InvalidInput: the log is not that long.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        present, _ = audit_log.head(transaction, workspace.workspace_id)
        if not 0 <= old <= new <= present:
            raise InvalidInput("the log is not that long", pointer="/size")
        node = _reader(workspace, transaction)
        return [digest.hex() for digest in consistency_path(old, new, node)]


def log(deployment: Deployment, workspace: OpenWorkspace, kept: Iterable[str]) -> list[LogFault]:
    """Every fault of the log against its own head and the checkpoints that an auditor kept.

    Raises:
        SignatureInvalid: a checkpoint was not signed by any key of this workspace.
    """
    checkpoints = [opened(workspace, note) for note in (*kept, checkpoint(deployment, workspace))]
    with deployment.data.read(workspace.workspace_id) as transaction:
        return verify_log(audit_log.stream(transaction, workspace.workspace_id), checkpoints)


def opened(workspace: OpenWorkspace, note: str) -> Checkpoint:
    """A checkpoint whose signature has been checked against the workspace's keys.

    Raises:
        SignatureInvalid: no key of this workspace signed it.
        InvalidInput: it is no checkpoint.
    """
    for key in workspace.verifying:
        try:
            return parse_checkpoint(verify_note(note, origin(workspace), key))
        except SignatureInvalid:
            continue
    raise SignatureInvalid("no key of this workspace signed the checkpoint")


def document(token: str, jwks: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """A signed document's type and claims, checked with the published keys alone.

    Raises:
        SignatureInvalid: it was altered, is of no type of ours, or was signed by another key.
    """
    for kind in DOCUMENT_TYPES:
        try:
            return kind, verify_jwt(token.strip(), jwks, kind)
        except SignatureInvalid as error:
            if error.extra.get("failure") != "wrong-type":  # it is of this type, and says what is wrong with it
                raise
    raise invalid("the token is of no type of ours", "wrong-type")


def _reader(workspace: OpenWorkspace, transaction: Transaction) -> NodeAt:
    return lambda level, position: audit_log.node(transaction, workspace.workspace_id, level, position)
