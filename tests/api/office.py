"""An officer's desk for tests of the console: a registry with a system outside, and a browser that has signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.agents import Claim
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import Kind
from registry.flows.dsr import intake
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant

if TYPE_CHECKING:
    from httpx import Response
    from starlette.testclient import TestClient

REQUESTS = "/console/requests"


class Shop:
    """A database outside that may be down, and may have fields that nobody decided about."""

    name = "databases"
    missing: Sequence[tuple[str, str]] = ()
    is_down = False

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        return SystemPlan(self.name, self.run("", kind, people, {}) if not self.is_down else (), self.missing)

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.is_down:
            raise ConnectionError
        return [FieldAccount(self.name, "shop.customers", "email", Disposition.ERASED, 1)]

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return ()

    def undecided(self) -> Sequence[tuple[str, str]]:
        return self.missing

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def close(self) -> None:
        self.missing = ()


class Office:
    """A registry with a system outside, an officer's browser on it, and people who ask."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.shop = SetClock(), Shop()
        self.registry = RegistrySimulator(folder, self.clock)
        self.registry.deployment = replace(self.registry.deployment, linked=(self.shop,))
        self.registry.workspaces._deployment = self.registry.deployment
        self.registry._registry = replace(self.registry._registry, deployment=self.registry.deployment)
        self.tenant: Tenant = self.registry.tenant()
        self.browser: TestClient = self.registry.http()
        self.sign_in()

    def sign_in(self) -> None:
        """A new session, as the officer's key opens one."""
        self.browser.post("/console/sign-in", data={"key": self.tenant.keys.officer})

    def pass_by(self, days: int) -> None:
        """Let days pass; the session ends meanwhile."""
        self.clock.pass_by(days=days)
        self.sign_in()

    def post(self, path: str, **fields: object) -> Response:
        """Send a form, as the page before it would."""
        page = self.browser.get(REQUESTS).text
        found = re.search(r'name="form_token" value="([^"]+)"', page)
        assert found is not None
        return self.browser.post(path, data={"form_token": found.group(1), **fields})

    def asked(self, kind: Kind, person: str, *, verified: bool = True, claim: Claim | None = None) -> StoredRequest:
        """A request that somebody else opened."""
        wish = intake.Wish(kind, Identifier("user_id", person), claim=claim)
        given = self.registry.deployment, self.tenant.workspace
        request, _ = intake.take(*given, wish, actor="person:noor", owner="person:noor")
        if verified:
            self.post(f"{REQUESTS}/{text_id(request.request_id)}/verify")
        return request

    def page_of(self, request: StoredRequest) -> str:
        """The page of a request."""
        return self.browser.get(f"{REQUESTS}/{text_id(request.request_id)}").text
