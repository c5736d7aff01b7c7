"""Keys whose values may stand in anybody's rows, since nothing personal is found by them (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.connectors.datasets import Dataset, Key


def anybodys(datasets: Sequence[Dataset], keys: Collection[Key], asked_by: Collection[Key] = ()) -> frozenset[Key]:
    """Of these keys those by which only such rows are found as say nothing of a person, and lead nowhere: the products
    that somebody ordered.

    Args:
        keys: all that lead on.
        asked_by: those by which services are asked.
    """
    tables = [(one, table) for one in datasets for table in one.tables.values()]
    leading = {(key.dataset, key.table) for key in keys}
    telling = {
        link.to
        for one, table in tables
        for link in table.links
        if (one.name, table.name) in leading or any(f.category or f.identity for f in table.fields.values())
    }
    mentioned = {mention.to for _, table in tables for mention in table.mentions}
    referred = {link.to for _, table in tables for link in table.links}
    return frozenset(referred.intersection(keys) - telling - mentioned - set(asked_by))
