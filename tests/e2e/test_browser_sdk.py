"""A page of another origin sends from Chromium: with `@segment/analytics-next` unmodified, and with bare beacons."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import Watch, chromium
from tests.live import Live
from tests.npm_packages import node_modules

LOAD = """
async ({ url, key, batching }) => {
  const { AnalyticsBrowser } = window.AnalyticsNext;
  const delivery = batching ? { strategy: "batching", config: { size: 50, timeout: 200 } } : undefined;
  const sender = { apiHost: new URL(url).host + "/v1", protocol: "http", deliveryStrategy: delivery };
  window.analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: url }, { integrations: { "Segment.io": sender } });
  await window.analytics.ready();
}
"""
ORDER = {"order_id": "o-1", "products": [{"product_id": "p-1"}]}


class Silent(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page, of an origin of its own, that loads the SDK."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "sdk").symlink_to(node_modules() / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd")
    page = '<!doctype html><title>Shop</title><link rel="icon" href="data:,"><script src="/sdk/index.js"></script>'
    (folder / "index.html").write_text(page)
    (folder / "other.html").write_text('<!doctype html><title>Other</title><link rel="icon" href="data:,">')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, shop: str) -> Iterator[Page]:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(shop)
    yield opened
    context.close()


def names(server: Live, user: str, count: int) -> list[str]:
    """The calls of a person, once there are as many as expected or some seconds are over."""
    subject, until = {"kind": "user_id", "value": user}, time.monotonic() + 15
    found: list[str] = []
    with server.client(server.keys.app_key) as client:
        while len(found) < count and time.monotonic() < until:
            looked = client.post("/v1/profiles/lookup", json={"subject": subject, "purpose": "service"})
            if looked.status_code == 200:
                path = f"/v1/profiles/{looked.json()['profile_id']}/timeline?limit=200"
                events = client.get(path, headers={"Registry-Purpose": "service"}).json()["events"]
                found = sorted(event["type"] for event in events)
            if len(found) < count:
                time.sleep(0.1)
    return found


@pytest.mark.parametrize("batching", [False, True], ids=["one by one", "in batches"])
def test_the_browser_sdk_works_across_origins(server: Live, page: Page, batching: bool) -> None:
    user, watch = f"u-{uuid4()}", Watch(page)
    page.evaluate(LOAD, {"url": server.url, "key": server.keys.write_key, "batching": batching})
    page.evaluate(
        """async ([user, order]) => {
          await analytics.identify(user, { first_name: "Robin" });
          await analytics.page("Shop", "Home");
          await analytics.track("Order Completed", order);
          await analytics.track("Order Completed", order);
          await analytics.track("Nothing Planned");
          await analytics.group("g-1");
        }""",
        [user, ORDER],
    )
    assert names(server, user, 5) == ["group", "identify", "page", "track", "track"]
    page.title()  # what the browser said meanwhile is heard when it is asked something
    asked = {url for url in watch.asked if url.startswith(server.url)}
    assert f"{server.url}/v1/projects/{server.keys.write_key}/settings" in asked
    sent = asked - {f"{server.url}/v1/projects/{server.keys.write_key}/settings"}
    paths = {url.removeprefix(server.url) for url in sent}
    assert ({"/v1/b"} if batching else {"/v1/i", "/v1/p", "/v1/t", "/v1/g"}) <= paths
    assert all(url.startswith((server.url, "http://localhost")) for url in watch.asked), "nobody else is told anything"
    assert watch.complaints == []


def test_what_is_batched_when_the_page_is_left_is_sent(server: Live, page: Page, shop: str) -> None:
    user = f"u-{uuid4()}"
    page.evaluate(LOAD, {"url": server.url, "key": server.keys.write_key, "batching": True})
    page.evaluate(
        "([user, order]) => { analytics.identify(user); analytics.track('Order Completed', order); }", [user, ORDER]
    )
    page.goto(f"{shop}/other.html")
    assert names(server, user, 2) == ["identify", "track"]


def test_a_beacon_of_plain_text_is_taken_in(server: Live, page: Page) -> None:
    user = f"u-{uuid4()}"
    call = {"type": "track", "userId": user, "event": "Order Completed", "properties": ORDER, "messageId": f"m-{user}"}
    queued = page.evaluate(
        "([url, body]) => navigator.sendBeacon(url + '/v1/b', JSON.stringify(body))",
        [server.url, {"writeKey": server.keys.write_key, "batch": [call]}],
    )
    assert queued
    assert names(server, user, 1) == ["track"]


def test_a_page_may_read_the_answer_and_its_refusal(server: Live, page: Page) -> None:
    post = """async ([url, key]) => {
      const headers = { "Content-Type": "text/plain", Authorization: "Basic " + btoa(key + ":"), "X-Retry-Count": "1" };
      const answer = await fetch(url + "/v1/t", { method: "POST", headers, body: '{"event": "Nothing Planned"}' });
      return [answer.status, (await answer.json()).code ?? null];
    }"""
    assert page.evaluate(post, [server.url, server.keys.write_key]) == [200, None]
    assert page.evaluate(post, [server.url, "rg_write_nobody"]) == [401, "unauthenticated"]
