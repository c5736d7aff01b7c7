"""Who a person is by the company's own login: an OpenID Connect token, to identifiers of this workspace.

For every flow that needs somebody to prove who they are: the preference centre, and the verifying of requesters.

1. issuer      the token says whose it is; only an issuer that the operator named for this workspace is asked
2. signature   by a key that this issuer publishes now
3. claims      issuer, audience, times, nonce, and that it is a login token at all
4. normalise   claims to identifiers, as a tracking call's would be
"""

from __future__ import annotations

from typing import NamedTuple

from registry.access.logins import logins_of, told
from registry.connectors.issuer import IssuerKeys
from registry.connectors.outgoing import Outgoing
from registry.documents import Document
from registry.flows.deployment import Deployment, Issuer
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.identity.rules import IdentityRules
from registry.keys.login import claimed, verify_login
from registry.model.clock import Clock, Micros
from registry.model.errors import InvalidInput, Unauthenticated
from registry.model.ids import text_id
from registry.model.message import Identifier


class LoggedIn(NamedTuple):
    """A person who signed in: their identifiers, the strongest kind first, at least one; by whom, and when."""

    identifiers: tuple[Identifier, ...]
    issuer: str
    issued_at: Micros

    @property
    def person(self) -> Identifier:
        """The strongest identifier."""
        return self.identifiers[0]


def logged_in(deployment: Deployment, workspace: OpenWorkspace, token: str, *, nonce: str | None = None) -> LoggedIn:
    """Who signed in, by the token of the company's own login.

    A token can be sent again until it expires: where that matters, ask for it with a `nonce` that is used once.

    Args:
        nonce: what the token has to carry; None asks for none.

    Raises:
        Unauthenticated: no issuer of this workspace vouches for it, or it does not hold (any more).
        LinkedSystemUnavailable: the issuer does not give its keys; nobody is let in.
    """
    issuer = _issuer(deployment, workspace, token)
    claims = verify_login(token, issuer.keys, issuer.login.algorithms)
    found = told(issuer.login, claims, now=deployment.clock(), nonce=nonce)
    identifiers = []
    for kind, value in found.identifiers:
        try:
            identifiers.append(subject(deployment.policies.identity, kind, value))
        except InvalidInput:  # a value that points at nobody, such as `unknown`: the others still count
            continue
    if not identifiers:
        raise Unauthenticated("the login token is not taken: it names nobody")
    return LoggedIn(tuple(identifiers), issuer.login.issuer, found.issued_at)


def issuers_of(document: Document, rules: IdentityRules, outgoing: Outgoing, clock: Clock) -> list[Issuer]:
    """The issuers of a document that conforms to `schemas/logins.schema.json`; their keys are fetched when needed.

    Raises:
        DocumentInvalid: what it says does not fit the identity policy.
        InvalidInput: an issuer's address is none that may be asked.
    """
    anonymous = [rule.kind for rule in rules.kinds.values() if rule.anonymous]
    found = logins_of(document, rules.kinds, anonymous)
    keys = {issuer: IssuerKeys(issuer, outgoing, clock) for issuer in {login.issuer for login in found}}
    return [Issuer(login, keys[login.issuer]) for login in found]


def _issuer(deployment: Deployment, workspace: OpenWorkspace, token: str) -> Issuer:
    """The issuer that a token claims to be of, if it is one of this workspace."""
    said = claimed(token)
    here = text_id(workspace.workspace_id)
    for issuer in deployment.logins:
        login = issuer.login
        if login.issuer == said.issuer and login.audience in said.audiences and here in login.workspaces:
            return issuer
    raise Unauthenticated(
        "the login token is not taken: its issuer and audience are not known here",
        hint="the operator names them in the file of REGISTRY_LOGINS",
    )
