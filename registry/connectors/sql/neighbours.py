"""What a described database knows of others that are described: the tables that their keys stand in, and which of its
own tables another file describes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Protocol

import sqlalchemy as sa

from registry.connectors.datasets import Key
from registry.model.errors import LinkedSystemUnavailable


class Neighbour(Protocol):
    """A described database, as others see it."""

    @property
    def place(self) -> tuple[sa.URL, str | None]:
        """Its address, and the schema whose tables it has."""

    @property
    def described(self) -> Collection[str]:
        """The tables that its file describes."""

    def tables(self) -> Mapping[str, sa.Table]:
        """Every table as it was when it was last looked at."""


def table_of(neighbours: Mapping[str, Neighbour], key: Key) -> sa.Table | None:
    """The table that a reference leads to; none where its database does not answer, which that says itself."""
    with suppress(LinkedSystemUnavailable, KeyError):  # the latter of a service
        return neighbours[key.dataset].tables().get(key.table)
    return None


def of_others(own: Neighbour, neighbours: Mapping[str, Neighbour], default: str | None) -> set[str]:
    """The tables of a database's schema that other files describe, and it does not: theirs to look after.

    Args:
        default: the schema of whoever names none.
    """

    def place(one: Neighbour) -> tuple[sa.URL, str | None]:
        url, schema = one.place
        return url, schema or default

    there = (one.described for one in neighbours.values() if place(one) == place(own))
    return {name for names in there for name in names}.difference(own.described)
