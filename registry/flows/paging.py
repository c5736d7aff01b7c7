"""A table read from its beginning to its end, page by page, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from registry.model.ids import WorkspaceId
from registry.store.database import Database, Transaction

_Row = TypeVar("_Row")


def pages(
    database: Database,
    workspace_id: WorkspaceId,
    read: Callable[[Transaction, bytes], Sequence[_Row]],
    key: Callable[[_Row], bytes],
    *,
    first: bytes = b"",
) -> Iterator[Sequence[_Row]]:
    """Page after page; what is added meanwhile behind the last one comes, too.

    Args:
        read: the page after a key; an empty one is the end.
        key: what the next page goes on after, of the last row of this one.
        first: what the first page comes after.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    after = first
    while True:
        with database.read(workspace_id) as transaction:
            page = read(transaction, after)
        if not page:
            return
        yield page
        after = key(page[-1])
