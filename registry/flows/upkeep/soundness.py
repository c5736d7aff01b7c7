"""Does everything that is sealed still open? Each value is opened and thrown away; only places are reported.

A value that was cut short, changed, or moved to another row does not open (docs/reference/formats.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.flows.deployment import Deployment
from registry.flows.opening import open_assertions, open_events, open_identifiers
from registry.model.decision import Reason
from registry.model.errors import KeyMissing
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import Fragment
from registry.store import events, identities

PAGE = 500

BECAUSE = "doctor: does it open?"


class Damaged(NamedTuple):
    """How many values of one table do not open, and the fragment whose they are (an opaque id)."""

    table: str
    fragment_id: FragmentId
    values: int


def unopenable(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[Damaged]:
    """Open every identifier, trait and event of a workspace, a page of fragments at a time; what does not open.

    What was shredded or has no key is not damaged: `flows.pairing` counts that.

    Raises:
        StoreUnavailable, KmsUnavailable: it cannot be looked at now.
    """
    after = b""
    while True:
        with deployment.data.read(workspace_id) as transaction:
            page = identities.fragments_after(transaction, workspace_id, after, PAGE)
        if not page:
            return
        yield from _of_page(deployment, workspace_id, page)
        after = page[-1].fragment_id


def _of_page(deployment: Deployment, workspace_id: WorkspaceId, page: Sequence[Fragment]) -> Iterator[Damaged]:
    for fragment in page:
        try:
            found = _of_fragment(deployment, workspace_id, fragment.fragment_id)
        except KeyMissing:  # its bundle names a generation that is not there
            found = Counter({"key_bundle": 1})
        for table, count in sorted(found.items()):
            yield Damaged(table, fragment.fragment_id, count)


def _of_fragment(deployment: Deployment, workspace_id: WorkspaceId, fragment_id: FragmentId) -> Counter[str]:
    grant = OpenGrant(workspace_id, None, BECAUSE)
    found: Counter[str] = Counter()
    with deployment.data.read(workspace_id) as transaction:
        traits = events.assertions(transaction, workspace_id, [fragment_id])
        anchors = identities.identifiers_of(transaction, workspace_id, [fragment_id])
        found["trait_assertion"] = open_assertions(deployment, grant, traits, {}).withheld[Reason.DAMAGED]
        found["identifier"] = open_identifiers(deployment, grant, anchors)[1][Reason.DAMAGED]
        stream = events.stream(transaction, workspace_id, [fragment_id])
        for _, _, closed in open_events(deployment, grant, stream):
            found["event"] += closed[Reason.DAMAGED] > 0
    return +found
