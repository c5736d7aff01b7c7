"""Principals, actions, and the policy that joins them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, cast

from registry.documents import Document
from registry.model.errors import DocumentInvalid, Forbidden, InvalidInput
from registry.model.ids import WorkspaceId


class PrincipalKind(StrEnum):
    """What kind of caller a key stands for."""

    APP = "app"
    PERSON = "person"


class Action(StrEnum):
    """Everything that the access policy can allow, as `noun:verb`."""

    CONSENT_CHECK = "consent:check"
    CONSENT_LIST = "consent:list"
    CONSENT_RECORD = "consent:record"
    CONSENT_HISTORY = "consent:history"
    PROFILES_READ = "profiles:read"
    PROFILES_EXPLAIN = "profiles:explain"
    PROFILES_MERGE = "profiles:merge"
    DSR_OPEN = "dsr:open"
    DSR_RECEIVE = "dsr:receive"
    """Requests of a controller, by OpenDSR, which vouches for the person."""
    DSR_READ = "dsr:read"
    DSR_VERIFY = "dsr:verify"
    DSR_APPROVE = "dsr:approve"
    DSR_RUN = "dsr:run"
    DSR_EXPORT = "dsr:export"
    HOLDS_READ = "holds:read"
    HOLDS_WRITE = "holds:write"
    HOLDS_OPEN = "holds:open"
    """Opening what is kept for a duty, for that duty's purpose."""
    PLANS_READ = "plans:read"
    PLANS_PUBLISH = "plans:publish"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    VIOLATIONS_READ = "violations:read"
    QUARANTINE_REPLAY = "quarantine:replay"
    TRACES_READ = "traces:read"
    AUDIT_READ = "audit:read"
    DESTINATIONS_READ = "destinations:read"
    DESTINATIONS_WRITE = "destinations:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    POLICIES_READ = "policies:read"
    CENSUS_READ = "census:read"
    """What is held of people, field by field: records of processing, and whom an incident touched."""


FOR_A_PURPOSE = frozenset({Action.PROFILES_READ, Action.CONSENT_LIST})
"""What nobody may do but for a purpose (DESIGN, invariant 4)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `purposes` are those that the key itself was made for, `holder` is whose it was said to be."""

    kind: PrincipalKind
    workspace_id: WorkspaceId
    key_id: bytes
    name: str
    role: str
    purposes: frozenset[str]
    holder: str = ""

    @property
    def owner(self) -> str:
        """Who stands behind the key, for rules that count people: `person:…` or `app:…`.

        Where nobody said whose key it is, its name is taken, without regard to case and white space.
        """
        return self.holder or owner_of(self.kind, self.name)

    @property
    def actor(self) -> str:
        """The principal as the audit log writes it."""
        return f"{self.kind.value}:{self.name}"


def owner_of(kind: PrincipalKind, name: str) -> str:
    """The owner that a name stands for."""
    return f"{kind.value}:{' '.join(name.casefold().split())}"


class Permit(NamedTuple):
    """The policy's answer, and the rule that it rests on."""

    allowed: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Role:
    """What one role may do.

    Attributes:
        actions: what it may do at all.
        purposes: for which purposes it may read; None leaves it to each key's own list.
    """

    actions: frozenset[Action]
    purposes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The roles of a workspace."""

    roles: Mapping[str, Role]

    @classmethod
    def from_document(
        cls, document: Document, purposes: Iterable[str] | None = None, *, of_another: bool = False
    ) -> AccessPolicy:
        """The policy of a document that conforms to `schemas/policies/access.schema.json`.

        Args:
            purposes: those that there are; None looks at no role's purposes.
            of_another: the document was not written for these purposes (the shipped one, beside a catalogue of
                the controller's own): those that are not among them are left out.

        Raises:
            DocumentInvalid: an action, or a purpose, is not one that there is.
        """
        value = cast(Mapping[str, Any], document.value)
        faults = [
            document.fault(f"/roles/{name}/actions/{position}", "there is no such action")
            for name, role in value["roles"].items()
            for position, action in enumerate(role["actions"])
            if action not in list(Action)
        ]
        known = None if purposes is None or of_another else set(purposes)
        faults += [
            document.fault(f"/roles/{name}/purposes/{position}", "there is no such purpose in purposes.yaml")
            for name, role in value["roles"].items()
            for position, purpose in enumerate(role.get("purposes") or ())
            if known is not None and purpose not in known
        ]
        if faults:
            raise DocumentInvalid(faults)
        return cls({name: _role(entry) for name, entry in value["roles"].items()})

    def permit(self, principal: Principal, action: Action, *, purpose: str | None = None) -> Permit:
        """Whether a principal may do something, for a purpose where one is named."""
        has = self.has(principal, action)
        if not has.allowed:
            return has
        role = self.roles[principal.role]
        if purpose is None:
            return Permit(False, f"{action.value} needs a purpose") if action in FOR_A_PURPOSE else has
        if purpose not in principal.purposes:
            return Permit(False, "the key was not made for this purpose")
        if role.purposes is not None and purpose not in role.purposes:
            return Permit(False, f"access.yaml: role {principal.role} does not cover this purpose")
        return Permit(True, f"access.yaml: role {principal.role} and the key cover this purpose")

    def has(self, principal: Principal, action: Action) -> Permit:
        """Whether a principal's role has an action at all; what is for a purpose needs `permit` as well."""
        role = self.roles.get(principal.role)
        if role is None:
            return Permit(False, "access.yaml: the key's role is not in the policy")
        if action not in role.actions:
            return Permit(False, f"access.yaml: role {principal.role} lacks {action.value}")
        return Permit(True, f"access.yaml: role {principal.role} has {action.value}")

    def require_action(self, principal: Principal, action: Action) -> None:
        """Go on only if `has` allows.

        Raises:
            Forbidden: it does not; `extra["rule"]` names the rule.
        """
        role = self.roles.get(principal.role)
        if role is None or action not in role.actions:
            _require(self.has(principal, action))

    def require(self, principal: Principal, action: Action, *, purpose: str | None = None) -> None:
        """Go on only if `permit` allows.

        Raises:
            Forbidden: it does not; `extra["rule"]` names the rule.
        """
        _require(self.permit(principal, action, purpose=purpose))

    def require_role(self, name: str) -> Role:
        """The role of a name.

        Raises:
            InvalidInput: the policy has none of this name.
        """
        if name not in self.roles:
            raise InvalidInput(
                "there is no such role", hint=f"use one of: {', '.join(sorted(self.roles))}", pointer="/role"
            )
        return self.roles[name]


def _require(permit: Permit) -> None:
    if not permit.allowed:
        raise Forbidden(
            f"not allowed: {permit.rule}", hint="ask an admin for a key that covers it", extra={"rule": permit.rule}
        )


def _role(entry: Mapping[str, Any]) -> Role:
    purposes = entry.get("purposes")
    return Role(
        actions=frozenset(Action(action) for action in entry["actions"]),
        purposes=None if purposes is None else frozenset(purposes),
    )
