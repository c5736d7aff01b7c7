"""The pages of one server: hung into its application beside the API."""

from __future__ import annotations

from fastapi import FastAPI

from registry.pages import (
    accountability,
    answered,
    asking,
    choices,
    deadlines,
    holds,
    overview,
    people,
    quality,
    request,
    requester,
    requests,
    signing_in,
    site,
    stewards,
    workspace,
)  # fmt: skip
from registry.pages.site import Site

CONSOLE = (
    *signing_in.ROUTES,
    *overview.ROUTES,
    *people.ROUTES,
    *stewards.ROUTES,
    *quality.ROUTES,
    *requests.ROUTES,
    *answered.ROUTES,
    *requester.ROUTES,
    *request.ROUTES,
    *deadlines.ROUTES,
    *holds.ROUTES,
    *accountability.ROUTES,
    *workspace.ROUTES,
)
PAGES = (*site.ROUTES, *CONSOLE, *choices.ROUTES, *asking.ROUTES)
"""Every page. None of them is part of the API: docs/reference/pages.md lists them."""


def add_pages(app: FastAPI, pages: Site) -> None:
    """Add the console and the privacy centre to a server."""
    app.state.pages = pages
    app.router.routes.extend(PAGES)
