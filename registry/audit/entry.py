"""What an audit entry says: who did what, when, with what outcome, and never about whom in the clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from registry.model.canonical import canonical
from registry.model.clock import Micros
from registry.model.errors import InvalidInput

FORMAT = 1

_MEMBERS: Mapping[str, tuple[type, ...]] = {
    "format": (int,),
    "at": (int,),
    "actor": (str,),
    "action": (str,),
    "outcome": (str,),
    "subject": (str, type(None)),
    "fields": (dict,),
}


class AuditAction(StrEnum):
    """Every act that is recorded, as `subject:noun:verb`."""

    WORKSPACE_CREATED = "workspace:created"
    SOURCE_CREATED = "source:created"
    SOURCE_BOUND = "source:plan:bound"
    KEY_CREATED = "key:api:created"
    KEY_REVOKED = "key:api:revoked"
    SIGNING_KEY_ROTATED = "key:signing:rotated"
    INDEX_KEY_ROTATED = "key:index:rotated"
    INDEX_MOVED = "key:index:moved"
    ACCOUNT_CREATED = "account:created"
    ACCOUNT_CHANGED = "account:changed"
    SESSION_OPENED = "session:opened"
    SESSION_REFUSED = "session:refused"
    SESSION_CLOSED = "session:closed"
    PLAN_PUBLISHED = "plan:version:published"
    EVENTS_INGESTED = "events:batch:ingested"
    TRAITS_RECOUNTED = "profile:traits:recounted"
    IMPORT_BEGUN = "import:rows:begun"
    IMPORT_FINISHED = "import:rows:finished"
    QUARANTINE_REPLAYED = "quarantine:messages:replayed"
    TRAFFIC_CHECKED = "plans:traffic:checked"
    TRAFFIC_INVENTORIED = "plans:traffic:inventoried"
    PLAN_INFERRED = "plans:plan:inferred"
    CONSENT_APPENDED = "consent:record:appended"
    CONSENT_LISTED = "consent:people:listed"
    DECISION_MADE = "consent:decision:made"
    DECISIONS_LOST = "consent:decisions:lost"
    PREFERENCE_LINK_MADE = "preferences:link:made"
    PREFERENCE_HISTORY_SHOWN = "preferences:history:shown"
    COMPARTMENTS_LOCKED = "consent:compartments:locked"
    WEBHOOK_CREATED = "webhook:subscription:created"
    WEBHOOK_CHANGED = "webhook:subscription:changed"
    IDENTIFIERS_SENT = "webhook:identifiers:sent"
    DESTINATION_CREATED = "destination:created"
    DESTINATION_CHANGED = "destination:changed"
    DESTINATION_SENT = "destination:events:sent"
    DESTINATION_TOLD = "destination:erasure:told"
    RETENTION_SWEPT = "retention:data:swept"
    PEOPLE_FORGOTTEN = "retention:people:forgotten"
    PROFILE_READ = "profile:view:read"
    PROFILE_MERGED = "profile:fragments:merged"
    PROFILE_UNMERGED = "profile:fragments:unmerged"
    ERASURES_REPLAYED = "backup:erasures:replayed"
    BREACH_ASSESSED = "census:breach:assessed"
    DSR_OPENED = "dsr:request:opened"
    DSR_MOVED = "dsr:request:moved"
    DSR_KEYS_SHREDDED = "dsr:keys:shredded"
    DSR_ROWS_ERASED = "dsr:rows:erased"
    DSR_CORRECTED = "dsr:traits:corrected"
    DSR_EXPORTED = "dsr:package:written"
    DSR_PACKAGE_LINKED = "dsr:package:linked"
    DSR_PACKAGE_FETCHED = "dsr:package:fetched"
    HOLD_PLACED = "hold:data:placed"
    HOLD_RELEASED = "hold:data:released"
    RETAINED_SET_ASIDE = "dsr:retained:set_aside"
    RETAINED_READ = "dsr:retained:read"
    RETAINED_ERASED = "dsr:retained:erased"
    RETAINED_OVERRIDDEN = "dsr:retained:overridden"
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
            InvalidInput: the bytes are not those of an entry, or not its canonical ones.
        """
        try:
            value = orjson.loads(data)
        except ValueError:
            raise InvalidInput("these bytes are not an audit entry") from None
        # Two spellings of one entry would be two leaves, and keys that stand twice two readings of one.
        if not _is_entry(value) or canonical(value) != data:
            raise InvalidInput("these bytes are not an audit entry")
        return cls(value["at"], value["actor"], value["action"], value["outcome"], value["subject"], value["fields"])


def _is_entry(value: Any) -> bool:
    """Whether a JSON value has the members of an entry, each of its type (`schemas/audit-entry.schema.json`)."""
    if not isinstance(value, dict) or value.keys() != _MEMBERS.keys():
        return False
    if value["format"] != FORMAT or any(type(value[name]) not in kinds for name, kinds in _MEMBERS.items()):
        return False
    return all(type(content) in (int, str) for content in value["fields"].values())
