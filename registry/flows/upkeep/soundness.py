"""Does everything that is sealed still open? Each value is opened and thrown away; only places are reported.

A value that was cut short, changed, or moved to another row does not open (docs/reference/formats.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.flows.deployment import Deployment
from registry.flows.opening import open_assertions, open_events, open_identifiers
from registry.flows.paging import pages
from registry.keys.bundle import Bundle
from registry.keys.envelope import open_sealed, record_aad
from registry.model.compartment import IDENTITY, QUARANTINE, Compartment
from registry.model.decision import Reason
from registry.model.errors import KeyMissing, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import Fragment, Quarantined
from registry.store import consents, events, identities, quarantine

PAGE = 500

BECAUSE = "doctor: does it open?"


class Damaged(NamedTuple):
    """How many values of one table do not open, and the fragment whose they are (an opaque id).

    Of what has a key of its own, it is the id of the quarantined message, the request, or the case.
    """

    table: str
    fragment_id: FragmentId
    values: int


def unopenable(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[Damaged]:
    """Open everything of a workspace that is of people or in quarantine, page by page; what does not open.

    What was shredded or has no key is not damaged: `flows.upkeep.pairing` counts that.

    Raises:
        StoreUnavailable, KmsUnavailable: it cannot be looked at now.
    """
    for page in pages(
        deployment.data, workspace_id,
        lambda transaction, after: identities.fragments_after(transaction, workspace_id, after, PAGE),
        lambda row: row.fragment_id,
    ):  # fmt: skip
        yield from _of_page(deployment, workspace_id, page)
    for shut in pages(
        deployment.data, workspace_id,
        lambda transaction, after: quarantine.page(transaction, workspace_id, None, after, PAGE),
        lambda row: row.quarantine_id,
    ):  # fmt: skip
        yield from _in_quarantine(deployment, workspace_id, shut)


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
        acts = [row for row in consents.history(transaction, workspace_id, [fragment_id]) if row.sealed is not None]
    if acts:  # with evidence
        bundle = deployment.keyring.for_opening(grant, {fragment_id: (IDENTITY,)}).get(fragment_id)
        for row in acts:
            aad = record_aad(b"consent", workspace_id, fragment_id, row.record_id, b"evidence")
            found["consent_record"] += not _opens(bundle, row.sealed, aad, grant, IDENTITY)
    return +found


def _in_quarantine(deployment: Deployment, workspace_id: WorkspaceId, page: Sequence[Quarantined]) -> Iterator[Damaged]:
    grant = OpenGrant(workspace_id, frozenset({QUARANTINE}), BECAUSE)
    bundles = deployment.keyring.for_opening(grant, {row.quarantine_id: (QUARANTINE,) for row in page})
    for row in page:
        aad = record_aad(b"quarantine", workspace_id, row.quarantine_id, row.message_key, b"body")
        if not _opens(bundles.get(row.quarantine_id), row.sealed, aad, grant, QUARANTINE):
            yield Damaged("quarantine", row.quarantine_id, 1)


def _opens(bundle: Bundle | None, sealed: bytes | None, aad: bytes, grant: OpenGrant, compartment: Compartment) -> bool:
    """Whether a value opens; one without any key is not damaged."""
    if bundle is None or sealed is None:
        return True
    try:
        open_sealed(bundle.key(compartment), sealed, aad, grant, compartment)
    except (KeyMissing, SealBroken):
        return False
    return True
