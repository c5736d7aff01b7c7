"""Writing a certificate to a file, in the form that the file's name asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.cli.files import require_absent, written_whole
from registry.flows.accountability.forms import Form, write
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput

CERTIFICATES = frozenset(f".{form.value}" for form in Form)
"""The suffixes that a certificate's file may have."""


def write_certificate(deployment: Deployment, workspace: OpenWorkspace, token: str, to: Path) -> None:
    """Write a certificate as `.jwt`, as `.json` with its proof, or as a page (`.html`).

    Raises:
        InvalidInput: the suffix is of none of these.
        Conflict: the file exists.
    """
    require_absent(to)
    suffix = to.suffix.removeprefix(".").lower()
    if suffix not in list(Form):
        raise InvalidInput("a certificate is written as .jwt, .json or .html")
    with written_whole(to) as stream:
        stream.write(write(deployment, workspace, token, Form(suffix)).encode())


def shortened(view: Mapping[str, Any], get_it: str) -> dict[str, Any]:
    """A view for a person: how its certificate is got, in the place of a text that nobody reads."""
    return {**view, "certificate": f"issued, {get_it} --to certificate.html" if view["certificate"] else None}
