"""The page of a package in a real browser: from a folder, without a server, in light, dark and print, for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, expect

from registry.dsr.requests import Kind, Move
from registry.flows.accountability import forms
from registry.flows.dsr import export, holds, intake, lifecycle
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.e2e.browser import Watch, chromium, faults
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    clock = SetClock()
    registry = RegistrySimulator(tmp_path_factory.mktemp("package") / "data", clock)
    made = registry.tenant()
    made.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada", order_id="o-1", products=[{"product_id": "p-1", "price": 12.5, "quantity": 2}]),
        track("Nonsense", "ada", note="ask bob@example.com"),
    )
    for _ in range(4):
        clock.pass_by(days=40)
        made.send(viewed("ada", product_id="a-long-product-identifier-that-has-to-be-broken-somewhere"), ordered("ada"))
    made.say("user_id", "ada", "marketing", "withdrawn")
    yield made
    registry.close()


def unpacked(tenant: Tenant, folder: Path, asked: StoredRequest | None = None) -> Path:
    request = tenant.run(asked or tenant.request(Kind.ACCESS, "email", "ada@example.com"))
    stream = BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="person:officer")
    ZipFile(stream).extractall(folder)
    return folder / "index.html"


def test_a_person_reads_their_package_from_a_folder_in_light_dark_and_print(
    browser: Browser, tenant: Tenant, tmp_path: Path
) -> None:
    file = unpacked(tenant, tmp_path / "package")
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        watch = Watch(page)
        page.goto(file.as_uri())
        assert faults(page) == []
        assert {url.partition(":")[0] for url in watch.asked} == {"file"}
        assert watch.complaints == []
        [*months] = page.locator(".bar[role=img]").all()
        assert len(months) == 5
        assert "contact: email: " in (months[0].get_attribute("aria-label") or "")
        widths = page.locator("#categories + .wrap .bar > span").evaluate_all("all => all.map(one => one.offsetWidth)")
        assert widths == sorted(widths, reverse=True)
        assert widths[-1] < widths[0]
        expect(page.get_by_text("ada@example.com").first).to_be_visible()
        expect(page.get_by_text("1 e-mail address in texts")).to_be_visible()
        page.get_by_role("link", name="Your rights").click()
        expect(page.get_by_role("heading", name="Your rights")).to_be_in_viewport()
        for link in page.locator("a[href]").all():
            target = link.get_attribute("href") or ""
            assert target.startswith("#") or (file.parent / target).is_file(), target
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth <= 360"), "no page wider than a telephone"
        page.set_viewport_size({"width": 320, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth <= 320")
        assert faults(page) == [], "tables that scroll sideways do so by keyboard, too"
        page.emulate_media(media="print")
        assert faults(page, colours_only=True) == []
        context.close()


def test_a_page_in_german_is_for_everybody_too(browser: Browser, tenant: Tenant, tmp_path: Path) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    wish = intake.Wish(Kind.ACCESS, tenant.person("email", "ada@example.com"), language="de")
    request, _ = intake.take(deployment, workspace, wish, actor="person:first")
    for move, actor in ((Move.VERIFY, "person:first"), (Move.APPROVE, "person:second")):
        lifecycle.move_request(deployment, workspace, request.request_id, move, actor=actor)
    file = unpacked(tenant, tmp_path / "package", request)
    page = browser.new_context().new_page()
    page.goto(file.as_uri())
    assert faults(page) == []
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("link", name="Ihre Rechte").click()
    expect(page.get_by_role("heading", name="Ihre Rechte")).to_be_in_viewport()
    page.set_viewport_size({"width": 320, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= 320")
    page.context.close()


def sheets(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("held", [0, 1, 9], ids=["ordinary", "with what a hold keeps", "long"])
def test_a_certificate_is_one_printed_sheet_and_the_details_of_a_long_case_stand_on_the_next(
    browser: Browser, tenant: Tenant, tmp_path: Path, held: int
) -> None:
    name = f"held-{held}"
    tenant.send(
        identify(name, f"{name}-phone", email=f"{name}@example.com", context=consent(**ALL_YES)),
        ordered(name),
        track("Nonsense", name),
    )
    for number in range(held):
        holds.place(
            tenant.registry.deployment, tenant.workspace, tenant.person("user_id", name), purpose="legal",
            ground=f"claim {number} before the labour court, file {number}/26", categories=(), actor="person:first",
        )  # fmt: skip
    token = tenant.erase("user_id", name).certificate or ""
    text = forms.write(tenant.registry.deployment, tenant.workspace, token, forms.Form.PAGE)
    file = tmp_path / "certificate.html"
    file.write_text(text, encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    assert faults(page) == []
    page.set_viewport_size({"width": 320, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= 320"), "no page wider than a small telephone"
    is_long = page.locator(".annex").count() == 1
    assert is_long == (held > 0)
    assert sheets(page.pdf(prefer_css_page_size=True)) == (2 if is_long else 1)
    page.add_style_tag(content=".annex { display: none }")
    assert sheets(page.pdf(prefer_css_page_size=True)) == 1
    context.close()
