"""The officers' console in a real browser: without scripts, by keyboard, light and dark, nobody named in an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from registry import bootstrap
from registry.flows.access import accounts
from registry.flows.access.accounts import Secrets
from registry.settings import Settings
from tests.e2e.browser import Watch, chromium, faults
from tests.live import Live

EMAIL = "shopper.console@example.com"
PAGES = (
    "", "profiles", "merges", "suggestions?purpose=service", "quality", "requests", "requests?state=all", "deadlines",
    "holds", "accountability", "violations", "purposes", "purposes?language=de", "sources", "plans/ecommerce/1.0.0",
    "keys", "audit", "documents",
)  # fmt: skip


@dataclass
class Console:
    """A server with a shopper's events and two officers."""

    server: Live
    secrets: dict[str, Secrets]

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.server.url}/console/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(self.secrets[name].password)
        page.get_by_label("One-time code").fill(pyotp.TOTP(self.secrets[name].totp_secret).now())
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()


@pytest.fixture(scope="module")
def console(server: Live) -> Console:
    registry = bootstrap.connect(Settings(data_dir=server.data_dir))
    workspace = registry.workspaces.only()
    secrets = {
        name: accounts.create(
            registry.deployment, workspace, name=name, role=role, purposes=frozenset({"service"}), actor="operator"
        )
        for name, role in (
            ("dana", "admin"), ("eli", "compliance_officer"), ("noor", "compliance_officer"), ("sam", "support_agent"),
        )
    }  # fmt: skip
    registry.close()
    yes = {"consent": {"categoryPreferences": {"Analytics": True, "Advertising": True, "Functional": True}}}
    order = {"order_id": "o-1", "total": 13.0, "currency": "EUR", "products": [{"product_id": "p-1"}]}
    calls = [
        {
            "type": "identify",
            "userId": "console-1",
            "traits": {
                "email": EMAIL,
                "first_name": "Robin",
                "loyalty_tier": "gold",
                "address": {"street": "1 Lane", "city": "Ulm"},
            },
            "context": yes,
        },
        {"type": "track", "userId": "console-1", "event": "Order Completed", "properties": order},
        {"type": "track", "userId": "console-1", "event": "Product Added", "properties": {"price": -1.0}},
    ]
    body = {"batch": calls, "writeKey": server.keys.write_key}
    assert httpx.post(f"{server.url}/v1/batch", json=body).json()["rejected"] == 1
    return Console(server, secrets)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def officer(browser: Browser, console: Console) -> Iterator[BrowserContext]:
    """A browser in which an admin has signed in, without scripts."""
    context = browser.new_context(java_script_enabled=False)
    console.sign_in(context.new_page(), "dana")
    yield context
    context.close()


def test_every_page_keeps_the_rules_of_accessibility_in_light_and_dark(browser: Browser, console: Console) -> None:
    context = browser.new_context()
    page = context.new_page()
    watch = Watch(page)
    page.goto(f"{console.server.url}/console/sign-in")
    found = {"sign-in": faults(page)}
    console.sign_in(page, "noor")
    looked_up = _look_up(page, console)
    opened = _open_request(page, console, "access")
    for url in (*(f"{console.server.url}/console/{path}" for path in PAGES), looked_up, opened):
        answer = page.goto(url)
        if answer is None or answer.status == 403:  # the role has no keys
            continue
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            found[f"{scheme} {url}"] = faults(page, colours_only=scheme == "dark")
    assert {name: faulty for name, faulty in found.items() if faulty} == {}
    assert len(found) > 20
    assert watch.complaints == []
    assert [url for url in watch.asked if not url.startswith(console.server.url)] == []
    assert [url for url in watch.asked if "shopper" in url or "console-1" in url] == []
    context.close()


def test_no_page_scrolls_sideways_on_a_narrow_screen(officer: BrowserContext, console: Console) -> None:
    page = officer.new_page()
    page.set_viewport_size({"width": 320, "height": 640})  # WCAG 1.4.10; 400 % of 1280
    wide = []
    for path in PAGES:
        page.goto(f"{console.server.url}/console/{path}")
        if page.locator("html").evaluate("html => html.scrollWidth > html.clientWidth"):
            wide.append(path)
    assert wide == []


def test_the_keyboard_alone_signs_in_and_the_skip_link_comes_first(browser: Browser, console: Console) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{console.server.url}/console/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    secrets = console.secrets["sam"]
    for text in ("sam", secrets.password, pyotp.TOTP(secrets.totp_secret).now()):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_role("navigation", name="Console")).not_to_contain_text("Audit log")
    assert page.goto(f"{console.server.url}/console/audit").status == 403  # type: ignore[union-attr]
    expect(page.locator("main")).to_contain_text("role support_agent lacks audit:read")
    context.close()


def test_the_browser_itself_says_that_a_reason_names_nobody(officer: BrowserContext, console: Console) -> None:
    page = officer.new_page()
    page.goto(_open_request(page, console, "access"))
    reasons = page.locator("input[name=reason]")
    assert reasons.count() > 1
    for reason in reasons.all():
        fits = reason.evaluate(
            "(one, texts) => texts.map(text => { one.value = text; return one.validity.valid })",
            ["ask somebody@example.com", "the copy (page 2/3) can't be read, see Art. 12(6)"],
        )
        assert fits == [False, True]
    page.close()


def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_of_other_sites(officer: BrowserContext) -> None:
    [cookie] = officer.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")


def test_a_view_says_why_a_value_counts_and_what_is_withheld(officer: BrowserContext, console: Console) -> None:
    page = officer.new_page()
    url = _look_up(page, console)
    assert EMAIL not in url
    assert re.search(r"/console/profiles/[0-9a-f-]{36}\?purpose=service$", url)
    row = page.get_by_role("row", name=re.compile("^email"))
    expect(row.first).to_contain_text(EMAIL)
    expect(row.first).to_contain_text("Only shop gives a value.")
    expect(row.first).to_contain_text("0 days old, confidence 0.60")
    assert page.get_by_role("row", name=re.compile("^address")).first.locator("dd").all_inner_texts() == [
        "1 Lane",
        "Ulm",
    ]
    page.get_by_text("Why these are one person").click()
    drawn = page.request.get(f"{console.server.url}{page.locator('img.wide').get_attribute('src')}")
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert "is linked with" in drawn.text()
    expect(page.get_by_text("value is withheld").or_(page.get_by_text("values are withheld"))).to_be_visible()
    page.goto(f"{console.server.url}/console/profiles")
    page.get_by_label("Identifier", exact=False).last.fill("nobody@example.com")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody is known under this identifier")
    page.close()


def test_a_form_needs_its_sessions_token_and_its_own_site(officer: BrowserContext, console: Console) -> None:
    url = f"{console.server.url}/console/quarantine"
    own = {"Origin": console.server.url}
    assert officer.request.post(url, form={"how": "replay"}, headers=own).status == 403
    page = officer.new_page()
    page.goto(f"{console.server.url}/console/violations")
    token = page.locator("input[name=form_token]").first.input_value()
    form = {"how": "dry", "form_token": token}
    assert officer.request.post(url, form=form, headers=own).status == 200
    for elsewhere in ({"Origin": "https://example.net"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert officer.request.post(url, form=form, headers=elsewhere).status == 403
    page.close()


def test_the_quarantine_is_tried_and_a_message_traced(officer: BrowserContext, console: Console) -> None:
    page = officer.new_page()
    page.goto(f"{console.server.url}/console/violations")
    expect(page.get_by_role("row", name=re.compile("product added")).first).to_be_visible()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("status")).to_contain_text("1 looked at, 0 would be let in, 1 still rejected")
    page.get_by_label("Message id").fill("never sent")
    page.get_by_role("button", name="Trace").click()
    expect(page.get_by_role("alert")).to_contain_text("No message with this id came")
    page.close()


def test_a_suggestion_is_seen_decided_and_decided_otherwise(officer: BrowserContext, console: Console) -> None:
    own = {"first_name": "Alex", "last_name": "Sample", "birthday": "1980-02-03"}
    calls = [{"type": "identify", "userId": f"twice-{number}", "traits": own} for number in (1, 2)]
    body = {"batch": calls, "writeKey": console.server.keys.write_key}
    assert httpx.post(f"{console.server.url}/v1/batch", json=body).json()["accepted"] == 2
    page = officer.new_page()
    page.goto(f"{console.server.url}/console/suggestions")
    page.get_by_label("Purpose").select_option("service")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("main")).to_contain_text("1 pair shown")
    shown = page.request.get(f"{console.server.url}{page.locator('img.chart').get_attribute('src')}")
    assert "first name same" in shown.text()
    assert "Alex" not in page.content() + shown.text()
    page.get_by_role("button", name="One person").click()
    expect(page.get_by_role("status")).to_contain_text("one person")
    expect(page.locator("main")).to_contain_text("Nobody looks like anybody else")
    page.goto(f"{console.server.url}/console/merges")
    page.get_by_role("button", name="Two people").click()
    expect(page.get_by_role("status")).to_contain_text("2 people")
    expect(page.get_by_role("row", name=re.compile("two people")).first).to_be_visible()
    page.get_by_role("button", name="One person").click()
    expect(page.get_by_role("status")).to_contain_text("1 person")
    page.close()


def test_an_erasure_goes_from_opening_to_its_certificate_with_two_officers(
    browser: Browser, officer: BrowserContext, console: Console
) -> None:
    page = officer.new_page()
    url = _open_request(page, console, "erasure", _new_shopper(console, "erased"))
    page.get_by_role("button", name="Requester verified").click()
    expect(page.locator("main")).to_contain_text("An erasure is approved by somebody other than the one who opened it")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    second = browser.new_context(java_script_enabled=False)
    other = second.new_page()
    console.sign_in(other, "eli")
    other.goto(url)
    other.get_by_role("button", name="Approve").click()
    other.get_by_role("button", name="Run now").click()
    expect(other.locator(".steps [aria-current]")).to_have_text("completed")
    with other.expect_download() as fetched:
        other.get_by_role("link", name="Download the certificate").click()
    certificate = fetched.value.path().read_text()
    other.get_by_role("link", name="Read or print the certificate").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Certificate of erasure")
    expect(other.get_by_role("img")).to_have_accessible_name(re.compile(r"\d+ erased, \d+ retained"))
    to_print = other.request.get(other.url).text()
    other.goto(f"{console.server.url}/console/documents")
    other.get_by_label("The document").fill(certificate)
    other.get_by_role("button", name="Check").click()
    expect(other.get_by_role("status")).to_contain_text("verified")
    other.get_by_label("The document").fill(to_print)
    other.get_by_role("button", name="Check").click()
    expect(other.get_by_role("status")).to_contain_text("It stands in the audit log")
    other.get_by_label("The document").fill(certificate[:-8] + "AAAAAAAA")
    other.get_by_role("button", name="Check").click()
    expect(other.get_by_role("alert")).to_contain_text("It does not verify")
    other.goto(f"{console.server.url}/console/audit")
    other.get_by_role("button", name="Check the whole log").click()
    expect(other.get_by_role("status")).to_contain_text("The log is whole and in order")
    second.close()
    page.close()


def test_the_package_of_an_access_request_is_downloaded(officer: BrowserContext, console: Console) -> None:
    page = officer.new_page()
    _open_request(page, console, "access", _new_shopper(console, "package"))
    for button in ("Requester verified", "Approve", "Run now"):
        page.get_by_role("button", name=button).click()
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Download the package").click()
    assert fetched.value.path().read_bytes()[:2] == b"PK"
    page.close()


def test_signing_out_ends_the_session(browser: Browser, console: Console) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{console.server.url}/console/sign-in")
    page.get_by_text("With an API key").click()
    page.get_by_label("Key of a person").fill(console.server.keys.admin_key)
    page.get_by_role("button", name="Sign in with the key").click()
    cookies = context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.add_cookies([{k: cookie[k] for k in ("name", "value", "domain", "path")} for cookie in cookies])
    page.goto(f"{console.server.url}/console/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def _new_shopper(console: Console, name: str) -> str:
    """Somebody whom no other test knows; their e-mail address."""
    email = f"shopper.{name}@example.com"
    call = {"type": "identify", "userId": f"console-{name}", "traits": {"email": email}}
    body = {"batch": [call], "writeKey": console.server.keys.write_key}
    assert httpx.post(f"{console.server.url}/v1/batch", json=body).json()["accepted"] == 1
    return email


def _look_up(page: Page, console: Console) -> str:
    page.goto(f"{console.server.url}/console/profiles")
    page.get_by_label("Identifier", exact=False).last.fill(EMAIL)
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("heading", name="One person")).to_be_visible()
    return page.url


def _open_request(page: Page, console: Console, kind: str, email: str = EMAIL) -> str:
    page.goto(f"{console.server.url}/console/requests")
    if not page.get_by_label("What the person asks for").is_visible():
        page.get_by_text("Open a request").click()
    page.get_by_label("What the person asks for").select_option(kind)
    page.get_by_label("Identifier", exact=True).fill(email)
    page.get_by_role("button", name="Open the request").click()
    expect(page.get_by_role("heading", name="What can be done now")).to_be_visible()
    return page.url
