"""A no of the person's own, and an objection, stand until an act of the person's own, whatever is said beside."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from registry.consent.records import ConsentStatus
from registry.consent.signals.spoken import Spoken
from registry.flows.access import preferences
from registry.flows.consent import ledger, signalled
from registry.flows.consent.ledger import Act, append_acts
from registry.flows.identity import subjects
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import Delivery
from registry.model.clock import DAY, SECOND, rfc3339
from registry.model.errors import InvalidInput
from registry.store import identities, quarantine
from registry.store.database import Transaction
from registry.store.rows import query
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.simulator import Tenant

ADA, MAIL = ("user_id", "ada"), ("email", "ada@shop.example")
YES, NO = consent(Advertising=True), consent(Advertising=False)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def save(tenant: Tenant, person: tuple[str, str] = ADA, **choices: bool) -> list[str]:
    made = preferences.choose(
        tenant.registry.deployment, tenant.workspace, tenant.person(*person), choices, language="en", channel="page"
    )
    return [row.status for row, _ in made]


def reason(tenant: Tenant, person: tuple[str, str] = ADA, purpose: str = "marketing") -> str:
    return tenant.check(*person, purpose).reason.value


def banner_says_yes(tenant: Tenant, clock: SetClock, by: str) -> None:
    clock.pass_by(seconds=1)
    if by == "event":
        tenant.send(ordered("ada", context=YES))
    else:
        person = tenant.person(*ADA)
        spoken = Spoken({"marketing": True}, frozenset())
        signalled.record_signals(tenant.registry.deployment, tenant.workspace, person, spoken, actor="app:banner")


def until_somebody_waits(tenant: Tenant, transaction: Transaction, other: Future[object]) -> None:
    """On SQLite whoever writes second waits from the beginning."""
    until = time.monotonic() + 20
    while not (tenant.registry.deployment.data.is_sqlite or query(transaction, WAITING)[0][0]):
        assert not other.done() and time.monotonic() < until


@pytest.mark.parametrize("by", ["event", "handed over"])
def test_a_no_on_the_page_after_a_banner_s_is_the_person_s_own(tenant: Tenant, clock: SetClock, by: str) -> None:
    tenant.send(ordered("ada", context=NO))
    clock.pass_by(seconds=1)
    assert save(tenant, marketing=False) == ["denied"]
    assert save(tenant, marketing=False) == []
    banner_says_yes(tenant, clock, by)
    assert reason(tenant) == "denied"


def test_a_no_on_the_page_stays_with_whoever_is_parted_from_another_who_refused(
    tenant: Tenant, clock: SetClock
) -> None:
    tenant.say(*ADA, "security", "objected")
    tenant.send(identify(None, "browser", email=MAIL[1]))
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", email=MAIL[1]))
    assert save(tenant, MAIL, security=False) == ["objected"]
    clock.pass_by(seconds=1)
    tenant.keep_apart(ADA, MAIL)
    assert reason(tenant, MAIL, "security") == "objected"


@pytest.mark.parametrize("by", ["event", "browser", "handed over", "page"])
def test_a_no_said_again_after_another_s_yes_stays_when_who_refused_between_is_parted(
    tenant: Tenant, clock: SetClock, by: str
) -> None:
    def refuse() -> None:
        clock.pass_by(seconds=1)
        if by == "handed over":
            person, no = tenant.person(*ADA), Spoken({"marketing": False})
            signalled.record_signals(tenant.registry.deployment, tenant.workspace, person, no, actor="app:banner")
        elif by == "page":
            save(tenant, marketing=False)
        else:
            tenant.send(ordered("ada", context=NO) if by == "event" else ordered("ada"), opted_out=by == "browser")

    tenant.send(identify("ada", "browser", email=MAIL[1]))
    refuse()
    clock.pass_by(seconds=1)
    tenant.say(*MAIL, "marketing", "granted")
    clock.pass_by(seconds=1)
    tenant.say("anonymous_id", "browser", "marketing", "objected")
    refuse()
    tenant.keep_apart(ADA, ("anonymous_id", "browser"))
    assert not tenant.check(*ADA, "marketing").allowed


@pytest.mark.parametrize("by", ["event", "handed over"])
def test_a_banner_s_no_after_it_makes_the_person_s_own_no_less(tenant: Tenant, clock: SetClock, by: str) -> None:
    """The telephone call of before the banner's no is recorded after it."""
    called_at = clock.now
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada", context=NO))
    tenant.say(*ADA, "marketing", "denied", acted_at=called_at, channel="phone")
    banner_says_yes(tenant, clock, by)
    assert reason(tenant) == "denied"
    tenant.say(*ADA, "marketing", "granted")
    clock.pass_by(seconds=1)
    tenant.send(ordered("ada", context=NO))
    banner_says_yes(tenant, clock, by)
    assert reason(tenant) == "granted"


@pytest.mark.parametrize("in_one_batch", [False, True])
def test_a_browser_s_objection_that_comes_late_is_not_lifted_by_a_banner_s_yes(
    tenant: Tenant, clock: SetClock, in_one_batch: bool
) -> None:
    tenant.send(identify("ada"))
    before = clock.now
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada", context=YES))
    assert reason(tenant) == "granted"
    clock.pass_by(seconds=60)
    late = [ordered("ada", timestamp=rfc3339(before + n * SECOND)) for n in range(1, 4)]
    for batch in [late] if in_one_batch else [[call] for call in late]:
        tenant.send(*batch, opted_out=True)
    assert reason(tenant) == "objected"
    sql = "SELECT count(*) FROM consent_record WHERE workspace_id = ? AND status = 'objected'"
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] == 2
    banner_says_yes(tenant, clock, "event")
    assert reason(tenant) == "objected"


def test_an_event_s_yes_that_is_taken_in_beside_a_no_does_not_lift_it(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada"))
    clock.pass_by(seconds=1)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    with ThreadPoolExecutor(1) as beside:
        with deployment.data.write(tenant.workspace_id) as transaction:
            subjects.hold(workspace, transaction)
            [fragment] = subjects.fragments_of(workspace, transaction, tenant.person(*ADA))
            no = Act("marketing", ConsentStatus.DENIED)
            append_acts(deployment, workspace, transaction, fragment, [no], actor="app:shop")
            clock.pass_by(seconds=1)
            other = beside.submit(lambda: tenant.send(ordered("ada", context=YES)))
            until_somebody_waits(tenant, transaction, other)
        assert other.result(20).counts == {"accepted": 1}
    assert reason(tenant) == "denied"


@pytest.mark.parametrize("known", [True, False])
def test_a_page_that_is_saved_beside_a_no_does_not_lift_it(tenant: Tenant, clock: SetClock, known: bool) -> None:
    """It had not been recorded when the page was shown, nor when it was sent."""
    if known:
        tenant.send(identify("ada"))
    clock.pass_by(seconds=1)
    deployment, workspace, ada = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)

    def saved() -> object:
        said: dict[str, bool] = {"marketing": True}
        return preferences.choose(
            deployment, workspace, ada, said, language="en", channel="page", seen={"marketing": None}
        )

    with ThreadPoolExecutor(1) as beside:
        with deployment.data.write(tenant.workspace_id) as transaction:
            subjects.hold(workspace, transaction)
            fragment = subjects.find_or_create(deployment, workspace, transaction, ada)
            no = Act("marketing", ConsentStatus.DENIED, channel="phone")
            append_acts(deployment, workspace, transaction, fragment, [no], actor="app:shop")
            clock.pass_by(seconds=1)
            other = beside.submit(saved)
            until_somebody_waits(tenant, transaction, other)
            time.sleep(0.2)  # on SQLite nothing shows that it has come as far
        assert other.result(20) == []
    assert reason(tenant) == "denied"


def test_a_yes_on_the_page_after_a_banner_s_is_the_person_s_own(tenant: Tenant, clock: SetClock) -> None:
    """The telephone call, and the browser's objection, of before it are recorded after it."""
    called_at = clock.now
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada", context=YES))
    clock.pass_by(seconds=1)
    assert save(tenant, marketing=True) == ["granted"]
    assert save(tenant, marketing=True) == []
    tenant.say(*ADA, "marketing", "denied", acted_at=called_at, channel="phone")
    tenant.send(ordered("ada", timestamp=rfc3339(called_at)), opted_out=True)
    assert reason(tenant) == "granted"


def test_what_a_person_said_is_not_taken_for_a_signal_s(tenant: Tenant) -> None:
    with pytest.raises(InvalidInput, match="channel"):
        tenant.say(*ADA, "marketing", "denied", channel="message")
    assert reason(tenant) == "unknown_subject"


@pytest.mark.parametrize("before", [None, False, True], ids=["nothing", "a banner's no", "a banner's yes"])
@pytest.mark.parametrize("by", ["event", "handed over"])
def test_a_no_that_is_imported_is_the_person_s_own(
    tenant: Tenant, clock: SetClock, by: str, before: bool | None
) -> None:
    """What they told the shop years ago, whatever a banner on its page has said since."""
    asked_on = clock.now - 400 * DAY
    if before is not None:
        tenant.send(ordered("ada", context=YES if before else NO))
        clock.pass_by(seconds=1)
    shop = replace(tenant.source, row=tenant.source.row._replace(method="imported"))
    row = identify("ada", context=NO, timestamp=rfc3339(asked_on))
    for call in (row, row | {"messageId": "the row of another file"}):
        pipeline.ingest(tenant.registry.deployment, tenant.workspace, [Delivery(shop, [call], clock.now)])
    history = ledger.history(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA))
    told = [one for one in history if one.purpose == "marketing"]
    assert [one.acted_at for one in told if one.channel == "import"][:1] == [asked_on]
    assert len(told) == {None: 1, False: 2, True: 3}[before]
    assert {one.channel for one in history if one.purpose == "analytics"} == {"message"}, "nobody asked about it"
    banner_says_yes(tenant, clock, by)
    assert not tenant.check(*ADA, "marketing").allowed
    assert save(tenant, marketing=True) == ["granted"]
    assert reason(tenant) == "granted"


@pytest.mark.parametrize("by", ["record", "signal"])
def test_a_record_beside_an_erasure_or_a_sweep_waits_in_their_order(tenant: Tenant, by: str) -> None:
    """They let nobody be suppressed first, and change who is who then: the other way round each waits for the other."""
    tenant.send(identify("ada"))
    deployment, workspace, person = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)

    def write() -> None:
        if by == "record":
            tenant.say(*ADA, "marketing", "denied")
        else:
            spoken = Spoken({"marketing": False}, frozenset())
            signalled.record_signals(deployment, workspace, person, spoken, actor="app:banner")

    with ThreadPoolExecutor(1) as beside:
        with deployment.data.write(tenant.workspace_id) as transaction:
            quarantine.hold_suppressions(transaction, tenant.workspace_id, exclusive=True)
            other = beside.submit(write)
            until_somebody_waits(tenant, transaction, other)
            identities.lock(transaction, tenant.workspace_id)
        other.result(20)
    assert reason(tenant) == "denied"


@pytest.mark.parametrize("by", ["act", "browser"])
def test_a_no_that_comes_late_behind_several_yeses_counted_after_each_of_them(
    tenant: Tenant, clock: SetClock, by: str
) -> None:
    """What held between two of them is asked about later."""
    tenant.send(identify("ada"))
    called_at = clock()
    clock.pass_by(seconds=60)
    for context in (YES, NO, YES):
        tenant.send(ordered("ada", context=context))
        clock.pass_by(seconds=60)
    if by == "act":
        tenant.say(*ADA, "marketing", "objected", acted_at=called_at, channel="phone")
    else:
        tenant.send(ordered("ada", timestamp=rfc3339(called_at)), opted_out=True)
    for second in range(0, 240, 15):
        at = called_at + (second + 1) * SECOND
        assert not tenant.check(*ADA, "marketing", at=at).allowed, second
    assert reason(tenant) == "objected"


def test_it_counted_until_the_person_s_own_yes(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada"))
    called_at = clock()
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada", context=YES))
    clock.pass_by(seconds=60)
    tenant.say(*ADA, "marketing", "granted")
    clock.pass_by(seconds=60)
    tenant.say(*ADA, "marketing", "objected", acted_at=called_at, channel="phone")
    assert tenant.check(*ADA, "marketing", at=called_at + 90 * SECOND).reason == "objected"
    assert reason(tenant) == "granted"
