"""What the routes share: the deployment, its workspaces, the intake, and who is calling."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from registry.access.policy import Action, Principal
from registry.api.hashers import Hashers
from registry.api.looks import Looks, Turn
from registry.api.pace import Pace
from registry.flows.access.credentials import principal_of, source_of
from registry.flows.consent.boards import Boards
from registry.flows.consent.decided import DecisionLog, Noted
from registry.flows.consent.remembered import Remembered
from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import BoundSource
from registry.flows.ingest.queue import Intake
from registry.flows.workspace import OpenWorkspace, Workspaces
from registry.model.clock import SECOND, Micros
from registry.model.errors import Unauthenticated
from registry.store import schema

CREDENTIAL_FOR: Micros = 2 * SECOND
"""How long a credential that was looked up is used again: the bound on how long a revoked one works."""

CACHE_SIZE = 10_000

OWN_PAGE_A_MINUTE = 60
"""How often one person's page may ask one server process in a minute."""


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold, in bytes and events."""

    event_bytes: int
    batch_bytes: int
    import_bytes: int
    batch_events: int


class Answer(NamedTuple):
    """An answer to a consent check that may be given again: the body, what counts it, and what is logged of it."""

    content: bytes
    counter: Counter
    noted: Noted | None


@dataclass(slots=True)
class Application:
    """One server's state; handed to every route as `request.app.state.registry`.

    `stopping` once the server waits for the answers under way: one that has no end must come to one.
    """

    deployment: Deployment
    workspaces: Workspaces
    intake: Intake
    limits: Limits
    plan_schema: Mapping[str, object]
    decisions: DecisionLog
    boards: Boards
    spaces: bool = False
    public_url: str | None = None
    stopping: bool = False
    _principals: dict[str, tuple[Micros, Principal]] = field(default_factory=dict)
    _sources: dict[str, tuple[Micros, BoundSource]] = field(default_factory=dict)
    _schemas_hold_until: Micros = 0
    own_pages: Pace = field(default_factory=lambda: Pace(OWN_PAGE_A_MINUTE))
    looks: Looks = field(default_factory=Looks)
    turn: Turn[int | None] = field(default_factory=Turn)
    hashers: Hashers = field(default_factory=Hashers)
    remembered: Remembered[Answer] = field(default_factory=Remembered)

    def principal(self, request: Request) -> Principal:
        """Who is calling, by the bearer key.

        Raises:
            Unauthenticated: no key, or one that is unknown, expired or revoked.
            SchemaMismatch, StoreUnavailable: nobody is let in.
        """
        return self.known(bearer(request.headers))

    def known(self, secret: str) -> Principal:
        """Whom a key stands for.

        Raises:
            Unauthenticated: it is unknown, expired or revoked.
            SchemaMismatch, StoreUnavailable: nobody is let in.
        """
        found = self.known_lately(secret)
        if found is not None:
            return found
        now = self.deployment.clock()
        self._require_schemas(now)
        principal = principal_of(self.deployment, secret)
        _remember(self._principals, secret, (now + CREDENTIAL_FOR, principal))
        return principal

    def known_lately(self, secret: str) -> Principal | None:
        """Whom a key stands for, if it was looked up a moment ago."""
        found = self._principals.get(secret)
        return found[1] if found is not None and found[0] > self.deployment.clock() else None

    async def awaited(self, find: Callable[..., _T], *arguments: Any) -> _T:
        """What a read of the store gives, for an event loop: PostgreSQL is waited for in a thread, since it may hang.

        Raises:
            Whatever `find` raises.
        """
        if self.deployment.data.is_sqlite:  # which is read in less time than that takes
            return find(*arguments)
        return await run_in_threadpool(find, *arguments)

    def commits(self) -> int | None:
        """The database's number (`Database.commits`) as of this turn of the event loop, in which it is asked once.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        return self.turn.once(self.deployment.data.commits)

    def caller(self, request: Request, action: Action) -> tuple[Principal, OpenWorkspace]:
        """Who is calling, once the access policy has allowed the action, and their workspace.

        Raises:
            Unauthenticated, Forbidden.
        """
        principal = self.principal(request)
        self.deployment.policies.access.require_action(principal, action)
        return principal, self.workspaces.open(principal.workspace_id)

    def source(self, write_key: str | None) -> BoundSource:
        """The source that a write key belongs to.

        Raises:
            Unauthenticated: no key, or an unknown one.
            PlanNotFound: the source is bound to a plan that is not published.
            SchemaMismatch, StoreUnavailable: nothing is taken in.
        """
        if not write_key:
            raise Unauthenticated("no write key: send it as the Basic user, or as writeKey in the body")
        found = self.source_lately(write_key)
        if found is not None:
            return found
        now = self.deployment.clock()
        self._require_schemas(now)
        source = source_of(self.deployment, write_key)
        _remember(self._sources, write_key, (now + CREDENTIAL_FOR, source))
        return source

    def source_lately(self, write_key: str) -> BoundSource | None:
        """The source that a write key belongs to, if it was looked up a moment ago."""
        found = self._sources.get(write_key)
        return found[1] if found is not None and found[0] > self.deployment.clock() else None

    def _require_schemas(self, now: Micros) -> None:
        """A program of another version may have upgraded the databases while this one serves."""
        if self._schemas_hold_until <= now:
            schema.require_current(self.deployment.data, "data")
            schema.require_current(self.deployment.keystore, "keystore")
            self._schemas_hold_until = now + CREDENTIAL_FOR


def of(request: Request) -> Application:
    """The application that a request came to."""
    application = request.app.state.registry
    if not isinstance(application, Application):
        raise TypeError("the server was not put together by create_app")
    return application


def bearer(headers: Mapping[str, str]) -> str:
    """The bearer key of a request (RFC 6750).

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated("no bearer key", hint="send Authorization: Bearer KEY")
    return secret.strip()


def basic_user(headers: Mapping[str, str]) -> str | None:
    """The user of Basic authentication (RFC 7617): where analytics SDKs put the write key."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=False).decode("utf-8")
    except ValueError:  # no ASCII, no base64, no UTF-8
        return None
    return decoded.partition(":")[0] or None


def _remember(cache: dict[str, _T], key: str, value: _T) -> None:
    if len(cache) >= CACHE_SIZE:
        cache.clear()
    cache[key] = value
