"""A real registry for tests: real databases, key file and flows, and a clock that the test sets."""

from __future__ import annotations

import base64
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import bootstrap, reviewed
from registry.access.policy import Principal, PrincipalKind
from registry.consent.records import ConsentStatus
from registry.documents import Document
from registry.dsr.requests import Kind, Move
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.consent import checks, ledger
from registry.flows.deployment import Deployment
from registry.flows.dsr import lifecycle
from registry.flows.identity import subjects
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import BoundSource, Delivery
from registry.flows.keyring import Keyring
from registry.flows.opening import open_identifiers
from registry.flows.profiles import read
from registry.flows.stewards import deciding
from registry.flows.workspace import OpenWorkspace, Workspaces, create_workspace
from registry.identity.links import Verdict
from registry.keys.providers import open_provider
from registry.model.compartment import IDENTITY
from registry.model.decision import Decision
from registry.model.errors import NotFound
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, ProfileId, WorkspaceId
from registry.model.message import Identifier
from registry.model.stored import StoredConsent, StoredRequest
from registry.settings import Settings
from registry.store import identities
from registry.store.rows import query

if TYPE_CHECKING:
    from starlette.testclient import TestClient

PURPOSES = ("service", "security", "legal", "analytics", "personalisation", "marketing")
ALL_YES = {"Analytics": True, "Functional": True, "Advertising": True}


class RegistrySimulator:
    """A registry in a folder of the test's own, on SQLite or on the databases given."""

    def __init__(
        self,
        data_dir: Path,
        clock: Callable[[], int],
        *,
        database_url: str | None = None,
        keystore_url: str | None = None,
    ) -> None:
        self.settings = Settings(data_dir=data_dir, database_url=database_url, keystore_url=keystore_url)
        self.clock = clock
        bootstrap.prepare(self.settings)
        self.connect()

    def connect(self) -> None:
        """Open the databases, as a server does when it starts: nothing is in memory yet."""
        registry = bootstrap.connect(self.settings)
        kms = open_provider(self.settings.resolved_kms_url(), clock=self.clock)
        self.deployment: Deployment = replace(
            registry.deployment,
            clock=self.clock,
            kms=kms,
            keyring=Keyring(registry.deployment.keystore, kms, self.clock),
            compiled={},
        )
        self.workspaces = Workspaces(self.deployment)
        self._registry = replace(registry, deployment=self.deployment, workspaces=self.workspaces)

    def close(self) -> None:
        """Close the databases and forget every key."""
        self._registry.close()

    def restart(self) -> None:
        """Close everything and open it again."""
        self.close()
        self.connect()

    def tenant(self, name: str = "default") -> Tenant:
        """A new workspace with the shipped plan, one source, and a key of each kind."""
        return Tenant(self, create_workspace(self.deployment, name))

    def http(self) -> TestClient:
        """The server, driven in process; an unforeseen error is its 500, not an exception."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # starlette asks for the successor of httpx
            from starlette.testclient import TestClient
        return TestClient(self._registry.server(), raise_server_exceptions=False)

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Rows of the data database, as they lie there."""
        with self.deployment.data.owner() as transaction:
            return list(query(transaction, sql, *parameters))

    def key_rows(self, sql: str, *parameters: object) -> list[Any]:
        """Rows of the keystore, as they lie there."""
        with self.deployment.keystore.owner() as transaction:
            return list(query(transaction, sql, *parameters))


@cache
def shipped_plan() -> Document:
    """The e-commerce plan, read once."""
    return reviewed.shipped("schemas", bootstrap.DEFAULT_PLAN)


@dataclass(frozen=True, slots=True)
class Keys:
    """What `Authorization` may hold, by role."""

    admin: str
    officer: str
    app: str
    write: str


class Tenant:
    """One workspace of a simulated registry, and what its people and apps do."""

    def __init__(self, registry: RegistrySimulator, workspace_id: WorkspaceId) -> None:
        self.registry = registry
        self.workspace_id = workspace_id
        deployment = registry.deployment
        plan = plans.publish(deployment, workspace_id, shipped_plan(), actor="operator")
        deployment.compiled[(workspace_id, plan.name, plan.version)] = plan  # compiling it again takes 50 ms
        self.keys = Keys(
            admin=self._key(PrincipalKind.PERSON, "admin", PURPOSES),
            officer=self._key(PrincipalKind.PERSON, "compliance_officer", PURPOSES),
            app=self._key(PrincipalKind.APP, "app", ("service",)),
            write=credentials.create_source(
                deployment, workspace_id, name="shop", plan=plan.name, version=plan.version, actor="operator"
            ).secret,
        )

    def elsewhere(self, registry: RegistrySimulator) -> Tenant:
        """The same workspace, by another process over the same databases."""
        other = object.__new__(Tenant)
        other.registry, other.workspace_id, other.keys = registry, self.workspace_id, self.keys
        return other

    @property
    def workspace(self) -> OpenWorkspace:
        return self.registry.workspaces.open(self.workspace_id)

    @property
    def source(self) -> BoundSource:
        return credentials.source_of(self.registry.deployment, self.keys.write)

    def principal(self, key: str | None = None) -> Principal:
        """Who a key stands for; the admin's, which covers every purpose, when none is given."""
        return credentials.principal_of(self.registry.deployment, key or self.keys.admin)

    def bearer(self, key: str) -> dict[str, str]:
        """The header that a key goes in."""
        return {"authorization": f"Bearer {key}"}

    def basic(self) -> dict[str, str]:
        """The header that SDKs put the write key in."""
        return {"authorization": "Basic " + base64.b64encode(f"{self.keys.write}:".encode()).decode()}

    def send(self, *calls: object, **delivery: Any) -> pipeline.Receipt:
        """Ingest one batch of calls."""
        received_at = delivery.pop("received_at", self.registry.clock())
        sent = Delivery(self.source, calls, received_at, **delivery)
        return pipeline.ingest(self.registry.deployment, self.workspace, [sent])[0]

    def person(self, kind: str, value: str) -> Identifier:
        """A normalised subject reference."""
        return subjects.subject(self.registry.deployment.policies.identity, kind, value)

    def check(self, kind: str, value: str, purpose: str, *, at: int | None = None) -> Decision:
        """The decision for one purpose."""
        return checks.check(self.registry.deployment, self.workspace, self.person(kind, value), purpose, at=at)

    def say(self, kind: str, value: str, purpose: str, status: str, **more: Any) -> StoredConsent:
        """Record an act of consent."""
        act = ledger.Act(purpose, ConsentStatus(status), **more)
        person = self.person(kind, value)
        [(row, _)] = ledger.record(self.registry.deployment, self.workspace, person, [act], actor="app:shop")
        return row

    def lookup(self, kind: str, value: str, purpose: str, key: str | None = None) -> dict[str, Any]:
        """The view of a person for a purpose."""
        who, person = self.principal(key), self.person(kind, value)
        return read.lookup(self.registry.deployment, self.workspace, who, person, purpose)

    def traits(self, kind: str, value: str, purpose: str = "service") -> dict[str, Any]:
        """The traits that a purpose sees, by name."""
        return {trait["trait"]: trait["value"] for trait in self.lookup(kind, value, purpose)["traits"]}

    def timeline(self, kind: str, value: str, purpose: str = "service") -> list[dict[str, Any]]:
        """The first page of a person's events for a purpose, newest first."""
        profile_id = self.profile(kind, value)
        if profile_id is None:
            return []
        deployment, who = self.registry.deployment, self.principal()
        page = read.timeline(deployment, self.workspace, who, profile_id, purpose, limit=200, before=None)
        return page["events"]  # type: ignore[return-value]

    def profile(self, kind: str, value: str) -> ProfileId | None:
        """The profile behind an identifier, None for nobody."""
        person = self.person(kind, value)
        with self.registry.deployment.data.owner() as transaction:
            index = subjects.standing(self.workspace, transaction, [person])[person]
            return identities.profile_of(transaction, self.workspace_id, index)

    def people(self) -> set[frozenset[tuple[str, str]]]:
        """Who is who: the (kind, value) of the identifiers of each profile."""
        deployment = self.registry.deployment
        with deployment.data.owner() as transaction:
            found = query(
                transaction, "SELECT fragment_id, profile_id FROM fragment WHERE workspace_id = ?", self.workspace_id
            )
            profiles = {bytes(fragment): bytes(profile) for fragment, profile in found}
            rows = identities.identifiers_of(transaction, self.workspace_id, profiles)  # type: ignore[arg-type]
        grant = OpenGrant(self.workspace_id, frozenset({IDENTITY}), "test")
        groups: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
        for row, identifier in open_identifiers(deployment, grant, rows)[0]:
            groups[profiles[bytes(row.fragment_id)]].add((identifier.kind, identifier.value))
        return {frozenset(group) for group in groups.values()}

    def keep_apart(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """A steward's word that two identifiers are not one person's."""
        people = [self.person(*reference) for reference in (one, other)]
        deployment, workspace = self.registry.deployment, self.workspace
        profile = self.profile(*one)
        if profile is None or self.profile(*other) is None:
            raise NotFound("nobody is known under this identifier")
        ends = (self.fragment(people[0]), self.fragment(people[1]))
        if profile == self.profile(*other):
            deciding.unmerge(deployment, workspace, profile, ends, Verdict.APART, actor="person:steward")
        else:
            deciding.decide(deployment, workspace, ends, Verdict.APART, actor="person:steward")

    def fragment(self, person: Identifier) -> FragmentId:
        """The fragment that hangs on an identifier."""
        with self.registry.deployment.data.owner() as transaction:
            index = subjects.standing(self.workspace, transaction, [person])[person]
            return identities.fragments_by_index(transaction, self.workspace_id, [index])[index].fragment_id

    def request(self, kind: Kind, person_kind: str, value: str, **details: object) -> StoredRequest:
        """Open, verify and approve a data subject request."""
        deployment, workspace = self.registry.deployment, self.workspace
        person = self.person(person_kind, value)
        opened = lifecycle.open_request(
            deployment, workspace, kind=kind, person=person, actor="person:first", details=details or None
        )
        lifecycle.move_request(deployment, workspace, opened.request_id, Move.VERIFY, actor="person:first")
        return lifecycle.move_request(deployment, workspace, opened.request_id, Move.APPROVE, actor="person:second")

    def run(self, request: StoredRequest) -> StoredRequest:
        """Do what a request asks for."""
        return lifecycle.run(self.registry.deployment, self.workspace, request.request_id, actor="person:second")

    def erase(self, kind: str, value: str) -> StoredRequest:
        """Erase a person by way of a request."""
        return self.run(self.request(Kind.ERASURE, kind, value))

    def _key(self, kind: PrincipalKind, role: str, purposes: tuple[str, ...]) -> str:
        made = credentials.create_key(
            self.registry.deployment, self.workspace_id, kind=kind, role=role, name=f"the {role}",
            purposes=frozenset(purposes), actor="operator",
        )  # fmt: skip
        return made.secret
