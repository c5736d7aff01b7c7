"""A certificate with the proof that it stands in the audit log: made by the server, checked with the keys alone.

certificate   the JWT
entry         the canonical bytes of the log's entry on its being issued, which has the JWT's hash
position      where the entry stands: right after the entries whose root the certificate states
inclusion     RFC 6962 audit path of the entry in the log of the checkpoint
consistency   RFC 6962 proof that this log extends the one that the certificate states
checkpoint    the log's signed size and root; an auditor who keeps it has bound the whole log to it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from registry.audit.checkpoint import Checkpoint, parse_checkpoint
from registry.audit.entry import AuditAction, Entry
from registry.audit.tree import leaf_hash, verify_consistency, verify_inclusion
from registry.dsr.certificate import CERTIFICATE_TYPE
from registry.flows.accountability import verify
from registry.flows.accountability.certifying import digest_of
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys.notes import verify_note
from registry.keys.signing import invalid, public_keys, verify_jwt
from registry.model.errors import InvalidInput, NotFound, SignatureInvalid
from registry.store import audit_log

FORMAT = 1
MEMBERS = frozenset({"format", "certificate", "entry", "position", "inclusion", "consistency", "checkpoint"})


class Proven(NamedTuple):
    """What a checked proof establishes: the certificate's claims, and where in which log it stands."""

    claims: dict[str, Any]
    position: int
    checkpoint: Checkpoint


def prove(deployment: Deployment, workspace: OpenWorkspace, token: str) -> dict[str, Any]:
    """The certificate with its proof, as `schemas/proven-certificate.schema.json` says.

    Raises:
        SignatureInvalid: the certificate is not one of this workspace.
        NotFound: the audit log has no entry on its being issued.
    """
    claims: dict[str, Any] = verify_jwt(token, workspace.jwks(), CERTIFICATE_TYPE)
    position = int(claims["audit"]["size"])
    note = verify.checkpoint(deployment, workspace)
    size = verify.opened(workspace, note).size
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = audit_log.entries(transaction, workspace.workspace_id, position, 1)
    if not found or not _is_of(found[0][1], token, claims):
        raise NotFound("the audit log has no entry on this certificate where it states it")
    return {
        "format": FORMAT,
        "certificate": token,
        "entry": found[0][1].decode(),
        "position": position,
        "inclusion": verify.inclusion(deployment, workspace, position, size),
        "consistency": verify.consistency(deployment, workspace, position, size),
        "checkpoint": note,
    }


def check(stated: Mapping[str, Any], jwks: Mapping[str, object]) -> Proven:
    """What a proven certificate establishes, checked offline with the published keys.

    Raises:
        SignatureInvalid: a signature does not verify, or the proof does not lead from the certificate to
            the checkpoint; `extra["failure"]` says which.
    """
    if stated.get("format") != FORMAT:
        raise invalid("the proof is of a form that is not known here", "malformed")
    if not MEMBERS.issuperset(stated):
        raise invalid("the proof has members that nobody signed", "malformed")
    try:
        token, entry = str(stated["certificate"]), str(stated["entry"]).encode()
        position = stated["position"]
        inclusion = [bytes.fromhex(digest) for digest in stated["inclusion"]]
        consistency = [bytes.fromhex(digest) for digest in stated["consistency"]]
        note = str(stated["checkpoint"])
    except (KeyError, TypeError, ValueError):
        raise invalid("the proof is malformed", "malformed") from None
    claims: dict[str, Any] = verify_jwt(token, jwks, CERTIFICATE_TYPE)
    if not _is_of(entry, token, claims):
        raise invalid("the log's entry is not on this certificate", "other-entry")
    audit = claims["audit"]
    if position != audit["size"] or isinstance(position, bool):
        raise invalid("the entry does not stand where the certificate states", "other-position")
    log = _checkpoint(note, f"registry/{claims['iss']}", jwks)
    if not verify_inclusion(leaf_hash(entry), position, log.size, inclusion, log.root):
        raise invalid("the checkpoint's log does not include the certificate", "not-included")
    if not verify_consistency(position, log.size, bytes.fromhex(audit["root"]), log.root, consistency):
        raise invalid("the checkpoint's log does not extend the one that the certificate states", "not-consistent")
    return Proven(claims, position, log)


def _is_of(data: bytes, token: str, claims: Mapping[str, Any]) -> bool:
    """Whether an entry's bytes are those on this certificate's being issued."""
    try:
        entry = Entry.parse(data)
    except InvalidInput:
        return False
    is_named = entry.fields.get("certificate") == digest_of(token) and entry.fields.get("request") == claims["jti"]
    return entry.action == AuditAction.DSR_CERTIFIED and is_named


def _checkpoint(note: str, origin: str, jwks: Mapping[str, object]) -> Checkpoint:
    for public in public_keys(jwks):
        try:
            stated = parse_checkpoint(verify_note(note, origin, public))
        except SignatureInvalid as error:
            if error.extra.get("failure") != "unknown-key":
                raise
            continue
        except InvalidInput:
            raise invalid("the signed note is no checkpoint", "malformed") from None
        if stated.origin != origin:
            raise invalid("the checkpoint is of another log", "other-log")
        return stated
    raise invalid("the checkpoint's key is not in the JWK set", "unknown-key")
