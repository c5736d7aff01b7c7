"""A visit to the privacy centre, in a real browser: the way in, with the code that was sent."""

from __future__ import annotations

import email
import re
from email import policy

from playwright.sync_api import Page, expect

from tests.live import Live


def centre(server: Live, path: str = "") -> str:
    """The address of a page of the centre."""
    return f"{server.url}/privacy/{server.keys.workspace}/{path}"


def code_for(server: Live, address: str) -> str:
    """The newest code that was sent to an address; other letters, of a request's end, may have come after it."""
    letters = sorted((server.data_dir / "mail").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    read = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in letters]
    texts = [letter.get_content() for letter in read if letter["To"] == address]
    return [code for text in texts for code in re.findall(r"\b\d{3} \d{3}\b", text)][-1]


def enter(page: Page, server: Live, address: str, query: str = "") -> None:
    """Prove an address, on to the choices."""
    page.goto(centre(server, query))
    page.locator("#email").fill(address)
    page.locator("form button").last.click()
    expect(page.locator("#code")).to_be_visible()
    page.locator("#code").fill(code_for(server, address))
    page.locator("main button").click()
    expect(page.locator("form fieldset").first).to_be_visible()
