"""The preference page of the how-to, in a real browser, on an origin of its own."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, Page, expect

from registry import bootstrap
from registry.settings import Settings
from tests.architecture.project import ROOT
from tests.e2e.browser import Watch, chromium, faults
from tests.e2e.visiting import centre, enter
from tests.issuer import LoginService, login_service
from tests.live import Live, start

HOW_TO = ROOT / "docs" / "how-to" / "build-a-preference-page.md"
PERSON = {"kind": "email", "value": "shopper@example.com"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is written."""


def site(folder: Path, stack: ExitStack) -> str:
    """A web server of the company's own; its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"http://127.0.0.1:{server.server_address[1]}"


def tree_of_purposes() -> str:
    """The shipped purposes, with two beneath a third that the file names after them, and one beneath a long word."""
    text = (ROOT / "policies" / "purposes.yaml").read_text().replace("en: Keep it secure", f"en: {'Sicherheits' * 9}")
    for child, parent in (("analytics", "personalisation"), ("personalisation", "marketing"), ("legal", "security")):
        text = text.replace(f"- name: {child}\n", f"- name: {child}\n    parent: {parent}\n")
    return text


class Shop:
    """A registry, the company's site that may call it, another's that may not, and the company's login."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        pages, data = folder / "site", folder / "data"
        pages.mkdir()
        self.origin, self.stranger = site(pages, stack), site(pages, stack)
        self.login: LoginService = stack.enter_context(login_service())
        policies = folder / "policies"
        policies.mkdir()
        (policies / "purposes.yaml").write_text(tree_of_purposes())
        keys = bootstrap.initialise(Settings(data_dir=data, policies=policies))
        entry = {"issuer": self.login.url, "audience": "the-shop", "workspaces": [keys.workspace]}
        logins = folder / "logins.yaml"
        logins.write_text(json.dumps({"version": 1, "logins": [entry]}))
        given = {
            "REGISTRY_CORS_ORIGINS": self.origin, "REGISTRY_LOGINS": str(logins), "REGISTRY_POLICIES": str(policies),
        }  # fmt: skip
        with patch.dict(os.environ, given):
            url, process = start(data)
        self.server = Live(url, keys, data, process)
        html = re.search(r"```html\n(.*?)   ```", HOW_TO.read_text(), re.DOTALL).group(1)  # type: ignore[union-attr]
        (pages / "page.html").write_text(html.replace("REGISTRY/", f"{url}/"))

    def link(self) -> str:
        with self.server.client(self.server.keys.app_key) as client:
            return str(client.post("/v1/preferences/links", json={"subject": PERSON}).json()["token"])

    def allows(self, purpose: str, subject: dict[str, str] = PERSON) -> bool:
        with self.server.client(self.server.keys.app_key) as client:
            return bool(
                client.post("/v1/consent/check", json={"subject": subject, "purpose": purpose}).json()["allowed"]
            )

    def open(self, page: Page, token: str, origin: str | None = None) -> None:
        page.goto("about:blank")  # another fragment alone would load nothing
        page.goto(f"{origin or self.origin}/page.html#{self.server.keys.workspace}/{token}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        made = Shop(tmp_path_factory.mktemp("shop"), stack)
        yield made
        made.server.process.terminate()
        made.server.process.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_page_of_another_origin_shows_and_changes_choices(shop: Shop, page: Page) -> None:
    watch = Watch(page)
    shop.open(page, shop.link())
    expect(page.locator("label")).to_have_count(4)
    expect(page.get_by_label("Über Angebote informieren")).not_to_be_checked()
    page.get_by_label("Nutzung verstehen").check()
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("3 gespeichert")  # a yes, and two answers that were never given
    expect(page.locator("#history li")).to_have_count(3)
    assert shop.allows("analytics")
    assert not shop.allows("marketing")
    page.get_by_label("Nutzung verstehen").uncheck()
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("1 gespeichert")
    assert not shop.allows("analytics")
    assert watch.complaints == []
    assert "rg_visit" not in page.url
    assert not any("rg_visit" in address or "shopper" in address for address in watch.asked)


def test_a_purpose_stands_under_its_parent_and_is_answered_by_itself(shop: Shop, browser: Browser, page: Page) -> None:
    shop.open(page, shop.link())
    offers = page.get_by_role("listitem").filter(has_text="Über Angebote informieren").last
    expect(offers.get_by_role("listitem").get_by_label("An Sie anpassen")).to_be_visible()
    expect(offers.get_by_role("listitem").get_by_role("listitem").get_by_label("Nutzung verstehen")).to_be_visible()
    context = browser.new_context(locale="en-GB", viewport={"width": 320, "height": 640})
    visit, address = context.new_page(), "beneath@example.com"
    enter(visit, shop.server, address)
    apart = "Under “Tell you about offers” Your answer to one counts for that one only."
    beneath = visit.get_by_role("group", name=apart)
    deepest = beneath.get_by_role("group", name="Under “Adapt it to you”")
    expect(deepest.get_by_role("heading", level=4, name="Understand how it is used")).to_be_visible()
    visit.get_by_role("group", name="Tell you about offers", exact=True).get_by_label("I agree").focus()
    for key in ("Space", "Tab", "Tab", "ArrowUp"):  # past the child, to the child's child
        visit.keyboard.press(key)
    visit.get_by_role("button", name="Save my choices").click()
    person = {"kind": "email", "value": address}
    assert [shop.allows(name, person) for name in ("marketing", "personalisation", "analytics")] == [True, False, True]
    expect(visit.get_by_role("row", name="Tell you about offers › Adapt it to you › Understand how it")).to_be_visible()
    for path in ("choices", "", "requests"):
        visit.goto(centre(shop.server, path))
        for scheme in ("light", "dark"):
            visit.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert faults(visit) == []
        assert visit.evaluate("document.documentElement.scrollWidth") == 320
    context.close()


def test_the_token_that_the_person_signed_in_with_opens_the_same_page(shop: Shop, page: Page) -> None:
    import time

    shop.open(page, shop.login.token(time.time_ns() // 1_000, sub="u-7"))
    page.get_by_label("Nutzung verstehen").check()
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("3 gespeichert")
    assert shop.allows("analytics", {"kind": "user_id", "value": "u-7"})


def test_a_stranger_and_a_strange_origin_see_nothing(shop: Shop, page: Page) -> None:
    shop.open(page, "rg_visit_" + "A" * 43)
    expect(page.get_by_role("status")).to_have_text("Not authenticated")
    shop.open(page, shop.link(), shop.stranger)
    expect(page.get_by_role("status")).to_have_text("Failed to fetch")
    expect(page.locator("label")).to_have_count(0)
