"""What stewards do: explain, take apart, join by hand, and decide on what the rules refused."""

from __future__ import annotations

from typing import Any

import pytest

from registry.access.policy import AccessPolicy
from registry.dsr.requests import Kind
from registry.flows.stewards import deciding, explain, merges
from registry.identity.links import Verdict
from registry.model.errors import Conflict, InvalidInput, NotFound, PurposeDenied
from registry.model.ids import FragmentId, ProfileId, parse_id
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered, viewed
from tests.simulator import Tenant

Reference = tuple[str, str]
ADA, BOB, KIOSK, MAIL = ("user_id", "ada"), ("user_id", "bob"), ("anonymous_id", "kiosk"), ("email", "ada@example.com")
FAMILY = ("email", "family@example.com")
STEWARD = "person:steward"


def fragment(tenant: Tenant, who: Reference) -> FragmentId:
    return tenant.fragment(tenant.person(*who))


def profile(tenant: Tenant, who: Reference) -> ProfileId:
    found = tenant.profile(*who)
    assert found is not None
    return found


def together(tenant: Tenant, *who: Reference) -> bool:
    return len({tenant.profile(*one) for one in who}) == 1


def explained(tenant: Tenant, one: Reference, other: Reference, purpose: str = "service") -> dict[str, Any]:
    deployment, ends = tenant.registry.deployment, (fragment(tenant, one), fragment(tenant, other))
    return explain.explain(deployment, tenant.workspace, tenant.principal(), profile(tenant, one), purpose, ends=ends)


def inbox(tenant: Tenant, *, undecided: bool = True, **more: Any) -> dict[str, Any]:
    arguments = {"limit": 50, "cursor": None} | more
    return merges.refused(tenant.registry.deployment, tenant.workspace, undecided=undecided, **arguments)


def decide(tenant: Tenant, one: Reference, other: Reference, verdict: Verdict) -> dict[str, Any]:
    ends = fragment(tenant, one), fragment(tenant, other)
    return deciding.decide(tenant.registry.deployment, tenant.workspace, ends, verdict, actor=STEWARD)


def unmerge(tenant: Tenant, one: Reference, other: Reference, verdict: Verdict = Verdict.APART) -> dict[str, Any]:
    ends = fragment(tenant, one), fragment(tenant, other)
    return deciding.unmerge(
        tenant.registry.deployment, tenant.workspace, profile(tenant, one), ends, verdict, actor=STEWARD
    )


def merge(tenant: Tenant, one: Reference, other: Reference) -> dict[str, Any]:
    people = tenant.person(*one), tenant.person(*other)
    return deciding.merge(tenant.registry.deployment, tenant.workspace, *people, actor=STEWARD)


def test_the_explanation_is_the_shortest_path_with_each_link_s_source_message_and_time(
    tenant: Tenant, clock: SetClock
) -> None:
    tenant.send(identify("ada", "b1", messageId="first", first_name="Ada"))
    clock.pass_by(seconds=60)
    tenant.send(identify("ada", messageId="second", email="ada@example.com"))
    found = explained(tenant, ("anonymous_id", "b1"), MAIL)
    [path] = found["paths"]
    assert [(link["claims"][0]["source"], link["claims"][0]["message_id"]) for link in path["links"]] == [
        ("shop", "first"),
        ("shop", "second"),
    ]
    times = [link["claims"][0]["received_at"] for link in path["links"]]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"] or times[0] < times[1]
    values = {row["fragment_id"]: row["value"] for row in found["identifiers"]}
    assert set(values.values()) == {"ada", "b1", "ada@example.com"}
    ends = [{link["one"], link["other"]} for link in path["links"]]
    assert {values[end] for end in ends[0] & ends[1]} == {"ada"}


def test_an_explanation_shows_only_what_its_purpose_may_see(tenant: Tenant) -> None:
    tenant.send(identify("ada", "b1", email="ada@example.com"))
    tenant.say(*ADA, "analytics", "granted")
    found = explained(tenant, ADA, MAIL, "analytics")
    assert [row["value"] for row in found["identifiers"] if row["kind"] == "email"] == [None]
    assert [(one["reason"], one["count"]) for one in found["withheld"]["reasons"]] == [("other_purpose", 1)]
    assert len(found["paths"][0]["links"]) == 1, "how they hang together is shown all the same"
    with pytest.raises(PurposeDenied):
        explained(tenant, ADA, MAIL, "marketing")


def test_who_reads_an_explanation_is_in_the_audit_log(tenant: Tenant) -> None:
    tenant.send(identify("ada", "b1"))
    explained(tenant, ADA, ("anonymous_id", "b1"))
    entries = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    assert any(b'"what":"explain"' in bytes(row[0]) for row in entries)


def test_a_retracted_claim_joins_nobody_and_its_repetition_neither(tenant: Tenant) -> None:
    tenant.send(ordered("ada"), ordered(anonymous="kiosk"), alias("kiosk", "ada"))
    unmerge(tenant, ADA, KIOSK, Verdict.RETRACTED)
    assert not together(tenant, ADA, KIOSK)
    tenant.send(alias("kiosk", "ada"), identify("ada", "kiosk"))
    assert not together(tenant, ADA, KIOSK)


def test_a_retracted_claim_leaves_other_paths_open_but_two_people_stay_two(tenant: Tenant) -> None:
    tenant.send(identify("ada", "kiosk"))
    unmerge(tenant, ADA, KIOSK, Verdict.RETRACTED)
    tenant.send(identify("ada", email="ada@example.com"), identify(None, "kiosk", email="ada@example.com"))
    assert together(tenant, ADA, KIOSK)
    unmerge(tenant, ADA, KIOSK, Verdict.APART)
    assert not together(tenant, ADA, KIOSK)
    tenant.send(identify(None, "kiosk", email="ada@example.com"))
    assert not together(tenant, ADA, KIOSK)


def test_only_a_claim_that_is_there_can_be_retracted(tenant: Tenant) -> None:
    tenant.send(identify("ada", "kiosk", email="ada@example.com"), ordered("bob"))
    with pytest.raises(InvalidInput):
        unmerge(tenant, KIOSK, MAIL, Verdict.RETRACTED)
    with pytest.raises(InvalidInput):
        unmerge(tenant, ADA, BOB)
    with pytest.raises(InvalidInput):
        unmerge(tenant, ADA, ADA)


def test_undoing_a_merge_takes_along_what_came_by_it_and_since(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada", email="ada@example.com"), identify(None, "kiosk", email="desk@example.com"))
    clock.pass_by(seconds=1)
    before = tenant.people()
    tenant.send(alias("kiosk", "ada"))
    clock.pass_by(seconds=1)
    assert len(tenant.people()) == 1
    tenant.send(identify(None, "kiosk", phone="+14155550100"))
    listed = merges.of_profile(tenant.registry.deployment, tenant.workspace, profile(tenant, ADA))
    move = next(row for row in listed if row["kind"] == "merge" and row["source"] == "shop")
    merge_id = parse_id(str(move["merge_id"]))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    deciding.undo(deployment, workspace, profile(tenant, ADA), merge_id, actor=STEWARD)
    kiosk = next(person for person in before if KIOSK in person)
    assert tenant.people() == (before - {kiosk}) | {kiosk | {("phone", "+14155550100")}}
    tenant.send(alias("kiosk", "ada"), identify("ada", "kiosk"))
    assert not together(tenant, ADA, KIOSK)
    with pytest.raises((NotFound, Conflict)):
        deciding.undo(deployment, workspace, profile(tenant, ADA), merge_id, actor=STEWARD)


def test_merges_and_splits_are_listed_newest_first_by_pages(tenant: Tenant, clock: SetClock) -> None:
    for number in range(3):
        tenant.send(ordered(f"u{number}"), ordered(anonymous=f"b{number}"))
        clock.pass_by(seconds=1)
        tenant.send(alias(f"b{number}", f"u{number}"))
    unmerge(tenant, ("user_id", "u0"), ("anonymous_id", "b0"))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    whole: Any = merges.newest(deployment, workspace, limit=50, before=None)["merges"]
    assert [row["kind"] for row in whole] == ["split", "merge", "merge", "merge"]
    assert [row["source"] for row in whole] == [None, "shop", "shop", "shop"]
    first: Any = merges.newest(deployment, workspace, limit=3, before=None)
    rest: Any = merges.newest(deployment, workspace, limit=3, before=parse_id(first["cursor"]))
    assert first["merges"] + rest["merges"] == whole
    assert rest["cursor"] is None


def test_a_shared_address_waits_in_the_inbox_until_a_steward_says_whose_it_is(tenant: Tenant) -> None:
    tenant.send(identify("ada", email=FAMILY[1]), identify("bob", email=FAMILY[1]))
    assert not together(tenant, ADA, FAMILY) and not together(tenant, BOB, FAMILY)
    waiting = inbox(tenant)
    assert {row["reason"] for row in waiting["refused"]} == {"merge_protection"}
    assert waiting["counts"] == {"merge_protection": 2}
    assert all("value" not in row["one"] for row in waiting["refused"])
    decide(tenant, ADA, FAMILY, Verdict.SAME)
    assert together(tenant, ADA, FAMILY) and not together(tenant, BOB, FAMILY)
    [left] = inbox(tenant)["refused"]
    decide(tenant, BOB, FAMILY, Verdict.APART)
    assert inbox(tenant)["refused"] == []
    [kept] = inbox(tenant, undecided=False)["refused"]
    assert (left["reason"], kept["reason"]) == ("merge_protection", "steward")
    assert not together(tenant, ADA, BOB)


def test_the_inbox_pages_through_everything_once(tenant: Tenant, clock: SetClock) -> None:
    for number in range(4):
        tenant.send(*[identify(f"u{number}-{side}", email=f"shared{number}@example.com") for side in "ab"])
        clock.pass_by(seconds=1)
    whole = inbox(tenant)["refused"]
    seen, cursor = [], None
    while True:
        page = inbox(tenant, limit=3, cursor=cursor)
        seen += page["refused"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(whole) == 8
    assert seen == whole
    with pytest.raises(InvalidInput):
        inbox(tenant, cursor="no cursor")


def test_a_steward_joins_two_accounts_and_takes_them_apart_exactly(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), identify("bob", email="bob@example.com"))
    before = tenant.people()
    merge(tenant, ADA, BOB)
    assert together(tenant, ADA, BOB, MAIL, ("email", "bob@example.com"))
    [path] = explained(tenant, ADA, BOB)["paths"]
    assert path["links"][0]["vouched_by"] == STEWARD
    assert path["links"][0]["claims"][0]["source"] == "steward"
    tenant.send(identify("bob", "b1"), identify("eve", "b1"))
    assert not together(tenant, ADA, ("user_id", "eve")), "a third account is protected as before"
    with pytest.raises(Conflict):
        merge(tenant, ADA, BOB)
    unmerge(tenant, ADA, BOB)
    assert before <= tenant.people()


def test_what_a_person_refused_no_steward_joins(tenant: Tenant) -> None:
    tenant.send(viewed(anonymous="b1", context=consent(Functional=False)), identify("ada", "b1"))
    [waiting] = inbox(tenant)["refused"]
    assert (waiting["reason"], waiting["can_be_lifted"]) == ("join_not_permitted", False)
    with pytest.raises(Conflict):
        decide(tenant, ADA, ("anonymous_id", "b1"), Verdict.SAME)
    with pytest.raises(Conflict):
        merge(tenant, ADA, ("anonymous_id", "b1"))
    assert not together(tenant, ADA, ("anonymous_id", "b1"))


def test_what_a_steward_decides_is_in_the_audit_log_and_names_nobody(tenant: Tenant) -> None:
    tenant.send(ordered("ada"), ordered(anonymous="kiosk"), alias("kiosk", "ada"))
    unmerge(tenant, ADA, KIOSK)
    rows = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [bytes(row[0]) for row in rows if b"profile:fragments:unmerged" in bytes(row[0])]
    assert len(entries) == 2
    assert all(STEWARD.encode() in entry and b"kiosk" not in entry for entry in entries)


def test_nobody_is_merged_with_who_is_being_erased(tenant: Tenant) -> None:
    tenant.send(ordered("ada"), ordered("bob"))
    tenant.erase(*ADA)
    with pytest.raises(NotFound):
        merge(tenant, ADA, BOB)
    tenant.request(Kind.ERASURE, *BOB)
    tenant.send(ordered("eve"))
    merge(tenant, BOB, ("user_id", "eve"))
    assert together(tenant, BOB, ("user_id", "eve")), "until it begins, a request changes nothing"


def test_an_identifier_that_links_many_joins_nobody_and_is_reported(tenant: Tenant) -> None:
    """More than the alarm threshold in one batch, one by one afterwards, and nobody is one with anybody."""
    many = 230
    tenant.send(*[identify(f"u{n}", "tablet") for n in range(150)])
    tenant.send(*[identify(f"u{n}", "tablet") for n in range(150, many)])
    found = inbox(tenant, limit=1)
    assert found["counts"] == {"runaway": many}
    [alarm] = found["runaways"]
    assert (alarm["kind"], alarm["neighbours"]) == ("anonymous_id", many)
    for number in range(many, many + 3):
        tenant.send(identify(f"u{number}", "tablet", email=f"u{number}@example.com"))
        assert together(tenant, ("user_id", f"u{number}"), ("email", f"u{number}@example.com"))
        assert not together(tenant, ("user_id", f"u{number}"), ("anonymous_id", "tablet"))
    decide(tenant, ("user_id", "u7"), ("anonymous_id", "tablet"), Verdict.SAME)
    assert together(tenant, ("user_id", "u7"), ("anonymous_id", "tablet"))
    assert inbox(tenant)["counts"] == {"runaway": many + 2}


def test_decisions_are_listed_newest_first_by_pages_and_the_last_word_counts(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada", email="family@example.com"), identify("bob", email="family@example.com"))
    decide(tenant, ADA, FAMILY, Verdict.SAME)
    clock.pass_by(seconds=1)
    decide(tenant, BOB, FAMILY, Verdict.APART)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    first = merges.decisions(deployment, workspace, limit=1, cursor=None)
    second = merges.decisions(deployment, workspace, limit=1, cursor=first["cursor"])
    told = [*first["decisions"], *second["decisions"]]
    assert ([row["verdict"] for row in told], second["cursor"]) == (["apart", "same"], None)
    assert {row["actor"] for row in told} == {STEWARD}
    assert {told[0]["one"]["kind"], told[0]["other"]["kind"]} == {"user_id", "email"}
    decide(tenant, BOB, FAMILY, Verdict.RETRACTED)
    again = merges.decisions(deployment, workspace, limit=9, cursor=None)["decisions"]
    assert sorted(row["verdict"] for row in again) == ["retracted", "same"]


def test_past_the_limit_of_what_hangs_together_nobody_is_joined_and_no_message_is_lost(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.flows.identity.component.COMPONENT_LIMIT", 10)
    for number in range(8):
        tenant.send(identify(f"u{number}", "tablet"))
    receipt = tenant.send(*[identify(f"v{number}", "tablet") for number in range(5)])
    assert dict(receipt.counts) == {"accepted": 5}
    assert inbox(tenant)["counts"]["too_connected"] >= 5
    assert not together(tenant, ("user_id", "v1"), ("user_id", "v2"))


def test_shipped_stewards_may_merge_and_support_may_not(tenant: Tenant) -> None:
    access: AccessPolicy = tenant.registry.deployment.policies.access
    allowed = {name for name, role in access.roles.items() if "profiles:merge" in role.actions}
    assert allowed == {"admin", "steward"}
