"""What a flow works with: the adapters that bootstrap picked, the policies, the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.access.key_ages import KeyPolicy
from registry.access.logins import Login
from registry.access.policy import AccessPolicy
from registry.connectors.issuer import IssuerKeys
from registry.connectors.mail import Mailer
from registry.connectors.outgoing import Outgoing
from registry.consent.purposes import PurposeCatalogue
from registry.consent.receipt import Controller
from registry.dsr.deadlines import Jurisdictions
from registry.dsr.notification import Notices
from registry.dsr.plan import LinkedSystem
from registry.dsr.retention import Retention
from registry.dsr.verification import Verification
from registry.flows.keyring import Keyring
from registry.identity.rules import IdentityRules
from registry.keys.certificates import CertifiedChain
from registry.keys.kms import KeyProvider
from registry.model.clock import Clock
from registry.plans.compile import CompiledPlan
from registry.profiles.conditions import ComputedPolicy
from registry.profiles.trust import TrustPolicy
from registry.store.database import Database


@dataclass(frozen=True, slots=True)
class Policies:
    """What is allowed, as read from the reviewed files and checked."""

    purposes: PurposeCatalogue
    identity: IdentityRules
    trust: TrustPolicy
    access: AccessPolicy
    jurisdictions: Jurisdictions
    incidents: Notices
    retention: Retention
    keys: KeyPolicy
    computed: ComputedPolicy
    verification: Verification


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer of login tokens: what it is trusted for, and the keys that it publishes."""

    login: Login
    keys: IssuerKeys


@dataclass(frozen=True, slots=True)
class Deployment:
    """One running registry.

    Attributes:
        data: the data database.
        keystore: the database of wrapped keys.
        kms: the key service.
        keyring: opened data keys, for seconds.
        new_id: makes a UUIDv7 as 16 bytes (RFC 9562): ids sort by the time of their making.
        controller: who answers for the processing, as receipts and certificates say.
        linked: the systems outside that hold records of people too, in the order in which requests reach them.
        mailer: what takes letters to people and officers.
        officers: mailboxes of officers, who are told of deadlines.
        outgoing: what sends to addresses outside.
        logins: the company's own logins, which say who a person is.
        public_url: where people and systems outside reach the server, without a slash at its end, if that is known.
        opendsr: the certificate, issued by an authority, that OpenDSR answers are signed with; else one of our own.
        compiled: compiled plans by workspace, name and version; published plans never change.
    """

    data: Database
    keystore: Database
    kms: KeyProvider
    keyring: Keyring
    policies: Policies
    clock: Clock
    new_id: Callable[[], bytes]
    controller: Controller
    jurisdiction: str
    mailer: Mailer
    officers: Sequence[str] = ()
    outgoing: Outgoing = field(default_factory=Outgoing)
    linked: Sequence[LinkedSystem] = ()
    logins: Sequence[Issuer] = ()
    public_url: str | None = None
    opendsr: CertifiedChain | None = None
    compiled: dict[tuple[bytes, str, str], CompiledPlan] = field(default_factory=dict)
