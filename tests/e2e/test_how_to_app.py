"""The app of the how-to for developers: under a screen, and it runs against a real server as it stands there."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from tests.api.house import NO_TLS, serving
from tests.architecture.project import ROOT
from tests.live import Live

HOW_TO = ROOT / "docs" / "how-to" / "check-consent-from-your-app.md"
SCREEN = 55
"""Lines."""


def app_of_the_how_to() -> tuple[FastAPI, dict[str, Any]]:
    """The app as the page shows it, behind a login that believes a header."""
    [code] = re.findall(r"^```python\n(.*?)^```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    members: dict[str, Any] = {}
    # A busy machine may take longer than a second for an answer.
    patient = code.replace("follow=True", "follow=True, timeout=20")
    exec(compile(patient, HOW_TO.name, "exec"), members)
    app = members["app"]
    assert isinstance(app, FastAPI)

    @app.middleware("http")
    async def log_in(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.customer = request.headers["x-user"]
        return await go_on(request)

    return app, members


def test_it_fits_on_a_screen() -> None:
    assert len(HOW_TO.read_text(encoding="utf-8").splitlines()) <= SCREEN


def test_its_code_does_what_the_page_says(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_REGISTRY", server.url)
    monkeypatch.setenv("SHOP_REGISTRY_KEY", server.keys.app_key)
    app, members = app_of_the_how_to()
    headers = {"x-user": "how-to-shopper"}
    with (
        members["registry"],
        serving(app) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60, verify=NO_TLS) as shop,
    ):
        refused = shop.post("/offers")
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
        assert refused.json()["reason"] == "unknown_subject"
        assert shop.get("/recommended").status_code == 403
        assert shop.post("/choices/marketing/granted").json().count(".") == 2
        assert shop.post("/choices/personalisation/granted").status_code == 200
        assert shop.post("/offers").json() == "sent: hats"
        assert shop.get("/recommended").json() == ["hats"]
        assert shop.get("/why").json() == {"allowed": False, "reason": "no_record"}
        assert shop.post("/choices/personalisation/withdrawn").status_code == 200
        assert shop.get("/recommended").status_code == 403
