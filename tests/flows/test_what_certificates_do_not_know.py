"""A certificate's page, and a plan's, say nothing was there only of what was looked through."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest

from registry.connectors.opendsr import NO_SUCH_TYPE, STATED, TABLE
from registry.dsr.accounting import (
    ELSEWHERE,
    EVERY_FIELD,
    MENTIONED,
    TOLD,
    WHOLE,
    Disposition,
    FieldAccount,
    stands_without_rows,
)
from registry.dsr.plan import RequestPlan, SystemPlan
from registry.dsr.requests import Kind
from registry.flows.accountability import certificate_page, proven
from registry.flows.dsr import going_without, lifecycle
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from registry.pages.planned import planned
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant

OFFICER = "person:officer"
EMPTY = re.compile("Looked through and empty of this person: (.*?)\\.</p>", re.DOTALL)


class Processor(Mailer):
    """A system that states that it erased, and tells no counts."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "processor"

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        return SystemPlan(self.name, [FieldAccount(self.name, TABLE, EVERY_FIELD, Disposition.ERASED, 0, STATED)])

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        return self.plan(kind, people).accounts


@pytest.fixture
def mailer(tenant: Tenant) -> Iterator[Mailer]:
    """A system that is down, beside one that only states what it did, and one that had nothing of the person."""
    before, down, shop = tenant.registry.deployment.linked, Mailer(), Mailer()
    down.is_down, shop.name = True, "shop"
    connect(tenant.registry, shop, Processor(), down)
    tenant.send(identify("ada", email="ada@example.com"))
    yield down
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def test_of_what_was_not_reached_and_of_what_is_only_stated_no_page_says_that_nothing_was_there(
    tenant: Tenant, mailer: Mailer
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    going_without.override(deployment, workspace, request.request_id, mailer.name, reason="shut down", actor=OFFICER)
    done = lifecycle.run(deployment, workspace, request.request_id, actor=OFFICER)
    stated = proven.prove(deployment, workspace, done.certificate or "")
    page = html.unescape(certificate_page.render(stated, proven.check(stated, workspace.jwks())))
    [empty] = EMPTY.findall(page)
    assert "shop records" in empty
    assert mailer.name not in empty and "processor" not in empty
    assert "It does not speak of what mailer may hold" in page
    assert f"not reached; decided by {OFFICER}: shut down" in page and STATED in page


def test_who_approves_reads_that_a_processor_cannot_be_asked() -> None:
    told = FieldAccount("processor", TABLE, EVERY_FIELD, Disposition.RETAINED, 0, NO_SUCH_TYPE)
    nothing = FieldAccount("shop", "orders", "total", Disposition.RETAINED, 0, "bookkeeping")
    found = planned(RequestPlan(Kind.ERASURE, [SystemPlan("processor", [told]), SystemPlan("shop", [nothing])]))
    assert [(one.name, [table.name for table in one.tables], one.empty) for one in found] == [
        ("processor", [TABLE], 0),
        ("shop", [], 1),
    ]
    assert found[0].tables[0].fields[0].ground == NO_SUCH_TYPE


@pytest.mark.parametrize("words", [f"legal hold: claim; {WHOLE}", f"{MENTIONED} (3)", f"{ELSEWHERE} (3)", f"{TOLD} it"])
def test_grounds_that_speak_of_what_no_rows_are_counted_of(words: str) -> None:
    assert stands_without_rows("retained", "address", words)
    assert not stands_without_rows("retained", "address", "bookkeeping")
    assert not stands_without_rows("erased", "address", None)
