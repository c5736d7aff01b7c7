"""A link to a package is for one request and its requester, ends by time and by use, and every fetch is logged."""

from __future__ import annotations

import re
from io import BytesIO
from zipfile import ZipFile

import orjson
import pytest

from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.notices import To
from registry.dsr.requests import Kind, Move
from registry.dsr.verification import MandateKind
from registry.flows.dsr import intake, letters, lifecycle, mailing, proofs
from registry.flows.dsr.intake import Wish
from registry.flows.dsr.package import links
from registry.model.errors import Conflict, InvalidInput, NotFound, Overloaded, Unauthenticated
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify
from tests.post import PUBLIC_URL, Desk
from tests.simulator import RegistrySimulator, Tenant

ADA = "ada@example.com"


def answered(tenant: Tenant, kind: Kind = Kind.ACCESS) -> StoredRequest:
    tenant.send(identify("ada", email="ada@example.com"))
    return tenant.run(tenant.request(kind, "email", "ada@example.com"))


def made(tenant: Tenant, request: StoredRequest, **more: int) -> links.Made:
    return links.make(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer", **more)


def fetch(tenant: Tenant, token: str) -> links.Fetch:
    return links.Fetch(tenant.registry.deployment, tenant.workspace, token)


def followed(tenant: Tenant, link: links.Made) -> StoredRequest:
    fetched = fetch(tenant, link.token)
    request = fetched.begin()
    fetched.count()
    return request


def fetches(tenant: Tenant) -> list[tuple[str, int | None]]:
    """What the audit log says of every try to fetch a package: how it ended, and how often the link is good then."""
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ? ORDER BY position"
    entries = [orjson.loads(bytes(entry)) for (entry,) in tenant.registry.rows(sql, tenant.workspace_id)]
    told = [one for one in entries if one["action"] == "dsr:package:fetched"]
    return [(one["outcome"], one["fields"].get("left")) for one in told]


def test_a_link_is_followed_as_often_as_was_said_and_each_time_is_in_the_audit_log(tenant: Tenant) -> None:
    request = answered(tenant)
    link = made(tenant, request, fetches=2)
    assert [followed(tenant, link).request_id for _ in range(2)] == [request.request_id] * 2
    with pytest.raises(Unauthenticated):
        followed(tenant, link)
    assert fetches(tenant) == [("begun", 2), ("given", 1), ("begun", 1), ("given", 0)]
    told = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    assert link.token not in str(told)
    kept = tenant.registry.rows("SELECT * FROM package_link")
    assert link.token not in str(kept)
    assert "ada@" not in str(kept)


def test_a_fetch_that_broke_off_is_logged_and_counts_for_nothing(tenant: Tenant) -> None:
    link = made(tenant, answered(tenant))
    early, late = fetch(tenant, link.token), fetch(tenant, link.token)
    early.begin()
    early.break_off()
    late.begin()
    late.count()  # its last bytes were under way
    late.break_off()
    followed(tenant, link)
    assert fetches(tenant) == [
        ("begun", 1), ("broken", None), ("begun", 1), ("given", 0), ("broken", None), ("begun", 1), ("given", 0),
    ]  # fmt: skip


def test_fetches_at_once_are_given_out_whole_no_more_often_than_was_said(tenant: Tenant) -> None:
    link = made(tenant, answered(tenant))
    one, other = fetch(tenant, link.token), fetch(tenant, link.token)
    one.begin()
    other.begin()
    one.count()
    with pytest.raises(Unauthenticated):
        other.count()
    other.break_off()
    assert not links.is_open(tenant.registry.deployment, tenant.workspace, link.token)


def test_a_link_that_is_withdrawn_while_it_is_fetched_gives_nothing_whole(tenant: Tenant) -> None:
    request = answered(tenant)
    under_way = fetch(tenant, made(tenant, request).token)
    under_way.begin()
    links.withdraw(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    with pytest.raises(Unauthenticated):
        under_way.count()


def test_fetches_that_break_off_again_and_again_have_to_wait(tenant: Tenant, clock: SetClock) -> None:
    link = made(tenant, answered(tenant))
    for _ in range(5):
        fetch(tenant, link.token).begin()
    with pytest.raises(Overloaded):
        fetch(tenant, link.token).begin()
    clock.pass_by(seconds=60)
    followed(tenant, link)


def test_a_link_ends_when_its_time_is_over(tenant: Tenant, clock: SetClock) -> None:
    link = made(tenant, answered(tenant), days=3, fetches=5)
    clock.pass_by(days=2)
    followed(tenant, link)
    in_time = fetch(tenant, link.token)
    in_time.begin()
    clock.pass_by(days=1)
    in_time.count()
    assert not links.is_open(tenant.registry.deployment, tenant.workspace, link.token)
    with pytest.raises(Unauthenticated):
        followed(tenant, link)


def test_a_link_ends_with_the_erasure_of_the_person_or_when_it_is_withdrawn(tenant: Tenant) -> None:
    request = answered(tenant)
    erased, withdrawn = made(tenant, request), made(tenant, request)
    links.withdraw(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    with pytest.raises(Unauthenticated):
        followed(tenant, withdrawn)
    with pytest.raises(NotFound):
        links.withdraw(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    erased = made(tenant, request)
    tenant.erase("user_id", "ada")
    with pytest.raises(Unauthenticated):
        followed(tenant, erased)


def test_only_a_completed_request_that_gives_data_out_is_linked_to(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    for request in (tenant.request(Kind.ACCESS, "user_id", "ada"), answered(tenant, Kind.RESTRICTION)):
        with pytest.raises(Conflict):
            made(tenant, request)
    request = answered(tenant)
    for more in ({"days": 0}, {"days": 31}, {"fetches": 0}, {"fetches": 6}):
        with pytest.raises(InvalidInput):
            made(tenant, request, **more)


def test_a_link_leads_nowhere_in_another_workspace(shared: RegistrySimulator) -> None:
    one, other = shared.tenant("links-one"), shared.tenant("links-other")
    link = made(one, answered(one))
    with pytest.raises(Unauthenticated):
        followed(other, link)
    followed(one, link)


LINK = re.compile(rf"{PUBLIC_URL}/privacy/[0-9a-f-]{{36}}/fetch/(\S+)")


def mail(desk: Desk, request: StoredRequest) -> To:
    given = desk.deployment, desk.tenant.workspace, request.request_id
    return mailing.mail(*given, actor="person:officer", days=2, fetches=1)


def links_of(tenant: Tenant) -> list[tuple[str]]:
    sql = "SELECT made_by FROM package_link WHERE workspace_id = ?"
    return [(made_by,) for (made_by,) in tenant.registry.rows(sql, tenant.workspace_id)]


def last_letter(desk: Desk, request: StoredRequest) -> tuple[object, object]:
    told = letters.told(desk.deployment, desk.tenant.workspace, request)[-1]
    return told["notice"], told["outcome"]


def test_a_link_goes_by_letter_to_the_verified_mailbox_that_the_request_names(tenant: Tenant, clock: SetClock) -> None:
    desk = Desk(tenant)
    desk.confirmed_by_newsletter(identify("ada", email="another@example.com"), identify("ada", email=ADA))
    request = answered(tenant)
    desk.deliver()
    desk.box.sent.clear()
    assert mail(desk, request) is To.PERSON
    letter = tenant.registry.rows(
        "SELECT details FROM dsr_letter WHERE notice = 'package' AND workspace_id = ?", tenant.workspace_id
    )
    assert not links_of(tenant), "the link is made when the letter is sent"
    assert "rg_package" not in str(letter)
    assert desk.deliver() == 1
    [(to, subject, text)] = desk.box.sent
    assert (to, subject) == (ADA, "Your data can be fetched")
    [token] = LINK.findall(text)
    fetched = fetch(tenant, token)
    assert fetched.begin().request_id == request.request_id
    fetched.count()
    with pytest.raises(Unauthenticated):
        fetch(tenant, token).begin()
    assert links_of(tenant) == [("person:officer",)]
    _, events = lifecycle.get(desk.deployment, tenant.workspace, request.request_id)
    assert [(event.action, event.actor) for event in events][-2:] == [
        ("mail", "person:officer"),
        ("notify", "registry"),
    ]


def test_where_the_answer_goes_to_an_agent_so_does_the_link(tenant: Tenant) -> None:
    desk = Desk(tenant)
    desk.confirmed_by_newsletter(identify("ada", email=ADA))
    claim = Claim(Agent("An Agent", None, "agent@example.com"), MandateKind.POWER_OF_ATTORNEY, deliver_to=Party.AGENT)
    wish = Wish(Kind.ACCESS, tenant.person("email", ADA), claim=claim)
    request, _ = intake.take(desk.deployment, tenant.workspace, wish, actor="app:shop")
    given = desk.deployment, tenant.workspace, request.request_id
    proofs.check_mandate(*given, accepted=True, actor="person:officer")
    lifecycle.move_request(*given, Move.APPROVE, actor="person:two")
    request = lifecycle.run(*given, actor="person:two")
    desk.deliver()
    desk.box.sent.clear()
    assert mail(desk, request) is To.AGENT
    assert desk.deliver() == 1
    assert [to for to, _, _ in desk.box.sent] == ["agent@example.com"]


def test_a_link_goes_to_no_mailbox_that_nobody_verified_and_is_told_at_once(tenant: Tenant) -> None:
    desk = Desk(tenant)
    request = answered(tenant)  # the address that it names is on file, and no trusted source says so
    with pytest.raises(Conflict) as caught:
        mail(desk, request)
    assert caught.value.hint == mailing.BY_HAND
    desk.confirmed_by_newsletter(identify("ada", email=ADA))
    with pytest.raises(Conflict):  # the privacy centre has no address
        mailing.mail(
            tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:a", days=1, fetches=1
        )
    with pytest.raises(InvalidInput):
        mailing.mail(desk.deployment, tenant.workspace, request.request_id, actor="person:a", days=99, fetches=1)


def test_a_link_that_waits_is_not_sent_when_the_person_was_erased(tenant: Tenant) -> None:
    desk = Desk(tenant)
    desk.confirmed_by_newsletter(identify("ada", email=ADA))
    request = answered(tenant)
    desk.deliver()
    desk.box.sent.clear()
    mail(desk, request)
    tenant.erase("user_id", "ada")
    desk.deliver()
    assert not [text for _, _, text in desk.box.sent if LINK.search(text)]
    assert not links_of(tenant)
    assert last_letter(desk, request) == ("package", "no_address")


def test_a_link_that_was_withdrawn_before_its_letter_went_is_not_sent(tenant: Tenant) -> None:
    desk = Desk(tenant)
    desk.confirmed_by_newsletter(identify("ada", email=ADA))
    request = answered(tenant)
    desk.deliver()
    desk.box.sent.clear()
    mail(desk, request)
    assert last_letter(desk, request) == ("package", "waiting")
    given = desk.deployment, tenant.workspace, request.request_id
    assert links.withdraw(*given, actor="person:officer") == 1
    assert desk.deliver() == 0
    assert desk.box.sent == []
    assert not links_of(tenant)
    assert last_letter(desk, request) == ("package", "given_up")
    with pytest.raises(NotFound):
        links.withdraw(*given, actor="person:officer")
    mail(desk, request)
    assert desk.deliver() == 1, "another one goes"


def test_a_person_fetches_their_package_by_the_button_of_the_page_and_looking_uses_nothing_up(tenant: Tenant) -> None:
    request = answered(tenant)
    with tenant.registry.http() as http:
        path = f"/v1/dsr/requests/{text_id(request.request_id)}/package/link"
        answer = http.post(path, json={}, headers=tenant.bearer(tenant.keys.officer))
        assert answer.status_code == 201
        url = answer.json()["url"]
        for _ in range(3):
            looked = http.get(url)
            assert looked.status_code == 200
            assert "<form" in looked.text
            assert "ada@" not in looked.text
        got = http.post(url)
        assert got.headers["content-type"] == "application/zip"
        assert b"ada@example.com" in ZipFile(BytesIO(got.content)).read("identifiers.json")
        assert http.post(url).status_code == 401
        assert http.get(url).status_code == 401
        assert http.post(path, json={"days": 99}, headers=tenant.bearer(tenant.keys.officer)).status_code == 400
        assert http.post(path, json={}, headers=tenant.bearer(tenant.keys.app)).status_code == 403
        assert http.delete(path, headers=tenant.bearer(tenant.keys.officer)).status_code == 204
