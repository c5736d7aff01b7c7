"""What a package says of a person outside the events: identifiers, traits, consent, and why they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from registry.consent.purposes import Purpose
from registry.flows.accountability.declared import Declared
from registry.flows.consent.checks import matrix
from registry.flows.deployment import Deployment
from registry.flows.dsr.package.redaction import Redactor, is_contact
from registry.flows.ingest.computing import SOURCE
from registry.flows.opening import API_SOURCE, open_assertions, open_identifiers, source_names
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import open_sealed, record_aad
from registry.model.clock import rfc3339
from registry.model.compartment import IDENTITY, purposes_of
from registry.model.decision import Reason
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.message import Identifier
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.profiles.assertion import TraitAssertion
from registry.profiles.computed import State, by_day
from registry.profiles.view import consent_json, provenance_json
from registry.store import consents, destinations, events, identities
from registry.store.database import Transaction

COMPUTED_SOURCE = "computed here"
"""The name of what no source said, but was computed of the person's events."""


@dataclass(frozen=True, slots=True, repr=False)
class Contents:
    """What stands in the package's JSON files, and how much of it did not open."""

    identifiers: list[dict[str, Any]]
    traits: list[dict[str, Any]]
    consents: dict[str, Any]
    purposes: list[dict[str, Any]]
    recipients: list[dict[str, Any]]
    closed: Counter[Reason]

    @property
    def people(self) -> list[Identifier]:
        """Every identifier that opened."""
        return [Identifier(one["kind"], one["value"]) for one in self.identifiers]


def gather(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    grant: OpenGrant,
    fragments: Sequence[Fragment],
    language: str = "en",
) -> Contents:
    """Everything of these fragments but the events, opened; purposes are told in a language, where policy has it."""
    workspace_id = workspace.workspace_id
    ids = [fragment.fragment_id for fragment in fragments]
    names = source_names(transaction, workspace_id)
    traits = open_assertions(deployment, grant, events.assertions(transaction, workspace_id, ids), names)
    identifiers, closed = open_identifiers(deployment, grant, identities.identifiers_of(transaction, workspace_id, ids))
    history = consents.history(transaction, workspace_id, ids)
    states = consents.states(transaction, workspace_id, ids)
    opened = sorted(traits.assertions, key=lambda a: (a.trait, a.provenance.observed_at, a.provenance.source_id))
    return Contents(
        identifiers=[
            {
                "kind": identifier.kind,
                "value": identifier.value,
                "source": names.get(row.source_id, API_SOURCE),
                "first_seen_at": rfc3339(row.first_seen_at),
            }
            for row, identifier in identifiers
        ],
        traits=[_trait(assertion) for assertion in opened],
        consents={
            "now": {name: consent_json(d) for name, d in matrix(deployment, fragments, states).items()},
            "states": [_state(row) for row in states],
            "history": [_consent(deployment, grant, row, closed) for row in history],
        },
        purposes=[_purpose(purpose, language) for purpose in deployment.policies.purposes.purposes.values()],
        recipients=_recipients(deployment, transaction, workspace, ids),
        closed=traits.withheld + closed,
    )


def own_contacts(contents: Contents, categories: Mapping[str, frozenset[str]]) -> list[Identifier]:
    """The addresses and numbers that stand in the person's own traits, as plans declare them."""
    values = [row["value"] for row in contents.traits if is_contact(categories.get(row["trait"], frozenset()))]
    return [Identifier("email" if "@" in value else "phone", value) for value in values if isinstance(value, str)]


def leave_out(contents: Contents, redactor: Redactor, declared: Declared) -> None:
    """Take others out of traits and evidence of consent."""
    for row in contents.traits:
        if row["trait"] in declared.other_traits:
            row["value"] = redactor.declared()
        elif not is_contact(declared.traits.get(row["trait"], frozenset())):
            row["value"] = redactor.member(row["trait"], row["value"])
        row["trait"] = redactor.value(row["trait"])
    for row in contents.consents["history"]:
        row["evidence"] = redactor.value(row["evidence"])


def _trait(assertion: TraitAssertion) -> dict[str, Any]:
    """One source's word; what was computed here is told by days and in the measure of the values."""
    told = {
        "trait": assertion.trait,
        "value": assertion.value,
        "purposes": sorted(purposes_of(assertion.compartment)),
        **provenance_json(assertion.provenance),
    }
    if assertion.provenance.source_id == SOURCE:
        told |= {"value": by_day(cast(State, assertion.value)), "source": COMPUTED_SOURCE}
    return told


def _purpose(purpose: Purpose, language: str) -> dict[str, Any]:
    title, text = purpose.told_in(language)
    return {
        "purpose": purpose.name,
        "parent": purpose.parent,
        "title": title,
        "text": text,
        "lawful_basis": purpose.basis_in(None).value,
        "categories": sorted(purpose.categories),
        "recipients": sorted(purpose.recipients),
        "retention_days": purpose.retention_days,
        "automated_decision": {
            name: texts.get(language) or texts.get("en") or next(iter(texts.values()))
            for name, texts in (purpose.automated_decision or {}).items()
        }
        or None,
    }


def _recipients(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, ids: Sequence[Any]
) -> list[dict[str, Any]]:
    """Whom policy names for each purpose, and the systems that were in fact sent data of this person, since when."""
    named: dict[str, list[str]] = {}
    for purpose in deployment.policies.purposes.purposes.values():
        for recipient in purpose.recipients:
            named.setdefault(recipient, []).append(purpose.name)
    found: list[dict[str, Any]] = [
        {"recipient": name, "purposes": sorted(purposes), "sent_since": None} for name, purposes in named.items()
    ]
    sent = destinations.sent_to(transaction, workspace.workspace_id, ids)
    return sorted(found, key=lambda one: one["recipient"]) + [
        {"recipient": name, "purposes": [purpose], "sent_since": rfc3339(first_at)} for name, purpose, first_at in sent
    ]


def _state(row: ConsentState) -> dict[str, object]:
    return {
        "purpose": row.purpose,
        "status": row.status,
        "acted_at": rfc3339(row.acted_at),
        "recorded_at": rfc3339(row.recorded_at),
        "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
        "repeated_at": rfc3339(row.repeated_at) if row.repeated_at is not None else None,
    }


def _consent(
    deployment: Deployment, grant: OpenGrant, row: StoredConsent, closed: Counter[Reason]
) -> dict[str, object]:
    return {
        "purpose": row.purpose,
        "purpose_version": row.purpose_version,
        "status": row.status,
        "acted_at": rfc3339(row.acted_at),
        "recorded_at": rfc3339(row.recorded_at),
        "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
        "channel": row.channel,
        "notice_version": row.notice_version,
        "language": row.language,
        "jurisdiction": row.jurisdiction,
        "actor": row.actor.partition(":")[0],
        "source": row.source_name.partition(":")[0] if row.source_name.startswith("person:") else row.source_name,
        "evidence": _evidence(deployment, grant, row, closed),
    }


def _evidence(deployment: Deployment, grant: OpenGrant, row: StoredConsent, closed: Counter[Reason]) -> object | None:
    """What was recorded as proof of an act, opened."""
    if row.sealed is None:
        return None
    aad = record_aad(b"consent", grant.workspace_id, row.fragment_id, row.record_id, b"evidence")
    try:
        bundles = deployment.keyring.for_opening(grant, {row.fragment_id: (IDENTITY,)})
        key = bundles[row.fragment_id].key(IDENTITY)
        return orjson.loads(open_sealed(key, row.sealed, aad, grant, IDENTITY))  # type: ignore[no-any-return]
    except (KeyError, SealBroken):
        closed[Reason.DAMAGED] += 1
        return None
