"""Naming a person on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.bootstrap import Registry
from registry.flows.identity.subjects import subject
from registry.identity.rules import IdentityRules
from registry.model.errors import InvalidInput
from registry.model.message import Identifier

Email = Annotated[str | None, typer.Option("--email", help="The person's e-mail address.")]
UserId = Annotated[str | None, typer.Option("--user-id", help="The person's user id.")]
Reference = Annotated[str | None, typer.Option("--subject", help="KIND=VALUE, of any kind in identity.yaml.")]


def person(registry: Registry, email: str | None, user_id: str | None, reference: str | None) -> Identifier:
    """The one person that the options name.

    Raises:
        InvalidInput: none is named, or several are, or the value cannot point at a person.
    """
    return named(registry.deployment.policies.identity, email, user_id, reference)


def named(policy: IdentityRules, email: str | None, user_id: str | None, reference: str | None) -> Identifier:
    """The one person that the options name, as this policy writes identifiers.

    Raises:
        InvalidInput: none is named, or several are, or the value cannot point at a person.
    """
    given = [("email", email), ("user_id", user_id)]
    if reference is not None:
        kind, _, value = reference.partition("=")
        given.append((kind, value))
    told = [(kind, value) for kind, value in given if value]
    if len(told) != 1:
        raise InvalidInput("name one person", hint="use --email, --user-id or --subject KIND=VALUE")
    return subject(policy, *told[0])
