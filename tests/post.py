"""A mailer that keeps what it is given: the spool and the SMTP client are tested by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from registry.flows.access import credentials
from registry.flows.deployment import Deployment
from registry.flows.dsr import letters
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import Delivery
from registry.model.errors import LinkedSystemUnavailable
from tests.simulator import Tenant

PUBLIC_URL = "https://registry.example"


@dataclass
class Box:
    """What was sent, as (to, subject, text); `down` is whether the server takes nothing."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    down: bool = False

    def send(self, recipient: str, subject: str, text: str) -> None:
        if self.down:
            raise LinkedSystemUnavailable("the mail server is down")
        self.sent.append((recipient, subject, text))

    @property
    def code(self) -> str:
        """The code of the newest message."""
        return "".join(re.search(r"\b(\d{3}) (\d{3})\b", self.sent[-1][2]).groups())  # type: ignore[union-attr]

    @property
    def link(self) -> str:
        """The token of the newest message's link."""
        return re.search(r"/confirm/(\S+)", self.sent[-1][2]).group(1)  # type: ignore[union-attr]


class Desk:
    """A workspace whose letters arrive in a box."""

    def __init__(self, tenant: Tenant, officers: tuple[str, ...] = ()) -> None:
        self.tenant, self.box = tenant, Box()
        self.deployment: Deployment = replace(
            tenant.registry.deployment, mailer=self.box, public_url=PUBLIC_URL, officers=officers
        )

    def deliver(self) -> int:
        """Send what waits."""
        return letters.send_due(self.deployment, self.tenant.workspace)

    def confirmed_by_newsletter(self, *calls: object) -> None:
        """Calls of a source that has had its addresses confirmed (double opt-in)."""
        tenant = self.tenant
        made = credentials.create_source(
            self.deployment, tenant.workspace_id, name="newsletter", plan="ecommerce", version="1.0.0",
            method="double_opt_in", actor="operator",
        )  # fmt: skip
        source = credentials.source_of(self.deployment, made.secret)
        pipeline.ingest(self.deployment, tenant.workspace, [Delivery(source, calls, tenant.registry.clock())])
