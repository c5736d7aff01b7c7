"""A letter is tried until it is taken, or for days; it goes once, and nothing of where it went is left."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import intake, letters, lifecycle, mailing
from registry.flows.dsr.intake import Wish
from registry.flows.outgoing.endpoints import ATTEMPTS
from registry.model.clock import DAY
from registry.model.stored import StoredRequest
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.post import Desk
from tests.simulator import RegistrySimulator, Tenant

ADA = "ada@example.com"


@pytest.fixture
def desk(tenant: Tenant) -> Desk:
    made = Desk(tenant)
    made.confirmed_by_newsletter(identify("ada", email=ADA))
    return made


def refused(desk: Desk) -> StoredRequest:
    """A request whose letter is the last thing to happen to it: its person is forgotten with it."""
    wish = Wish(Kind.ACCESS, desk.tenant.person("email", ADA))
    request, _ = intake.take(desk.deployment, desk.tenant.workspace, wish, actor="app:shop")
    given = desk.deployment, desk.tenant.workspace, request.request_id
    desk.deliver()
    desk.box.sent.clear()
    return lifecycle.move_request(*given, Move.REFUSE, actor="person:officer", reason="manifestly excessive")


def last(desk: Desk, request: StoredRequest) -> dict[str, object]:
    return letters.told(desk.deployment, desk.tenant.workspace, request)[-1]


def keys_of(desk: Desk) -> int:
    [(count,)] = desk.tenant.registry.key_rows(
        "SELECT count(*) FROM key_bundle WHERE workspace_id = ?", desk.tenant.workspace_id
    )
    return int(count)


def test_a_letter_waits_for_a_mail_server_that_is_down_and_goes_once(desk: Desk, clock: SetClock) -> None:
    before = keys_of(desk)
    request = refused(desk)
    desk.box.down = True
    assert [desk.deliver(), desk.deliver()] == [0, 0], "not before its time"
    assert (last(desk, request)["outcome"], last(desk, request)["attempts"]) == ("waiting", 1)
    clock.pass_by(days=1)
    assert desk.deliver() == 0
    desk.box.down = False
    assert desk.deliver() == 0
    clock.pass_by(days=1)
    assert [desk.deliver(), desk.deliver()] == [1, 0]
    [(to, _, text)] = desk.box.sent
    assert (to, "manifestly excessive" in text) == (ADA, True)
    assert (last(desk, request)["outcome"], last(desk, request)["attempts"]) == ("sent", 3)
    assert keys_of(desk) == before, "the key of its address is gone, and so is the request's"


def test_a_letter_is_given_up_after_days_of_trying(desk: Desk, clock: SetClock) -> None:
    before, began = keys_of(desk), clock()
    request = refused(desk)
    desk.box.down = True
    for tries in range(1, ATTEMPTS + 1):
        assert last(desk, request)["outcome"] == "waiting"
        desk.deliver()
        assert last(desk, request)["attempts"] == tries
        clock.pass_by(days=1)
    assert last(desk, request)["outcome"] == "given_up"
    assert clock() - began >= 2 * DAY
    desk.box.down = False
    assert desk.deliver() == 0
    assert (desk.box.sent, keys_of(desk)) == ([], before)


def test_no_address_lies_open_while_a_letter_waits(desk: Desk) -> None:
    refused(desk)
    rows = desk.tenant.registry.rows("SELECT * FROM dsr_letter WHERE workspace_id = ?", desk.tenant.workspace_id)
    cells = [bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for row in rows for c in row]
    assert rows
    assert not [cell for cell in cells if ADA.encode() in cell]


@pytest.mark.parametrize(
    ("said", "language", "told"),
    [
        ("the copy cannot be read", "en", "because of this: the copy cannot be read."),
        (None, "en", "because of this: we have to make sure who is asking."),
        (None, "de", "deshalb: wir müssen sicher sein, wer fragt."),
    ],
)
def test_whoever_asked_is_told_why_their_request_waits(desk: Desk, said: str | None, language: str, told: str) -> None:
    wish = Wish(Kind.ACCESS, desk.tenant.person("email", ADA), language=language)
    request, _ = intake.take(desk.deployment, desk.tenant.workspace, wish, actor="app:shop")
    given = desk.deployment, desk.tenant.workspace, request.request_id
    desk.deliver()
    desk.box.sent.clear()
    lifecycle.move_request(*given, Move.PAUSE, actor="person:officer", reason=said)
    assert desk.deliver() == 1
    [(to, _, text)] = desk.box.sent
    assert to == ADA
    assert told in text
    _, events = lifecycle.get(*given)
    [paused] = [orjson.loads(event.details or "{}") for event in events if event.action == "pause"]
    assert paused == {"reason": said or "identity"}


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE, Kind.RESTRICTION])
def test_that_it_is_done_is_written_in_the_language_of_whoever_asked(desk: Desk, kind: Kind) -> None:
    wish = Wish(kind, desk.tenant.person("email", ADA), language="de")
    request, _ = intake.take(desk.deployment, desk.tenant.workspace, wish, actor="app:shop")
    given = desk.deployment, desk.tenant.workspace, request.request_id
    lifecycle.move_request(*given, Move.VERIFY, actor="person:first")
    lifecycle.move_request(*given, Move.APPROVE, actor="person:second")
    desk.deliver()
    lifecycle.run(*given, actor="person:second")
    desk.box.sent.clear()
    desk.deliver()
    assert [(to, said) for to, said, _ in desk.box.sent] == [(ADA, "Ihr Antrag ist beantwortet")]
    if kind is Kind.ACCESS:
        mailing.mail(*given, actor="person:second", days=7, fetches=1)
        desk.deliver()
        assert desk.box.sent[-1][1] == "Ihre Daten liegen bereit"


@pytest.mark.parametrize("systems", [(), (Mailer(),)], ids=["alone", "with a system outside"])
@pytest.mark.parametrize(
    ("by", "to"), [(("user_id", "ada"), {ADA}), (("email", "second@example.com"), {"second@example.com"})]
)
def test_that_an_erasure_is_done_is_written_to_whoever_was_to_be_written_to_before_it(
    registry: RegistrySimulator, systems: tuple[Mailer, ...], by: tuple[str, str], to: set[str]
) -> None:
    tenant = registry.tenant()
    desk = Desk(tenant)
    registry.deployment = desk.deployment = replace(desk.deployment, linked=systems)
    registry.workspaces._deployment = registry.deployment
    desk.confirmed_by_newsletter(identify("ada", email=ADA))
    tenant.send(identify("ada", email="somebody-else@example.com"), identify("ada", email="second@example.com"))
    tenant.erase(*by)
    desk.deliver()
    assert {box for box, _, _ in desk.box.sent} == to


def test_a_letter_whose_addresses_are_damaged_holds_up_no_other(desk: Desk, clock: SetClock) -> None:
    damaged = refused(desk)
    other = Wish(Kind.KNOW, desk.tenant.person("email", "bob@example.com"))
    with desk.deployment.data.write(desk.tenant.workspace_id) as transaction:
        sql = "UPDATE dsr_letter SET sealed = ? WHERE workspace_id = ? AND request_id = ? AND sealed IS NOT NULL"
        assert execute(transaction, sql, b"\1" * 60, desk.tenant.workspace_id, damaged.request_id) == 1
    intake.take(desk.deployment, desk.tenant.workspace, other, actor="app:shop")
    assert desk.deliver() == 1
    assert [to for to, _, _ in desk.box.sent] == ["bob@example.com"]
    assert last(desk, damaged)["outcome"] == "waiting"
    for _ in range(ATTEMPTS):
        clock.pass_by(days=1)
        desk.deliver()
    assert last(desk, damaged)["outcome"] == "given_up"
