"""Do the data and the keystore belong together? Counted, page by page, without opening anything.

No transaction spans the two: keys are committed before the data that needs them, and destroyed before
the rows are deleted. A crash between the two steps leaves a remainder, and so does a restore of only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.flows.deployment import Deployment
from registry.flows.paging import pages
from registry.model.ids import FragmentId, WorkspaceId
from registry.store import holders, identities, keystore, quarantine

PAGE = 5000


class Pairing(NamedTuple):
    """What has no counterpart.

    Attributes:
        unused_keys: key bundles that no data needs; a crash before the data was committed leaves them.
        unfinished: fragments and quarantined messages of an erasure that was interrupted.
        unopenable: others that have no key; the keystore is not the one of this data, or older.
    """

    unused_keys: int
    unfinished: int
    unopenable: int


def pair(deployment: Deployment, workspace_id: WorkspaceId) -> Pairing:
    """Count what has no counterpart. While events come in, keys may be counted whose data is on its way.

    Raises:
        StoreUnavailable: a database cannot be read.
    """
    unfinished = unopenable = 0
    unused = sum(len(page) for page in unused_holders(deployment, workspace_id))
    for needing in _needing(deployment, workspace_id):
        with deployment.keystore.read(workspace_id) as transaction:
            missing = set(needing) - keystore.bundles(transaction, workspace_id, needing).keys()
            ordered = keystore.ordered_among(transaction, workspace_id, missing)
        unfinished += len(ordered)
        unopenable += len(missing - ordered)
    return Pairing(unused, unfinished, unopenable)


def unused_holders(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[list[FragmentId]]:
    """The ids of key bundles that no data needs, page by page; those of data on its way are among them."""
    for page in _holders(deployment, workspace_id):
        with deployment.data.read(workspace_id) as transaction:
            known = holders.needed(transaction, workspace_id, page)
        unused = sorted(set(page) - known)
        if unused:
            yield unused


def _holders(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[Sequence[FragmentId]]:
    return pages(
        deployment.keystore, workspace_id,
        lambda transaction, after: keystore.holders_after(transaction, workspace_id, after, PAGE),
        lambda holder: holder,
    )  # fmt: skip


def _needing(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[list[FragmentId]]:
    """Everything that was sealed under a bundle of its own: fragments, then quarantined messages."""
    for fragments in pages(
        deployment.data, workspace_id,
        lambda transaction, after: identities.fragments_after(transaction, workspace_id, after, PAGE),
        lambda row: row.fragment_id,
    ):  # fmt: skip
        yield [row.fragment_id for row in fragments]
    for shut in pages(
        deployment.data, workspace_id,
        lambda transaction, after: quarantine.page(transaction, workspace_id, None, after, PAGE),
        lambda row: row.quarantine_id,
    ):  # fmt: skip
        yield [row.quarantine_id for row in shut]
