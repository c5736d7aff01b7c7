"""Looking at a page by HEAD, as mail scanners and link previews do, counts as looking: it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from registry.dsr.requests import Kind
from registry.flows.access import visits
from registry.flows.access.visits import Letter
from registry.flows.dsr import intake, lifecycle, proving
from registry.flows.dsr.package import links
from registry.model.ids import text_id
from registry.pages.centre import COOKIE
from tests.api.house import Desk
from tests.factories import identify
from tests.post import Box
from tests.post import Desk as Post

ADA = "ada@example.com"


@pytest.fixture
def look(desk: Desk) -> Callable[..., int]:
    """HEAD on a page of the privacy centre; its status."""

    def head(page: str, **cookies: str) -> int:
        url = f"{desk.house.url}/privacy/{text_id(desk.tenant.workspace_id)}/{page}"
        return httpx.head(url, cookies=cookies, trust_env=False).status_code

    return head


def test_of_a_link_to_a_package(desk: Desk, look: Callable[..., int]) -> None:
    tenant = desk.tenant
    tenant.send(identify("ada", email=ADA))
    request = tenant.run(tenant.request(Kind.ACCESS, "email", ADA))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = links.make(deployment, workspace, request.request_id, actor="person:officer")
    assert look(f"fetch/{made.token}") == 200
    assert links.is_open(deployment, workspace, made.token)
    assert links.Fetch(deployment, workspace, made.token).begin().request_id == request.request_id


def test_of_a_link_that_confirms_a_request(desk: Desk, look: Callable[..., int]) -> None:
    tenant, post = desk.tenant, Post(desk.tenant)
    post.confirmed_by_newsletter(identify("ada", email=ADA))
    opened = intake.open_request(
        post.deployment, tenant.workspace, kind=Kind.ACCESS, person=tenant.person("email", ADA), actor="person:officer"
    )
    proving.ask(post.deployment, tenant.workspace, opened.request_id, actor="person:officer")
    post.deliver()
    assert look(f"confirm/{post.box.link}") == 200
    assert lifecycle.get(post.deployment, tenant.workspace, opened.request_id)[0].state == "received"


def test_of_a_link_that_signs_in_and_of_the_pages_behind_it(desk: Desk, look: Callable[..., int]) -> None:
    tenant, box = desk.tenant, Box()
    tenant.send(identify("ada", email=ADA))
    tenant.say("email", ADA, "marketing", "granted")
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    letter = Letter("Your code", "code {code}", " link {link}", "https://registry.example/confirm/")
    visits.invite(deployment, workspace, box, tenant.person("email", ADA), letter)  # type: ignore[arg-type]
    assert look(f"link/{box.link}") == 200
    visit = visits.follow(deployment, workspace, box.link)
    cookie: dict[str, Any] = {COOKIE: visit}
    assert (look("choices", **cookie), look("requests", **cookie)) == (200, 200)
    assert tenant.check("email", ADA, "marketing").allowed
