"""A person's own page over HTTP: what a company's page shows and changes, by a link or by the company's own login."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from registry.connectors.outgoing import Outgoing
from registry.documents import parse
from registry.flows.accountability import verify
from registry.flows.identity.login import issuers_of
from registry.model.ids import text_id
from tests.api.house import Desk
from tests.api.test_restriction import restrict
from tests.factories import consent, identify
from tests.issuer import LoginService, login_service
from tests.simulator import ALL_YES

PERSON = {"kind": "email", "value": "shopper@example.com"}


class Page:
    """A page of the company's own, with a token."""

    def __init__(self, desk: Desk, client: httpx.Client) -> None:
        self.base = f"/v1/preferences/{text_id(desk.tenant.workspace_id)}"
        self.client = client

    def choices(self, **more: Any) -> dict[str, dict[str, Any]]:
        answer = self.client.get(f"{self.base}/choices", **more)
        assert answer.status_code == 200, answer.text
        return {choice["purpose"]: choice for choice in answer.json()["choices"]}

    def choose(self, **choices: bool) -> httpx.Response:
        return self.client.post(f"{self.base}/choices", json={"choices": choices})

    def history(self) -> list[dict[str, Any]]:
        answer = self.client.get(f"{self.base}/history")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def link(desk: Desk, subject: dict[str, str] = PERSON, **more: Any) -> str:
    made = desk.app.post("/v1/preferences/links", json={"subject": subject, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def opened(desk: Desk, stack: ExitStack, token: str) -> Page:
    return Page(desk, stack.enter_context(desk.house.caller(authorization=f"Bearer {token}")))


def allows(desk: Desk, subject: dict[str, str], purpose: str) -> bool:
    return bool(desk.app.post("/v1/consent/check", json={"subject": subject, "purpose": purpose}).json()["allowed"])


def audited(desk: Desk) -> list[tuple[str, str]]:
    entries = desk.admin.get("/v1/audit/entries", params={"limit": 200}).json()["entries"]
    return [(one["entry"]["action"], one["entry"]["actor"]) for one in entries]


def test_a_link_shows_what_stands_and_changes_it_in_one_call(either_desk: Desk, stack: ExitStack) -> None:
    desk = either_desk
    page = opened(desk, stack, link(desk))
    shown = page.choices()
    assert list(shown) == ["service", "security", "legal", "analytics", "personalisation", "marketing"]
    assert {name: choice["choice"] for name, choice in shown.items()} == {
        "service": None, "security": True, "legal": None, "analytics": False, "personalisation": False,
        "marketing": False,
    }  # fmt: skip
    answer = page.choose(analytics=True, marketing=False, security=False)
    assert answer.status_code == 200
    made = {record["purpose"]: record["status"] for record in answer.json()["records"]}
    assert made == {"analytics": "granted", "marketing": "denied", "security": "objected"}
    assert allows(desk, PERSON, "analytics")
    assert not allows(desk, PERSON, "security")
    again = page.choose(analytics=True, marketing=False, security=False)
    assert again.json()["records"] == []  # nothing of it is news
    assert page.choose(analytics=False, security=True).status_code == 200
    told = page.history()
    assert [(one["purpose"], one["status"]) for one in told[-2:]] == [
        ("analytics", "withdrawn"),
        ("security", "granted"),
    ]
    assert {one["channel"] for one in told} == {"preference_page"}
    jwks = httpx.get(f"{desk.house.url}/.well-known/jwks.json").json()
    for one in told:
        kind, claims = verify.document(one["receipt"], jwks)
        assert (kind, claims["record_id"]) == ("consent-receipt+jwt", one["record_id"])
    actions = audited(desk)
    assert ("preferences:link:made", "app:the app") in actions
    assert ("preferences:history:shown", "app:privacy centre") in actions
    assert ("consent:record:appended", "app:privacy centre") in actions


def test_a_page_that_is_older_than_an_answer_lifts_no_no_and_takes_no_yes_back(
    either_desk: Desk, stack: ExitStack
) -> None:
    desk = either_desk
    page = opened(desk, stack, link(desk))
    page.choose(marketing=True, analytics=True, security=False)
    old = {name: (one["answered"] or {}).get("record_id") for name, one in page.choices().items()}
    desk.house.clock.pass_by(seconds=1)
    page.choose(marketing=False, security=True)  # in another tab, or by telephone

    def save(**choices: bool) -> dict[str, str]:
        answer = page.client.post(f"{page.base}/choices", json={"choices": choices, "seen": old})
        assert answer.status_code == 200, answer.text
        return {record["purpose"]: record["status"] for record in answer.json()["records"]}

    desk.house.clock.pass_by(seconds=1)
    assert save(marketing=True, analytics=False, security=False) == {"analytics": "withdrawn"}
    stands = {name: one["choice"] for name, one in page.choices().items()}
    assert (stands["marketing"], stands["analytics"], stands["security"]) == (False, False, True)
    desk.house.clock.pass_by(seconds=1)
    page.choose(analytics=True)
    desk.house.clock.pass_by(seconds=1)
    assert save(analytics=False) == {"analytics": "withdrawn"}  # a no in the place of a yes that was shown is one
    assert save(analytics=True, marketing=True) == {}  # as a form that is sent again would say
    assert save(personalisation=False) == {"personalisation": "denied"}  # nothing came since: as it says
    malformed = page.client.post(f"{page.base}/choices", json={"choices": {}, "seen": {"marketing": "planted"}})
    assert malformed.status_code == 400
    assert "planted" not in malformed.text


def test_purposes_are_told_in_the_language_asked_for(desk: Desk, stack: ExitStack) -> None:
    page = opened(desk, stack, link(desk))
    assert page.choices(params={"language": "de-AT"})["marketing"]["title"] == "Über Angebote informieren"
    german = page.choices(headers={"accept-language": "fr;q=0.9, de-CH;q=0.8"})["marketing"]
    assert (german["language"], german["title"]) == ("de", "Über Angebote informieren")
    assert page.choices(headers={"accept-language": "fr"})["marketing"]["language"] == "en"
    page.client.post(f"{page.base}/choices", json={"choices": {"marketing": True}, "language": "de"})
    assert page.history()[-1]["language"] == "de"


def test_a_link_opens_nothing_but_choices_and_only_as_long_as_it_lasts(desk: Desk, stack: ExitStack) -> None:
    token = link(desk, lifetime_s=60)
    page = opened(desk, stack, token)
    with httpx.Client(base_url=desk.house.url, cookies={"registry_visit": token}) as browser:
        centre = f"/privacy/{text_id(desk.tenant.workspace_id)}/requests"
        assert browser.get(centre).status_code in (302, 303)  # as a stranger: to the start
    assert page.client.get("/v1/consent/changes").status_code == 401
    assert page.client.post("/v1/consent/history", json={"subject": PERSON}).status_code == 401
    desk.house.clock.pass_by(seconds=60)
    assert page.client.get(f"{page.base}/choices").status_code == 401
    for lifetime in (0, 604_801, "60"):
        made = desk.app.post("/v1/preferences/links", json={"subject": PERSON, "lifetime_s": lifetime})
        assert made.status_code == 400


def test_known_and_unknown_people_cannot_be_told_apart_by_a_link(desk: Desk, stack: ExitStack) -> None:
    desk.tenant.say("email", "known@example.com", "security", "objected")
    pages = [
        opened(desk, stack, link(desk, {"kind": "email", "value": v})) for v in ("known@example.com", "new@example.com")
    ]
    known, unknown = (page.choices() for page in pages)
    assert known.keys() == unknown.keys()
    assert pages[1].history() == []
    silent = opened(desk, stack, link(desk, {"kind": "email", "value": "silent@example.com"}))
    desk.send(identify("silent", email="silent@example.com"))
    shown = ("can_choose", "choice", "answered", "title", "text")
    assert [[one[name] for name in shown] for one in silent.choices().values()] == [
        [one[name] for name in shown] for one in unknown.values()
    ], "nobody sees the choices of somebody who has not answered"
    assert {(one["allowed"], one["reason"]) for one in unknown.values()} == {(False, "unknown_subject")}
    strangers = (link(desk)[:-1] + "x", "rg_visit_", "rg_visit_" + "A" * 43, desk.tenant.keys.app, "nonsense")
    refusals = {opened(desk, stack, one).client.get(f"{pages[0].base}/choices").status_code for one in strangers}
    assert refusals == {401}


def test_a_token_of_one_workspace_opens_no_other(desk: Desk, stack: ExitStack) -> None:
    other = desk.house.registry.tenant()
    page = opened(desk, stack, link(desk))
    for workspace in (text_id(other.workspace_id), "01890a5d-ac96-774b-bcce-b302099a8057"):
        assert page.client.get(f"/v1/preferences/{workspace}/choices").status_code in (401, 404)
    assert page.client.get("/v1/preferences/nonsense/choices").status_code in (400, 404)


def test_choices_that_cannot_be_recorded_change_nothing(desk: Desk, stack: ExitStack) -> None:
    page = opened(desk, stack, link(desk))
    version = page.client.get(f"{page.base}/choices").json()["policy_version"]
    for body, status in (
        ({"choices": {"analytics": True, "astrology": True}}, 400),
        ({"choices": {"analytics": True, "service": False}}, 400),
        ({"choices": {"analytics": "yes"}}, 400),
        ({"choices": {"analytics": 1}}, 400),
        ({"choices": {"analytics": True}, "policy_version": "another"}, 409),
        ({}, 400),
        ({"choices": {"analytics": True}, "more": 1}, 400),
    ):
        assert page.client.post(f"{page.base}/choices", json=body).status_code == status, body
    assert page.history() == []
    kept = page.client.post(f"{page.base}/choices", json={"choices": {"analytics": True}, "policy_version": version})
    assert kept.status_code == 200


def test_an_erased_person_is_not_made_again_by_their_page(desk: Desk, stack: ExitStack) -> None:
    desk.tenant.say("email", "gone@example.com", "analytics", "granted")
    subject = {"kind": "email", "value": "gone@example.com"}
    page = opened(desk, stack, link(desk, subject))
    desk.tenant.erase("email", "gone@example.com")
    assert page.history() == []
    assert page.choices()["analytics"]["choice"] is False
    assert page.choose(analytics=True).status_code == 403
    assert not allows(desk, subject, "analytics")


def test_one_person_cannot_keep_the_server_busy(desk: Desk, stack: ExitStack) -> None:
    page, other = (
        opened(desk, stack, link(desk)),
        opened(desk, stack, link(desk, {"kind": "email", "value": "b@example.com"})),
    )
    answers = [page.client.get(f"{page.base}/choices") for _ in range(61)]
    assert [answer.status_code for answer in answers[:60]] == [200] * 60
    assert answers[60].status_code == 429
    assert 1 <= int(answers[60].headers["retry-after"]) <= 60
    assert other.choices()
    desk.house.clock.pass_by(seconds=60)
    assert page.choices()


@pytest.fixture
def service(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoginService]:
    """The workspace's people sign in at this service."""
    with login_service() as made:
        application = desk.house.app.state.registry
        deployment = application.deployment
        login = {
            "issuer": made.url, "audience": "the-shop", "workspaces": [text_id(desk.tenant.workspace_id)],
            "claims": {"sub": "user_id", "email": "email"},
        }  # fmt: skip
        document = parse(json.dumps({"version": 1, "logins": [login]}), file="logins.yaml")
        issuers = issuers_of(document, deployment.policies.identity, Outgoing(), deployment.clock)
        monkeypatch.setattr(application, "deployment", replace(deployment, logins=issuers))
        yield made


def test_the_companys_own_login_opens_the_page_of_whoever_signed_in(
    desk: Desk, stack: ExitStack, service: LoginService
) -> None:
    desk.tenant.say("email", "shopper@example.com", "analytics", "granted")
    now = desk.house.clock()
    by_mail = service.token(now, sub="u-77", email="shopper@example.com", email_verified=True)
    page = opened(desk, stack, by_mail)
    assert page.choices()["analytics"]["choice"] is True  # u-77 is nobody here yet: the proved address is somebody
    assert page.choose(analytics=False).status_code == 200
    assert not allows(desk, PERSON, "analytics")
    unproved = service.token(now, sub="u-77", email="shopper@example.com", email_verified=False)
    assert opened(desk, stack, unproved).history() == []
    assert opened(desk, stack, service.token(now, exp=now // 1_000_000 - 61)).client.get(
        f"{page.base}/choices"
    ).status_code == 401  # fmt: skip
    service.status = 503
    desk.house.clock.pass_by(days=1)
    late = service.token(desk.house.clock(), sub="u-77")
    assert opened(desk, stack, late).client.get(f"{page.base}/choices").status_code == 503


def test_browsers_of_other_origins_are_let_in_without_cookies(desk: Desk, stack: ExitStack) -> None:
    page = opened(desk, stack, link(desk))
    origin = {"origin": "https://shop.example.com"}
    asked = origin | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    with httpx.Client(base_url=desk.house.url) as browser:
        answer = browser.options(f"{page.base}/choices", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", origin["origin"])
    assert "access-control-allow-credentials" not in answer.headers
    assert page.client.get(f"{page.base}/choices", headers=origin).headers["access-control-allow-origin"]


def test_a_restriction_is_no_choice_and_choices_go_on_beside_it(either_desk: Desk, stack: ExitStack) -> None:
    desk, person = either_desk, {"kind": "user_id", "value": "ada"}
    desk.send(identify("ada", context=consent(**ALL_YES)))
    page = opened(desk, stack, link(desk, person))
    before = {name: one["choice"] for name, one in page.choices().items()}
    restrict(desk)
    shown = page.choices()
    assert {name: one["choice"] for name, one in shown.items()} == before
    assert {one["reason"] for one in shown.values() if one["can_choose"]} == {"restricted"}
    unchanged = {name: one["choice"] for name, one in shown.items() if one["can_choose"]}
    saved = page.choose(**unchanged).json()["records"]  # a page that is saved as it was shown takes nothing back
    assert {one["status"] for one in saved} == {"granted"}
    assert {one["purpose"] for one in saved} == {"analytics", "personalisation", "marketing"}
    assert page.choose(**unchanged).json()["records"] == []
    made = page.choose(**unchanged | {"security": False, "analytics": False}).json()["records"]
    assert {one["purpose"]: one["status"] for one in made} == {"security": "objected", "analytics": "withdrawn"}
    desk.house.clock.pass_by(seconds=1)
    assert desk.officer.post("/v1/consent/unrestrict", json={"subject": person}).status_code == 200
    after = {purpose: allows(desk, person, purpose) for purpose in ("marketing", "security", "analytics")}
    assert after == {"marketing": True, "security": False, "analytics": False}
