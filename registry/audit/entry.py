"""What an audit entry says: who did what, when, with what outcome, and never about whom in the clear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.model.canonical import canonical
from registry.model.clock import Micros
from registry.model.errors import InvalidInput

FORMAT = 1


class AuditAction(StrEnum):
    """Every act that is recorded, as `subject:noun:verb`."""

    WORKSPACE_CREATED = "workspace:created"
    SOURCE_CREATED = "source:created"
    KEY_CREATED = "key:api:created"
    KEY_REVOKED = "key:api:revoked"
    PLAN_PUBLISHED = "plan:version:published"
    EVENTS_INGESTED = "events:batch:ingested"
    QUARANTINE_REPLAYED = "quarantine:messages:replayed"
    CONSENT_APPENDED = "consent:record:appended"
    PROFILE_READ = "profile:view:read"
    PROFILE_UNMERGED = "profile:fragments:unmerged"
    ERASURES_REPLAYED = "backup:erasures:replayed"
    DSR_OPENED = "dsr:request:opened"
    DSR_MOVED = "dsr:request:moved"
    DSR_KEYS_SHREDDED = "dsr:keys:shredded"
    DSR_ROWS_ERASED = "dsr:rows:erased"
    DSR_CORRECTED = "dsr:traits:corrected"
    DSR_EXPORTED = "dsr:package:written"
    DSR_CERTIFIED = "dsr:certificate:issued"


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of the log.

    Attributes:
        actor: a kind and a name, `app:…`, `person:…`, `source:…` or `operator`.
        subject_commitment: hex of a salted commitment to the person it was about, if any.
        fields: counts and names of ours.
    """

    at: Micros
    actor: str
    action: str
    outcome: str
    subject_commitment: str | None = None
    fields: Mapping[str, int | str] = field(default_factory=dict)

    def canonical(self) -> bytes:
        """The bytes that are hashed: canonical JSON.

        Raises:
            InvalidInput: the action is none of `AuditAction`.
        """
        if self.action not in list(AuditAction):
            raise InvalidInput("there is no such audit action")
        return canonical(
            {
                "format": FORMAT,
                "at": self.at,
                "actor": self.actor,
                "action": self.action,
                "outcome": self.outcome,
                "subject": self.subject_commitment,
                "fields": dict(self.fields),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Entry:
        """The entry of its canonical bytes.

        Raises:
            InvalidInput: the bytes are not those of an entry.
        """
        try:
            value = json.loads(data)
            return cls(
                value["at"], value["actor"], value["action"], value["outcome"], value["subject"], value["fields"]
            )
        except (ValueError, KeyError, TypeError):
            raise InvalidInput("these bytes are not an audit entry") from None
