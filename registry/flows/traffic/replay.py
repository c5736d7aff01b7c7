"""Replay: quarantined messages sent through ingest again after a plan fix, as if just received.

Ids and times stay as they were. What is let in leaves quarantine, in the transaction that stores it,
and its quarantine key is shredded; what still breaks the plan stays where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from registry.flows.access.credentials import bind
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import Delivery, Status, decode, identify, validate
from registry.flows.ingest.pipeline import ingest
from registry.flows.traffic.recorded import open_quarantined, quarantined_pages, source_id_of
from registry.flows.workspace import OpenWorkspace
from registry.model.grants import ShredGrant
from registry.model.ids import RequestId, SourceId
from registry.model.stored import Quarantined, Source
from registry.store import administration, quarantine


def replay(
    deployment: Deployment,
    workspace: OpenWorkspace,
    *,
    source_name: str | None = None,
    dry_run: bool = False,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Send what lies in quarantine through again: how many were looked at, let in, still rejected.

    Args:
        source_name: only what came from this source.
        dry_run: only say what would become of them.
        progress: is told after each page how many were looked at, and how many there were at the start.

    Raises:
        NotFound: there is no such source.
    """
    workspace_id = workspace.workspace_id
    chosen = source_id_of(deployment, workspace, source_name)
    with deployment.data.read(workspace_id) as transaction:
        sources = {row.source_id: row for row in administration.sources(transaction, workspace_id)}
        waiting = quarantine.waiting(transaction, workspace_id, chosen)
    counts: Counter[str] = Counter({"looked_at": 0, "accepted": 0, "rejected": 0})
    for page in quarantined_pages(deployment, workspace, chosen):
        counts["looked_at"] += len(page)
        counts.update(_replay_page(deployment, workspace, sources, page, dry_run=dry_run))
        if progress is not None:
            progress(counts["looked_at"], waiting)
    if not dry_run:
        with deployment.data.write(workspace_id) as transaction:
            trail.append(
                transaction, workspace_id, deployment.clock(), actor=actor,
                action="quarantine:messages:replayed", outcome="done", fields=dict(counts),
            )  # fmt: skip
    return dict(counts)


def _replay_page(
    deployment: Deployment,
    workspace: OpenWorkspace,
    sources: Mapping[SourceId, Source],
    page: Sequence[Quarantined],
    *,
    dry_run: bool,
) -> Counter[str]:
    opened = open_quarantined(deployment, workspace, page, "quarantine:replay")
    bound = {row.source_id: bind(deployment, sources[row.source_id]) for row, _ in opened}
    deliveries = [
        Delivery(
            bound[row.source_id],
            [plain["call"]],
            row.received_at,
            sent_at=plain["sentAt"],
            context=plain["context"],
            integrations=plain["integrations"],
            opted_out=plain["optedOut"],
            replayed=True,
        )
        for row, plain in opened
    ]
    if dry_run:
        items = decode(deliveries, workspace.indexer, deployment.new_id)
        validate(items)
        identify(items, deployment.policies.identity, workspace.indexer)
        return Counter(item.status.value for item in items)
    receipts = ingest(deployment, workspace, deliveries)
    let_in = [
        row.quarantine_id for (row, _), receipt in zip(opened, receipts, strict=True) if receipt.counts[Status.ACCEPTED]
    ]
    if let_in:
        because = ShredGrant(workspace.workspace_id, RequestId(b"\0" * 16), "quarantine:replay")
        deployment.keyring.shred(because, let_in)
    return Counter({status.value: sum(receipt.counts[status] for receipt in receipts) for status in Status})
