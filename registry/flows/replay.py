"""Replay: quarantined messages sent through ingest again after a plan fix, as if just received.

Ids and times stay as they were. What is let in leaves quarantine, in the transaction that stores it,
and its quarantine key is shredded; what still breaks the plan stays where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import orjson

from registry.flows import trail
from registry.flows.admission import Delivery, Status, decode, identify, validate
from registry.flows.credentials import bind
from registry.flows.deployment import Deployment
from registry.flows.ingest import ingest
from registry.flows.sealing import QUARANTINE
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import open_sealed, record_aad
from registry.model.errors import NotFound
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import FragmentId, RequestId, SourceId
from registry.model.stored import Quarantined, Source
from registry.store import administration, quarantine

PAGE = 500


def replay(
    deployment: Deployment,
    workspace: OpenWorkspace,
    *,
    source_name: str | None = None,
    dry_run: bool = False,
    actor: str,
) -> dict[str, int]:
    """Send what lies in quarantine through again: how many were looked at, let in, still rejected.

    Args:
        source_name: only what came from this source.
        dry_run: only say what would become of them.

    Raises:
        NotFound: there is no such source.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.read() as transaction:
        sources = {row.source_id: row for row in administration.sources(transaction, workspace_id)}
    chosen = _chosen(sources.values(), source_name)
    counts: Counter[str] = Counter({"looked_at": 0, "accepted": 0, "rejected": 0})
    after = b""
    while True:
        with deployment.data.read() as transaction:
            page = quarantine.page(transaction, workspace_id, chosen, after, PAGE)
        if not page:
            break
        after = page[-1].quarantine_id
        counts["looked_at"] += len(page)
        counts.update(_replay_page(deployment, workspace, sources, page, dry_run=dry_run))
    if not dry_run:
        with deployment.data.write() as transaction:
            trail.append(
                transaction, workspace_id, deployment.clock(), actor=actor,
                action="quarantine:messages:replayed", outcome="done", fields=dict(counts),
            )  # fmt: skip
    return dict(counts)


def _chosen(sources: Iterable[Source], name: str | None) -> SourceId | None:
    if name is None:
        return None
    for row in sources:
        if row.name == name:
            return row.source_id
    raise NotFound("there is no source of this name")


def _replay_page(
    deployment: Deployment,
    workspace: OpenWorkspace,
    sources: Mapping[SourceId, Source],
    page: Sequence[Quarantined],
    *,
    dry_run: bool,
) -> Counter[str]:
    grant = OpenGrant(workspace.workspace_id, frozenset({QUARANTINE}), "quarantine:replay")
    bundles = deployment.keyring.for_opening(grant, [row.quarantine_id for row in page])
    deliveries: list[Delivery] = []
    kept: list[FragmentId] = []
    bound = {row.source_id: bind(deployment, sources[row.source_id]) for row in page}
    for row in page:
        if row.quarantine_id not in bundles:
            continue
        aad = record_aad(b"quarantine", workspace.workspace_id, row.quarantine_id, row.message_key, b"body")
        key = bundles[row.quarantine_id].key(QUARANTINE)
        plain = orjson.loads(open_sealed(key, row.sealed, aad, grant, QUARANTINE))
        call = plain["call"]
        if isinstance(call, dict):
            call = {**call, "messageId": plain["messageId"]}
        deliveries.append(
            Delivery(
                bound[row.source_id],
                [call],
                row.received_at,
                sent_at=plain["sentAt"],
                context=plain["context"],
                integrations=plain["integrations"],
                opted_out=plain["optedOut"],
                replayed=True,
            )
        )
        kept.append(row.quarantine_id)
    if dry_run:
        items = decode(deliveries, workspace.indexer, deployment.new_id)
        validate(items)
        identify(items, deployment.policies.identity, workspace.indexer)
        return Counter(item.status.value for item in items)
    receipts = ingest(deployment, workspace, deliveries)
    let_in = [q for q, receipt in zip(kept, receipts, strict=True) if receipt.counts[Status.ACCEPTED]]
    if let_in:
        because = ShredGrant(workspace.workspace_id, RequestId(b"\0" * 16), "quarantine:replay")
        deployment.keyring.shred(because, let_in)
    return Counter({status.value: sum(receipt.counts[status] for receipt in receipts) for status in Status})
