"""A no that banners and browsers only repeat counts where a yes of before that comes late."""

from __future__ import annotations

from typing import Any

import pytest

from registry.consent.signals.spoken import Spoken
from registry.flows.consent import explaining, signalled
from registry.flows.ingest import known as knowing
from registry.model.clock import HOUR, SECOND, Micros, rfc3339
from registry.model.stored import ConsentState
from registry.store import consents
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.flows.test_repeated_signals import said
from tests.flows.test_stewardship import merge, unmerge
from tests.simulator import Tenant

ADA, MAIL = ("user_id", "ada"), ("email", "ada@shop.example")
CHANGES = "SELECT count(*) FROM standing_change WHERE workspace_id = ?"
YES, NO = consent(Advertising=True), consent(Advertising=False)


def reason(tenant: Tenant, person: tuple[str, str] = ADA, **more: Any) -> str:
    return tenant.check(*person, "marketing", **more).reason.value


def refuse(tenant: Tenant, by: str) -> None:
    if by == "event":
        tenant.send(ordered("ada", context=NO))
    else:
        spoken = Spoken({"marketing": False})
        signalled.record_signals(
            tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), spoken, actor="app:banner"
        )


def refused_for_two_hours(tenant: Tenant, clock: SetClock, by: str = "event") -> Micros:
    """No at the beginning and no again two hours later: when it began."""
    began = clock()
    refuse(tenant, by)
    clock.pass_by(seconds=7200)
    refuse(tenant, by)
    clock.pass_by(seconds=3600)
    return began


@pytest.mark.parametrize("late", ["event", "act", "import"])
@pytest.mark.parametrize("by", ["event", "handed over"])
def test_a_yes_that_comes_late_does_not_lift_a_no_that_was_repeated(
    tenant: Tenant, clock: SetClock, by: str, late: str
) -> None:
    began = refused_for_two_hours(tenant, clock, by)
    assert [row.status for row in said(tenant)] == ["denied"]
    if late == "act":
        tenant.say(*ADA, "marketing", "granted", acted_at=began + HOUR, channel="phone")
    elif late == "import":
        spoken = Spoken({"marketing": True}, given_by={"marketing": began + HOUR})
        signalled.record_signals(
            tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), spoken, actor="app:banner"
        )
    else:
        tenant.send(ordered("ada", context=YES, timestamp=rfc3339(began + HOUR)))
    assert reason(tenant) == "withdrawn"
    assert reason(tenant, at=began + HOUR + SECOND) == "granted"
    assert reason(tenant, at=began + 2 * HOUR) == "withdrawn"
    assert [(row.status, row.acted_at - began) for row in said(tenant)] == [
        ("denied", 0), ("granted", HOUR), ("withdrawn", 2 * HOUR)
    ]  # fmt: skip
    told = explaining.explain(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), "marketing")
    parts = [part.value for row, part in told.records if row.purpose == "marketing"]
    assert parts == ["superseded", "superseded", "decided"]


def test_a_yes_after_the_last_no_counts_and_what_comes_late_then_lands_at_its_own_time(
    tenant: Tenant, clock: SetClock
) -> None:
    began = refused_for_two_hours(tenant, clock)
    tenant.send(ordered("ada", context=YES))
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada", context=YES, timestamp=rfc3339(began + HOUR)))
    assert reason(tenant) == "granted"
    assert reason(tenant, at=began + 2 * HOUR) == "withdrawn"
    assert len(said(tenant)) == 4


def test_the_no_stays_with_whoever_repeated_it(tenant: Tenant, clock: SetClock) -> None:
    began = refused_for_two_hours(tenant, clock)
    tenant.send(identify(None, "browser", email=MAIL[1]))
    merge(tenant, ADA, MAIL)
    tenant.send(identify(None, "browser", email=MAIL[1], context=YES, timestamp=rfc3339(began + HOUR)))
    assert reason(tenant) != "granted"
    unmerge(tenant, ADA, MAIL)
    assert reason(tenant) == "withdrawn"
    assert reason(tenant, MAIL) == "granted"


@pytest.mark.parametrize(("late_by", "counts"), [(30, True), (300, False)])
def test_a_yes_so_late_that_the_no_may_have_been_repeated_since_waits_for_the_next(
    tenant: Tenant, clock: SetClock, late_by: int, counts: bool
) -> None:
    refuse(tenant, "event")
    clock.pass_by(seconds=300)
    at = clock()
    clock.pass_by(seconds=late_by)
    tenant.send(ordered("ada", context=YES, timestamp=rfc3339(at)))
    assert (reason(tenant) == "granted") is counts
    tenant.send(ordered("ada", context=YES))
    assert reason(tenant) == "granted"


def test_what_waited_together_counts_in_its_order(tenant: Tenant, clock: SetClock) -> None:
    """A telephone without a line sends what was said in its order, hours later."""
    began = clock()
    clock.pass_by(seconds=7200)
    calls = [
        ordered("ada", context=word, timestamp=rfc3339(began + n * 60 * SECOND)) for n, word in enumerate((NO, YES))
    ]
    tenant.send(*calls)
    assert reason(tenant) == "granted"


def test_a_no_that_repeats_itself_is_written_once_in_a_while(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[object]()
    note = knowing.Known.note

    def counted(self: knowing.Known, words: list[ConsentState]) -> None:
        written.extend(word for word in words if word.purpose == "marketing")
        note(self, words)

    monkeypatch.setattr(knowing.Known, "note", counted)
    refuse(tenant, "event")
    changes = tenant.registry.rows(CHANGES, tenant.workspace_id)[0][0]
    for _ in range(60):
        clock.pass_by(seconds=60)
        refuse(tenant, "event")
    assert len(written) == 4
    assert len(said(tenant)) == 1
    assert tenant.registry.rows(CHANGES, tenant.workspace_id)[0][0] == changes, "nobody stands otherwise"
    with tenant.registry.deployment.data.read(tenant.workspace_id) as transaction:
        [fragment] = {row.fragment_id for row in said(tenant)}
        states = consents.states(transaction, tenant.workspace_id, [fragment])
    assert [one.repeated_at for one in states if one.purpose == "marketing"] == [clock()]


def test_of_a_yes_and_a_repeated_no_of_one_moment_the_no_counts(tenant: Tenant, clock: SetClock) -> None:
    began = refused_for_two_hours(tenant, clock)
    tenant.say(*ADA, "marketing", "granted", acted_at=began + 2 * HOUR, channel="phone")
    assert reason(tenant) == "withdrawn"


@pytest.mark.parametrize("channel", ["preferences", "message"])
def test_a_browsers_objection_that_repeats_one_is_no_less_once_a_yes_of_before_comes_late(
    tenant: Tenant, clock: SetClock, channel: str
) -> None:
    """Whoever objected before, by whatever way: a banner's yes does not lift it."""
    began = clock()
    if channel == "message":
        tenant.send(ordered("ada"), opted_out=True)
    else:
        tenant.say(*ADA, "marketing", "objected", channel=channel)
    clock.pass_by(seconds=7200)
    tenant.send(ordered("ada"), opted_out=True)
    clock.pass_by(seconds=3600)
    tenant.say(*ADA, "marketing", "granted", acted_at=began + HOUR, channel="phone")
    tenant.send(ordered("ada", context=YES))
    assert reason(tenant) == "objected"
