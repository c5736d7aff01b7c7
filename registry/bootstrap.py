"""The composition root: the only place that reads settings and picks adapters."""

from __future__ import annotations

import gc
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import uuid_utils

from registry import reviewed
from registry.access.policy import PrincipalKind
from registry.connectors.configured import described, linked_systems
from registry.connectors.mail import open_mailer
from registry.connectors.opendsr import OpenDsrProcessor, Signed
from registry.connectors.outgoing import Outgoing
from registry.connectors.processors import processors_of
from registry.connectors.watched import Watched, close_all
from registry.dsr.plan import LinkedSystem
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.consent.boards import Boards
from registry.flows.consent.decided import DecisionLog
from registry.flows.deployment import Deployment
from registry.flows.identity.login import issuers_of
from registry.flows.ingest.queue import Intake
from registry.flows.keyring import Keyring
from registry.flows.workspace import Workspaces, create_workspace
from registry.identity.rules import IdentityRules
from registry.keys.certificates import PinnedCertificate
from registry.keys.providers import open_provider
from registry.model.clock import Micros, to_datetime
from registry.model.errors import NotInitialised, SettingInvalid
from registry.model.ids import text_id
from registry.settings import Settings
from registry.store import administration, schema, versions
from registry.store.database import Database

if TYPE_CHECKING:
    from registry.api.application import Application

DEFAULT_PLAN = "plans/ecommerce.yaml"
FIRST_SOURCE = "shop"

PRIVATE_DIRECTORY = 0o700

GC_THRESHOLDS = (200_000, 20, 20)
"""A batch of events allocates some 100,000 objects that die together, by reference counts: looking for
cycles among them every 700 allocations, as Python does by default, costs a third of ingest's time."""

SWITCH_S = 0.0005
"""How long a thread that works may keep others from going on: a sweep, or a board that is loaded. With Python's 5 ms
a check that asks the database, which lets go at each statement, waited for most of 10 ms meanwhile."""


class Initialised(NamedTuple):
    """What `registry init` made; the keys are shown once."""

    workspace: str
    admin_key: str
    app_key: str
    write_key: str
    source: str


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that is ready: its deployment and its workspaces."""

    settings: Settings
    deployment: Deployment
    workspaces: Workspaces

    def application(self) -> Application:
        """The server's state, with the threads that write started."""
        from registry.api.application import Application, Limits

        settings = self.settings
        limits = Limits(
            event_bytes=settings.max_event_bytes,
            batch_bytes=settings.max_batch_bytes,
            import_bytes=settings.max_import_bytes,
            batch_events=settings.max_batch_events,
        )
        writers = 1 if self.deployment.data.is_sqlite else 2
        intake = Intake(self.deployment, self.workspaces, writers=writers)
        decisions = DecisionLog(self.deployment, settings.log_decisions)
        boards = Boards(self.deployment, settings.people_in_memory)
        return Application(
            self.deployment, self.workspaces, intake, limits, reviewed.plan_schema(), decisions, boards,
            settings.spaces_api, self.deployment.public_url,
        )  # fmt: skip

    def server(self) -> Any:
        """The ASGI application, with this process tuned to serve it."""
        from registry.api.app import create_app
        from registry.pages.app import add_pages
        from registry.pages.site import Site, templates

        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_S)
        origins = [origin.strip() for origin in self.settings.cors_origins.split(",") if origin.strip()]
        app = create_app(self.application(), cors_origins=origins)
        add_pages(app, Site(self.deployment, self.workspaces, templates()))
        return app

    def close(self) -> None:
        """Forget every key and close the databases."""
        self.deployment.keyring.forget()
        self.deployment.outgoing.close()
        close_all(self.deployment.linked)
        self.deployment.data.close()
        self.deployment.keystore.close()


def now() -> Micros:
    """The system's time."""
    return time.time_ns() // 1_000


def new_id() -> bytes:
    """A UUIDv7 (RFC 9562) as bytes."""
    return bytes(uuid_utils.uuid7().bytes)


def connect(settings: Settings, *, require_schema: bool = True) -> Registry:
    """Put a registry together from its settings.

    Raises:
        SettingInvalid, DocumentInvalid: a setting or a policy file is wrong.
        NotInitialised, SchemaMismatch, StoreUnavailable: the databases cannot be used as they are.
        KeyFileInsecure, KmsUnavailable: neither can the key service.
    """
    policies = reviewed.load_policies(settings.policies)
    _require_two_databases(settings)
    data, keystore = Database(settings.resolved_database_url()), Database(settings.resolved_keystore_url())
    for database in (data, keystore):
        if require_schema and database.file is not None and not database.file.exists():
            raise NotInitialised(f"there is no registry at {database.file.parent}", hint="run: registry init")
    if require_schema:
        schema.require_current(data, "data")
        schema.require_current(keystore, "keystore")
    kms = open_provider(settings.resolved_kms_url(), clock=now)
    outgoing = Outgoing(settings.plain_hosts)
    deployment = Deployment(
        data=data,
        keystore=keystore,
        kms=kms,
        keyring=Keyring(keystore, kms, now),
        policies=policies,
        clock=now,
        new_id=new_id,
        controller=settings.stated_controller(),
        jurisdiction=policies.jurisdictions.usual(settings.jurisdiction),
        outgoing=outgoing,
        mailer=open_mailer(settings.resolved_mail_url(), settings.mail_from),
        officers=tuple(filter(None, map(str.strip, (settings.officers_mail or "").split(",")))),
        linked=Watched(settings.connectors, partial(connected, settings), processors(settings, outgoing)),
        logins=issuers_of(reviewed.conforming(settings.logins, "logins"), policies.identity, outgoing, now)
        if settings.logins is not None
        else (),
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
        opendsr=settings.opendsr_chain(to_datetime(now())),
    )
    return Registry(settings, deployment, Workspaces(deployment))


def initialise(settings: Settings, *, name: str = "default") -> Initialised:
    """Make a new registry: folder, databases, KEK, workspace, first plan, source and keys.

    Raises:
        Conflict: there is one already.
    """
    prepare(settings)
    registry = connect(settings)
    try:
        return _first_workspace(registry.deployment, name)
    finally:
        registry.close()


def is_initialised(settings: Settings) -> bool:
    """Whether there is a workspace already."""
    data = Database(settings.resolved_database_url())
    try:
        if data.file is not None and not data.file.exists():
            return False
        if schema.current(data, "data") is None:
            return False
        with data.directory() as transaction:
            return bool(administration.workspaces(transaction))
    finally:
        data.close()


def prepare(settings: Settings) -> None:
    """Make the data folder, private to this user, and bring both schemas up to date."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
    except OSError as error:
        raise SettingInvalid(
            f"the data folder {settings.data_dir} cannot be made: {error.strerror}", pointer="data_dir"
        ) from None
    upgrade(settings)


def upgrade(settings: Settings) -> dict[str, str]:
    """Bring both databases' schemas up to date; the revision of each afterwards."""
    _require_two_databases(settings)
    revisions: dict[str, str] = {}
    urls: list[tuple[versions.Role, str]] = [
        ("data", settings.resolved_database_url()),
        ("keystore", settings.resolved_keystore_url()),
    ]
    for role, url in urls:
        database = Database(url)
        try:
            schema.upgrade(database, role)
            if database.file is not None:
                os.chmod(database.file, 0o600)
            revisions[role] = versions.HEADS[role]
        finally:
            database.close()
    return revisions


def _require_two_databases(settings: Settings) -> None:
    if settings.resolved_database_url() == settings.resolved_keystore_url():
        raise SettingInvalid(
            "the data and the keystore are to be two databases: whoever has a backup of both can open everything",
            hint="name another database in REGISTRY_KEYSTORE_URL",
            pointer="keystore_url",
        )


def _first_workspace(deployment: Deployment, name: str) -> Initialised:
    workspace_id = create_workspace(deployment, name)
    document = reviewed.shipped("schemas", DEFAULT_PLAN)
    published = plans.publish(deployment, workspace_id, document, actor="operator")
    source = credentials.create_source(
        deployment, workspace_id, name=FIRST_SOURCE, plan=published.name, version=published.version,
        violations="block", actor="operator",
    )  # fmt: skip
    admin = credentials.create_key(
        deployment, workspace_id, kind=PrincipalKind.PERSON, role="admin", name="first admin",
        purposes=frozenset(deployment.policies.purposes.purposes), actor="operator",
    )  # fmt: skip
    app = credentials.create_key(
        deployment, workspace_id, kind=PrincipalKind.APP, role="app", name="first app",
        purposes=frozenset({"service"}), actor="operator",
    )  # fmt: skip
    return Initialised(text_id(workspace_id), admin.secret, app.secret, source.secret, FIRST_SOURCE)


def connected(settings: Settings) -> list[LinkedSystem]:
    """The databases, services and own connectors that the settings name.

    Raises:
        SettingInvalid, DocumentInvalid, InvalidInput: a description, or what it names, is wrong.
    """
    documents = described(settings.connectors, reviewed.read_document, reviewed.shipped_schema)
    rules = IdentityRules.from_document(reviewed.policy(settings.policies, "identity"))
    return linked_systems(documents, os.environ, Outgoing(settings.plain_hosts), rules)


def processors(settings: Settings, outgoing: Outgoing) -> list[OpenDsrProcessor]:
    """The OpenDSR processors of the file that the settings name; none without one.

    Raises:
        SettingInvalid, DocumentInvalid, InvalidInput: the file, or what it names, is wrong.
    """
    if settings.processors is None:
        return []
    document = reviewed.conforming(settings.processors, "processors")

    def pin(pem: bytes) -> Signed:
        pinned = PinnedCertificate.read(pem)
        return lambda domain, body, signature: pinned.signed(domain, body, signature, to_datetime(now()))

    folder, url = settings.processors.parent, settings.public_url
    return processors_of(document, folder, os.environ, pin=pin, outgoing=outgoing, public_url=url)
