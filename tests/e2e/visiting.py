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
    """The code of the newest letter to an address."""
    letters = sorted((server.data_dir / "mail").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    read = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in letters]
    text = next(letter.get_content() for letter in reversed(read) if letter["To"] == address)
    return re.search(r"\d{3} \d{3}", text).group()  # type: ignore[union-attr]


def enter(page: Page, server: Live, address: str, query: str = "") -> None:
    """Prove an address, on to the choices."""
    page.goto(centre(server, query))
    page.locator("#email").fill(address)
    page.locator("form button").last.click()
    page.locator("#code").fill(code_for(server, address))
    page.locator("main button").click()
    expect(page.locator("form fieldset").first).to_be_visible()
