"""The forms of a signed document: a certificate written in each, and whatever is presented checked by its form."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from registry.dsr.certificate import CERTIFICATE_TYPE
from registry.flows.accountability import certificate_page, proven, verify
from registry.flows.accountability.proven import Proven
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys.signing import invalid


class Form(StrEnum):
    """How a certificate is written, by the suffix of its file."""

    JWT = "jwt"
    """The signed document alone."""
    PROVEN = "json"
    """With the proof that it stands in the audit log: `schemas/proven-certificate.schema.json`."""
    PAGE = "html"
    """The same as a page to read and print."""


class Presented(NamedTuple):
    """A document whose signature holds; `proof` is its place in the audit log, where the document proves one."""

    kind: str
    claims: dict[str, Any]
    proof: Proven | None = None


def write(deployment: Deployment, workspace: OpenWorkspace, token: str, form: Form) -> str:
    """A certificate in one of its forms; each is checked by `check`.

    Raises:
        NotFound: the audit log has no entry on it.
    """
    if form is Form.JWT:
        return token
    stated = proven.prove(deployment, workspace, token)
    if form is Form.PROVEN:
        return orjson.dumps(stated, option=orjson.OPT_INDENT_2).decode()
    return certificate_page.render(stated, proven.check(stated, workspace.jwks()))


def check(text: str, jwks: Mapping[str, object]) -> Presented:
    """A receipt, a decision or a certificate: a JWT, a certificate with its proof as JSON, or its page.

    Raises:
        SignatureInvalid: it was altered, is of no form of ours, or was signed by another key.
    """
    text = text.strip()
    if text.startswith("<"):
        return _certified(certificate_page.check(text, jwks))
    if text.startswith("{"):
        try:
            stated = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise invalid("this is no signed document", "malformed") from None
        return _certified(proven.check(stated, jwks))
    return Presented(*verify.document(text, jwks))


def _certified(found: Proven) -> Presented:
    return Presented(CERTIFICATE_TYPE, found.claims, found)
