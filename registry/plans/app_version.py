"""Which version of an app sent an event: what violations are counted by, and nothing else that a sender may write."""

from __future__ import annotations

import re

OTHER = "other"
"""Stands for a version that is there and has not the form of one."""

_VERSION = re.compile(
    r"v?([0-9]{1,4}(?:\.[0-9]{1,5}){0,2})(?:\.[0-9]{1,8})?(-(?:alpha|beta|rc|dev|preview|snapshot)(?:\.?[0-9]{1,4})?)?"
    r"(?:[+ (-].{0,40})?",
    re.IGNORECASE,
)


def version_of_app(call: object) -> str | None:
    """The version in `context.app.version`: at most three numbers, and the stage before a release.

    `OTHER` for any other text, None where there is none. It is stored in plain, so that what a sender
    might write there beside a version (a name, a build's id, a fourth number as of an IP address) is cut off.
    """
    context = call.get("context") if isinstance(call, dict) else None
    app = context.get("app") if isinstance(context, dict) else None
    version = app.get("version") if isinstance(app, dict) else None
    if version is None:
        return None
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return match.group(1) + (match.group(2) or "").lower() if match is not None else OTHER
