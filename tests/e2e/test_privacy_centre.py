"""The privacy centre in a real browser: plain words, choices that count at once, requests, and nothing given away."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import Watch, chromium, faults
from tests.e2e.visiting import centre, code_for, enter
from tests.live import Live

NUMBERS = count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.fixture
def address() -> str:
    return f"visitor.{next(NUMBERS)}@example.com"


def allowed(server: Live, address: str, purpose: str) -> bool:
    body = {"subject": {"kind": "email", "value": address}, "purpose": purpose}
    with server.client(server.keys.app_key) as client:
        return bool(client.post("/v1/consent/check", json=body).json()["allowed"])


def test_purposes_are_told_in_the_language_of_the_browser_or_the_one_chosen(
    browser: Browser, server: Live, page: Page
) -> None:
    page.goto(centre(server))
    expect(page.get_by_role("heading", level=1)).to_have_text("What we use your data for")
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wofür wir Ihre Daten nutzen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_text("Der Verantwortliche dieses Registers darf")).to_be_visible()
    context = browser.new_context(locale="de-AT")
    german = context.new_page()
    german.goto(centre(server))
    expect(german.get_by_role("heading", name="Über Angebote informieren")).to_be_visible()
    context.close()


def test_choices_count_at_once_and_have_receipts(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    watch = Watch(page)
    offers = page.get_by_role("group", name="Tell you about offers")
    expect(offers.get_by_label("I do not agree")).to_be_checked()
    offers.get_by_label("I agree").check()
    page.get_by_role("button", name="Save my choices").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_text("Receipt: Tell you about offers")).to_be_visible()
    assert allowed(server, address, "marketing")
    expect(page.get_by_role("row", name=re.compile("Tell you about offers agreed"))).to_be_visible()
    page.get_by_role("group", name="Tell you about offers").get_by_label("I do not agree").check()
    page.get_by_role("group", name="Keep it secure").get_by_label("I object").check()
    page.get_by_role("button", name="Save my choices").click()
    assert not allowed(server, address, "marketing")
    expect(page.get_by_role("row", name=re.compile("Tell you about offers withdrawn"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Keep it secure objected"))).to_be_visible()
    assert [url for url in watch.asked if address.partition("@")[0] in url] == []


def test_what_was_said_elsewhere_is_told_in_words_of_the_language(page: Page, server: Live, address: str) -> None:
    said = {"subject": {"kind": "email", "value": address}, "purpose": "marketing", "status": "denied"}
    event = {"type": "identify", "userId": address, "traits": {"email": address},
             "context": {"consent": {"categoryPreferences": {"Analytics": True}}}}  # fmt: skip
    assert httpx.post(f"{server.url}/v1/identify", json=event, auth=(server.keys.write_key, "")).status_code == 200
    with server.client(server.keys.admin_key) as client:
        assert client.post("/v1/consent/records", json=said).status_code < 300
        asked = {"subject": said["subject"], "kind": "restriction"}
        request = client.post("/v1/dsr/requests", json=asked).json()["request_id"]
        for move in ("verify", "approve", "run"):
            assert client.post(f"/v1/dsr/requests/{request}/{move}").status_code == 200
        assert client.post("/v1/consent/unrestrict", json={"subject": said["subject"]}).status_code == 200
    enter(page, server, address, "?lang=de")
    history = page.get_by_role("table").inner_text()
    assert "Nutzung verstehen\tzugestimmt\tbei der Nutzung unserer Seite oder App" in history
    assert "Über Angebote informieren\tabgelehnt\tauf unserer Seite oder in unserer App" in history
    assert "Jede Nutzung Ihrer Daten\teingeschränkt\tdurch einen Antrag" in history
    assert "Jede Nutzung Ihrer Daten\tnicht mehr eingeschränkt\tgegenüber unserem Personal" in history


def test_an_older_tab_lifts_no_no_that_came_since_and_says_so(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    older = page.context.new_page()
    page.get_by_role("group", name="Tell you about offers").get_by_label("I agree").check()
    page.get_by_role("button", name="Save my choices").click()
    older.goto(centre(server, "choices"))
    page.get_by_role("group", name="Tell you about offers").get_by_label("I do not agree").check()
    page.get_by_role("button", name="Save my choices").click()
    older.get_by_role("group", name="Understand how it is used").get_by_label("I agree").check()
    older.get_by_role("button", name="Save my choices").click()
    expect(older.get_by_role("alert")).to_contain_text("Another answer came since this page was shown: Tell you about")
    expect(older.get_by_role("status")).to_contain_text("Receipt: Understand how it is used")
    expect(older.get_by_role("group", name="Tell you about offers").get_by_label("I do not agree")).to_be_checked()
    assert (allowed(server, address, "marketing"), allowed(server, address, "analytics")) == (False, True)


def test_a_page_of_other_purposes_than_there_are_now_saves_nothing(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    form = page.locator("form", has=page.locator("input[name=policy]"))
    assert form.locator("input[name=policy]").get_attribute("value")
    shown = {
        name: form.locator(f"input[name={name}]").get_attribute("value") or ""
        for name in ("form_token", "seen-marketing")
    }
    sent = {**shown, "policy": "of-before", "choice-marketing": "yes"}
    answer = page.request.post(centre(server, "choices"), form=sent)  # as a server with other files would have shown it
    assert answer.status == 409
    assert "Nothing was saved: choose again" in answer.text()
    assert not allowed(server, address, "marketing")


def test_a_request_is_opened_verified_and_followed_to_a_package_that_anybody_can_read(
    browser: Browser, page: Page, server: Live, address: str, tmp_path: Path
) -> None:
    call = {"type": "identify", "userId": address.partition("@")[0], "traits": {"email": address}}
    httpx.post(f"{server.url}/v1/batch", json={"batch": [call], "writeKey": server.keys.write_key})
    enter(page, server, address)
    page.get_by_role("link", name="Your requests").click()
    expect(page.get_by_text("You have not asked for anything yet.")).to_be_visible()
    page.get_by_label("What do you want?").select_option("access")
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("row", name=re.compile("A copy of my data"))).to_contain_text("being looked at")
    with server.client() as officer:
        request = officer.get("/v1/dsr/requests").json()["requests"][0]["request_id"]
        for move in ("verify", "approve", "run"):  # the address was typed in: an officer vouches for who asks
            assert officer.post(f"/v1/dsr/requests/{request}/{move}").status_code == 200
    page.get_by_role("link", name="Your requests").click()
    page.get_by_text("Lock the file").click()
    page.get_by_label("With a password").fill("a synthetic passphrase")
    with page.expect_download() as locked:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(locked.value.path()) as archive, pytest.raises(RuntimeError, match="encrypted"):
        archive.read("index.html")
    page.get_by_label("With a password").fill("")
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(fetched.value.path()) as archive:
        read = tmp_path / "index.html"
        read.write_bytes(archive.read("index.html"))
    context = browser.new_context()
    package = context.new_page()
    watch = Watch(package)
    for scheme in ("light", "dark"):
        package.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        package.goto(read.as_uri())
        assert faults(package) == []
    assert {url.partition(":")[0] for url in watch.asked} == {"file"}
    context.close()


def test_a_telephone_shows_how_far_a_request_is_and_its_package(browser: Browser, server: Live, address: str) -> None:
    context = browser.new_context(locale="en-GB", viewport={"width": 320, "height": 640})
    page = context.new_page()
    enter(page, server, address)
    page.goto(centre(server, "requests?lang=de"))
    page.get_by_label("Was möchten Sie?").select_option("access")
    page.get_by_role("button", name="Antrag senden").click()
    with server.client() as officer:
        request = officer.get("/v1/dsr/requests").json()["requests"][0]["request_id"]
        for move in ("verify", "approve", "run"):
            assert officer.post(f"/v1/dsr/requests/{request}/{move}").status_code == 200
    page.goto(centre(server, "requests"))
    row = page.get_by_role("row").last
    for seen in (*row.get_by_role("cell").all(), row.get_by_role("button")):
        box = seen.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= 320, "nothing to be found by scrolling sideways"
    expect(page.get_by_role("columnheader")).to_have_count(4)
    assert faults(page) == []
    context.close()


KINDS = {
    "access": "A copy of my data", "portability": "My data to take elsewhere", "rectification": "Correct something",
    "restriction": "Stop using my data", "objection": "Object to a use", "withdrawal": "Withdraw a consent",
    "erasure": "Erase my data", "know": "Know what you hold", "delete": "Delete my personal information",
    "correct": "Correct personal information", "opt_out": "Do not sell or share", "limit": "Limit the use",
}  # fmt: skip


def opened_kinds(server: Live) -> list[tuple[str, str]]:
    with server.client() as officer:
        return [(row["kind"], row["state"]) for row in officer.get("/v1/dsr/requests").json()["requests"]]


def test_everything_that_the_law_gives_can_be_asked_for(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    before = len(opened_kinds(server))
    for kind, words in KINDS.items():
        page.goto(centre(server, "requests"))
        page.get_by_label("What do you want?").select_option(kind)
        if kind == "objection":
            page.get_by_role("group", name="Which uses do you object to?").get_by_label("Keep it secure").check()
        if kind == "withdrawal":
            consents = page.get_by_role("group", name="Which consents do you withdraw?")
            consents.get_by_label("Tell you about offers").check()
            expect(consents.get_by_label("Keep it secure")).to_have_count(0)
        if kind in ("rectification", "correct"):
            page.get_by_label("Which detail is wrong?").select_option("first_name")
            page.get_by_label("What is right?").fill("Ada")
        page.get_by_role("button", name="Send the request").click()
        expect(page.get_by_role("status")).to_have_text("We have received your request.")
        expect(page.get_by_role("row", name=re.compile(words))).to_be_visible()
    found = opened_kinds(server)
    assert [kind for kind, _ in reversed(found[: len(found) - before])] == list(KINDS)
    assert dict(found)["opt_out"] == "verified", "nobody has to prove anything for it"


def test_what_is_sent_twice_is_asked_for_once(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    page.goto(centre(server, "requests"))
    before = len(opened_kinds(server))
    page.get_by_label("What do you want?").select_option("portability")
    form = page.locator("form.asks")
    fields = ("form_token", "once", "kind", "trait", "correct")
    said = {name: form.locator(f"[name={name}]").first.input_value() for name in fields}
    page.get_by_role("button", name="Send the request").click()
    page.reload()
    expect(page.get_by_role("row", name=re.compile(KINDS["portability"]))).to_have_count(1)
    again = page.request.post(centre(server, "requests"), form=said, headers={"Origin": server.url})
    assert again.ok, "a double click"
    assert len(opened_kinds(server)) == before + 1
    page.get_by_label("What do you want?").select_option("portability")
    page.get_by_role("button", name="Send the request").click()
    assert len(opened_kinds(server)) == before + 2, "asked for once more"


def test_only_what_a_request_needs_is_asked(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    page.goto(centre(server, "requests"))
    objected = page.get_by_role("group", name="Which uses do you object to?")
    for kind, shown in (("", (0, 0)), ("objection", (1, 0)), ("erasure", (0, 0)), ("correct", (0, 1))):
        page.get_by_label("What do you want?").select_option(kind)
        assert (objected.is_visible(), page.get_by_label("What is right?").is_visible()) == tuple(map(bool, shown))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "bogus"}, "choose what you want"),
        ({"kind": ""}, "choose what you want"),
        ({}, "choose what you want"),
        ({"kind": "objection"}, "say which uses you mean"),
        ({"kind": "objection", "objection-purposes": "marketing"}, "say which uses you mean"),
        ({"kind": "withdrawal", "withdrawal-purposes": "fun"}, "say which uses you mean"),
        ({"kind": "rectification", "correct": "x" * 1_001}, "something in the form is missing"),
        ({"kind": "rectification"}, "say which detail is wrong"),
        ({"kind": "correct", "trait": "first_name", "correct": " "}, "say which detail is wrong"),
        ({"kind": "rectification", "trait": "age", "correct": "old"}, "this detail cannot be what you wrote"),
        ({"kind": "rectification", "trait": "shoe_size", "correct": "38"}, "this detail cannot be what you wrote"),
    ],
)
def test_what_cannot_be_taken_is_said_and_opens_nothing(
    page: Page, server: Live, address: str, form: dict[str, str], words: str
) -> None:
    enter(page, server, address)
    page.goto(centre(server, "requests"))
    before = len(opened_kinds(server))
    token = page.locator("input[name=form_token]").first.get_attribute("value") or ""
    answer = page.request.post(centre(server, "requests"), form=form | {"form_token": token})
    assert answer.status == 400
    assert f"Nothing was sent: {words}" in answer.text()
    assert len(opened_kinds(server)) == before
    german = page.request.post(centre(server, "requests?lang=de"), form=form | {"form_token": token})
    assert "Es wurde nichts gesendet" in german.text()


def fetched_by(server: Live, address: str) -> str:
    """The page of a link to the package of a request that an officer has run for an address."""
    subject = {"kind": "email", "value": address}
    with server.client() as officer:
        opened = officer.post("/v1/dsr/requests", json={"kind": "access", "subject": subject}).json()["request_id"]
        for move in ("verify", "approve", "run"):
            officer.post(f"/v1/dsr/requests/{opened}/{move}")
        made = officer.post(f"/v1/dsr/requests/{opened}/package/link", json={}).json()["url"]
    return f"fetch/{made.rpartition('/')[2]}"


def test_every_page_keeps_the_rules_of_accessibility_in_light_and_dark(
    browser: Browser, server: Live, address: str
) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    watch = Watch(page)
    page.goto(centre(server))
    found = {"start": faults(page)}
    page.locator("#email").fill(address)
    page.get_by_role("button", name="Send me a code").click()
    found["code"] = faults(page)
    page.locator("#code").fill(code_for(server, address))
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("group", name="Tell you about offers").get_by_label("I agree").check()
    page.get_by_role("button", name="Save my choices").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found[f"choices {scheme}"] = faults(page)
    for path in ("requests", "requests?lang=de", "link/some-token"):
        page.goto(centre(server, path))
        found[path] = faults(page)
    for path in (fetched_by(server, address), "requests", "requests?lang=de"):
        page.goto(centre(server, path))
        page.locator("details > summary").first.click()
        found[f"{path} unfolded"] = faults(page)
    page.goto(centre(server, "requests"))
    for kind in ("objection", "withdrawal", "correct"):
        page.locator("#kind").select_option(kind)
        found[kind] = faults(page)
    assert {name: faulty for name, faulty in found.items() if faulty} == {}
    assert watch.complaints == []
    assert [url for url in watch.asked if not url.startswith(server.url)] == []
    context.close()


def test_pages_of_a_person_are_closed_to_whoever_has_not_proved_to_be_one(page: Page, server: Live) -> None:
    for path in ("choices", "requests"):
        page.goto(centre(server, path))
        expect(page.get_by_role("heading", level=1)).to_have_text("What we use your data for")
    for path in ("code", "link/unknown"):
        answer = httpx.post(centre(server, path), data={"code": "000000"})
        assert answer.status_code == 401
    assert httpx.get(f"{server.url}/privacy/01a209d1-92c3-71a7-a01a-37ca4a996c8a/").status_code == 404
    typed = httpx.get(f"{server.url}/privacy/{server.keys.workspace}")  # without the last slash
    assert typed.status_code == 200
    assert typed.text == httpx.get(f"{server.url}/privacy/{server.keys.workspace}/").text


def test_the_answer_to_an_address_is_the_same_for_everybody(server: Live, address: str) -> None:
    call = {"type": "identify", "userId": address.partition("@")[0], "traits": {"email": address}}
    httpx.post(f"{server.url}/v1/batch", json={"batch": [call], "writeKey": server.keys.write_key})
    known, unknown = (
        httpx.post(centre(server, "enter"), data={"email": one}) for one in (address, f"not.{address}")
    )  # fmt: skip
    assert (known.status_code, known.headers["location"]) == (unknown.status_code, unknown.headers["location"])
    assert known.content == unknown.content
    assert len(known.headers["set-cookie"]) == len(unknown.headers["set-cookie"])
    for fault in ("", "no address", "a@b@c"):
        assert httpx.post(centre(server, "enter"), data={"email": fault}).status_code == 400


def test_a_choice_needs_the_visits_own_form(page: Page, server: Live, address: str) -> None:
    enter(page, server, address)
    answer = page.request.post(centre(server, "choices"), form={"choice-marketing": "yes"})
    assert answer.status == 403
    assert not allowed(server, address, "marketing")
    page.get_by_role("button", name="Leave").click()
    page.goto(centre(server, "choices"))
    expect(page.get_by_role("heading", level=1)).to_have_text("What we use your data for")


def test_a_browser_that_objects_is_heeded_as_soon_as_it_is_known_whose_it_is(
    browser: Browser, server: Live, address: str
) -> None:
    with server.client(server.keys.app_key) as client:
        said = {"subject": {"kind": "email", "value": address}, "purpose": "marketing", "status": "granted"}
        assert client.post("/v1/consent/records", json=said | {"age_at_least": 30}).status_code == 201
    context = browser.new_context(java_script_enabled=False, locale="en-GB", extra_http_headers={"Sec-GPC": "1"})
    page = context.new_page()
    enter(page, server, address)
    told = page.get_by_role("status")
    expect(told).to_contain_text("Global Privacy Control")
    expect(told).to_contain_text("Tell you about offers")
    assert not allowed(server, address, "marketing")
    offers = page.get_by_role("group", name="Tell you about offers")
    expect(offers.get_by_role("radio").last).to_be_checked()
    page.reload()
    assert page.locator("table tbody tr").count() == 2, "once"
    offers.get_by_role("radio").first.check()
    page.get_by_role("button", name="Save").click()
    assert allowed(server, address, "marketing"), "who has been told, and agrees all the same, agrees"
    expect(page.get_by_text("Global Privacy Control")).to_have_count(0)
    context.close()
