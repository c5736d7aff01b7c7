"""Authorised agents: no mandate, no answer; with one, an officer's check and the person's own word, as policy says."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import orjson
import pytest

from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.requests import Kind, Move
from registry.dsr.verification import MandateKind, Means, Seen
from registry.flows.accountability import verify
from registry.flows.dsr import export, intake, lifecycle, moves, proofs, proving
from registry.flows.dsr.intake import Wish
from registry.model.errors import Conflict, Forbidden, InvalidInput
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.post import Desk
from tests.simulator import Tenant

ADA, HELPER = "ada@example.com", "helper@agents.example"
AGENT = Agent("Synthetic Helper", "Agents United", HELPER, "folder 7, page 3")
SIGNED, POWER = MandateKind.SIGNED_PERMISSION, MandateKind.POWER_OF_ATTORNEY


@pytest.fixture
def desk(tenant: Tenant) -> Desk:
    made = Desk(tenant)
    made.confirmed_by_newsletter(identify("ada", email=ADA, first_name="Ada"), ordered("ada"))
    return made


def asked(
    desk: Desk,
    mandate: MandateKind | None,
    kind: Kind = Kind.KNOW,
    until: int | None = None,
    deliver_to: Party = Party.PERSON,
    email: str = ADA,
) -> StoredRequest:
    wish = Wish(kind, desk.tenant.person("email", email), claim=Claim(AGENT, mandate, until, deliver_to))
    return intake.take(desk.deployment, desk.tenant.workspace, wish, actor="person:officer")[0]


def checked(desk: Desk, request: StoredRequest, *, accepted: bool = True) -> StoredRequest:
    return proofs.check_mandate(
        desk.deployment, desk.tenant.workspace, request.request_id, accepted=accepted, seen=[Seen.MANDATE],
        words=None if accepted else "the signature is missing", actor="person:officer",
    )  # fmt: skip


def confirmed(desk: Desk, request: StoredRequest) -> StoredRequest:
    proving.ask(desk.deployment, desk.tenant.workspace, request.request_id, actor="person:officer")
    desk.deliver()
    assert desk.box.sent[-1][0] == ADA, "the person is asked, not the agent"
    return proving.by_link(desk.deployment, desk.tenant.workspace, desk.box.link, actor="app:privacy centre")


@pytest.mark.parametrize("email", ["x@y.example\r\nBcc: z@y.example", "x:;@y.example", "a,b@y.example", "at home"])
def test_an_agent_is_written_to_at_a_mailbox_or_not_at_all(desk: Desk, email: str) -> None:
    claim = Claim(replace(AGENT, email=email), MandateKind.SIGNED_PERMISSION)
    wish = Wish(Kind.KNOW, desk.tenant.person("email", ADA), claim=claim)
    with pytest.raises(InvalidInput) as caught:
        intake.take(desk.deployment, desk.tenant.workspace, wish, actor="person:officer")
    assert caught.value.pointer == "/agent/email"
    assert email not in str(caught.value)


def everything(desk: Desk, *tables: str) -> bytes:
    found = b""
    for table in tables:
        for row in desk.tenant.registry.rows(f"SELECT * FROM {table} WHERE workspace_id = ?", desk.tenant.workspace_id):
            found += b"|".join(bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for c in row)
    return found


@pytest.mark.parametrize("email", [ADA, "nobody.known@example.com"])
def test_an_agent_without_a_mandate_is_refused_and_hears_nothing_of_the_person(desk: Desk, email: str) -> None:
    request = asked(desk, None, email=email)
    assert (request.state, request.reason) == ("refused", "no_mandate")
    desk.deliver()
    [(to, _, text)] = desk.box.sent
    assert to == HELPER
    assert "did not show that they may act" in text
    assert email not in text
    with pytest.raises(Conflict):
        checked(desk, request)
    with pytest.raises(Conflict):
        proving.by_officer(desk.deployment, desk.tenant.workspace, request.request_id, actor="person:officer")


def test_a_refused_agent_is_answered_alike_for_known_and_unknown_people(desk: Desk) -> None:
    answers = []
    for email in (ADA, "nob@example.com"):
        desk.box.sent.clear()
        row = asked(desk, None, email=email)
        desk.deliver()
        answers.append((row.state, row.reason, [(to, subject, len(text)) for to, subject, text in desk.box.sent]))
    assert answers[0] == answers[1]


def test_a_mandate_that_has_ended_is_none(desk: Desk, clock: SetClock) -> None:
    over = asked(desk, POWER, until=clock.now - 1)
    assert (over.state, over.reason) == ("refused", "mandate_ended")
    ends = asked(desk, POWER, until=clock.now + 86_400_000_000)
    clock.pass_by(days=2)
    late = checked(desk, ends)
    assert (late.state, late.reason) == ("refused", "mandate_ended")


def test_a_mandate_that_ends_before_the_approval_stops_it(desk: Desk, clock: SetClock) -> None:
    request = asked(desk, POWER, until=clock.now + 86_400_000_000)
    assert checked(desk, request).state == "verified"
    clock.pass_by(days=2)
    with pytest.raises(Conflict):
        moves.move_request(
            desk.deployment, desk.tenant.workspace, request.request_id, Move.APPROVE, actor="person:second"
        )


def test_a_signed_permission_needs_the_officers_check_and_the_persons_own_word(desk: Desk) -> None:
    request = asked(desk, SIGNED)
    workspace = desk.tenant.workspace
    assert proofs.standing(desk.deployment, workspace, request.request_id)["missing"] == ["mandate", "person"]
    assert checked(desk, request).state == "received"
    assert proofs.standing(desk.deployment, workspace, request.request_id)["missing"] == ["person"]
    assert (
        proving.by_officer(desk.deployment, workspace, request.request_id, actor="person:officer").state == "received"
    )
    assert confirmed(desk, request).state == "verified"
    _, events = lifecycle.get(desk.deployment, workspace, request.request_id)
    acts = [event.action for event in events]
    assert acts.index("mandate") < acts.index("verify")


@pytest.mark.parametrize("level", ["verified", "without officers"])
def test_an_officer_who_met_the_person_counts_where_the_level_takes_officers(desk: Desk, level: str) -> None:
    policies = desk.deployment.policies
    if level != "verified":
        levels = policies.verification.levels
        without = replace(levels[Kind.KNOW], by=levels[Kind.KNOW].by - {Means.OFFICER})
        policies = replace(policies, verification=replace(policies.verification, levels={**levels, Kind.KNOW: without}))
    deployment, workspace = replace(desk.deployment, policies=policies), desk.tenant.workspace
    request = asked(desk, SIGNED, email="somebody@example.com")  # whose mailbox nobody has verified
    checked(desk, request)
    given = deployment, workspace, request.request_id
    papers = [Seen.IDENTITY_DOCUMENT, Seen.SIGNED_LETTER, Seen.MANDATE]
    assert proving.by_officer(*given, papers, actor="person:officer").state == "received"
    after = proving.by_officer(*given, [Seen.IN_PERSON], actor="person:officer")
    assert after.state == ("verified" if level == "verified" else "received")


def test_the_person_may_confirm_before_the_officer_checks(desk: Desk) -> None:
    request = asked(desk, SIGNED)
    assert confirmed(desk, request).state == "received"
    assert checked(desk, request).state == "verified"


def test_the_person_is_told_who_asks_and_may_say_no(desk: Desk) -> None:
    request = asked(desk, SIGNED)
    checked(desk, request)
    proving.ask(desk.deployment, desk.tenant.workspace, request.request_id, actor="person:officer")
    desk.deliver()
    assert proving.asked(desk.deployment, desk.tenant.workspace, desk.box.link).agent == AGENT.called
    after = proving.deny(desk.deployment, desk.tenant.workspace, desk.box.link, actor="app:privacy centre")
    assert (after.state, after.reason) == ("refused", "not_asked_for")
    desk.deliver()
    assert desk.box.sent[-1][0] == HELPER


def test_a_power_of_attorney_needs_the_officers_check_alone(desk: Desk) -> None:
    request = asked(desk, POWER)
    assert checked(desk, request).state == "verified"
    with pytest.raises(Conflict):
        checked(desk, request)


def test_a_mandate_that_is_rejected_refuses_the_request_and_the_agent_is_told(desk: Desk) -> None:
    after = checked(desk, asked(desk, SIGNED), accepted=False)
    assert (after.state, after.reason) == ("refused", "mandate_rejected")
    desk.deliver()
    to, _, text = desk.box.sent[-1]
    assert to == HELPER
    assert "the signature is missing" in text


def test_only_a_person_checks_a_mandate_and_only_of_an_agent(desk: Desk) -> None:
    request = asked(desk, SIGNED)
    with pytest.raises(Forbidden):
        proofs.check_mandate(
            desk.deployment, desk.tenant.workspace, request.request_id, accepted=True, actor="app:shop"
        )
    own = intake.open_request(
        desk.deployment, desk.tenant.workspace, kind=Kind.ACCESS, person=desk.tenant.person("email", ADA),
        actor="person:officer",
    )  # fmt: skip
    with pytest.raises(Conflict):
        checked(desk, own)


def test_who_the_agent_is_lies_sealed_and_is_forgotten_with_the_request(desk: Desk) -> None:
    request = asked(desk, POWER)
    workspace = desk.tenant.workspace
    told = proofs.standing(desk.deployment, workspace, request.request_id)["agent"]
    assert told == {
        "name": AGENT.name, "organisation": AGENT.organisation, "email": HELPER, "evidence": AGENT.evidence,
        "sha256": None,
    }  # fmt: skip
    tables = ("dsr_request", "dsr_event", "dsr_letter", "audit_entry", "dsr_challenge", "dsr_reference")
    found = everything(desk, *tables)
    assert not [word for word in (AGENT.name, HELPER, "folder 7", "Agents United") if word.encode() in found]
    moves.move_request(desk.deployment, workspace, request.request_id, Move.CANCEL, actor="person:officer")
    assert proofs.standing(desk.deployment, workspace, request.request_id)["agent"] is None
    assert desk.tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", request.request_id) == []


@pytest.mark.parametrize(("party", "to"), [(Party.PERSON, {ADA}), (Party.AGENT, {ADA, HELPER})])
def test_the_answer_goes_to_whom_the_mandate_names(desk: Desk, party: Party, to: set[str]) -> None:
    workspace = desk.tenant.workspace
    request = asked(desk, POWER, deliver_to=party)
    checked(desk, request)
    moves.move_request(desk.deployment, workspace, request.request_id, Move.APPROVE, actor="person:second")
    desk.deliver()
    desk.box.sent.clear()
    done = lifecycle.run(desk.deployment, workspace, request.request_id, actor="person:second")
    desk.deliver()
    assert {sent for sent, _, _ in desk.box.sent} == to
    assert done.deliver_to == party
    _, claims = verify.document(done.certificate or "", workspace.jwks())
    assert claims["requester"] == {"level": "verified", "by": [], "mandate": "power_of_attorney"}
    stream = io.BytesIO()
    export.write_package(desk.deployment, workspace, done, stream, actor="person:second")
    with zipfile.ZipFile(stream) as package:
        [name] = [name for name in package.namelist() if "dsr_request" in name]
        rows = [orjson.loads(line) for line in package.read(name).splitlines()]
    assert {"kind": "authorised agent", "value": AGENT.called} in rows[0]["asked_for"]
    assert HELPER.encode() not in stream.getvalue(), "how to reach the agent is not the person's data"


def test_an_agent_who_opts_somebody_out_shows_a_mandate_and_the_person_is_not_asked(desk: Desk) -> None:
    request = asked(desk, SIGNED, Kind.OPT_OUT)
    assert checked(desk, request).state == "verified"


def test_a_mandate_is_checked_also_where_the_person_need_not_prove_anything(desk: Desk) -> None:
    request = asked(desk, SIGNED, Kind.OPT_OUT)
    assert request.state == "received"
    assert checked(desk, request).state == "verified"
