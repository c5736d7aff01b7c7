"""People by the million: laid down by the store's own statements, since taking each in would last too long."""

from __future__ import annotations

import random

from benchmarks.installation import Opened
from benchmarks.traffic import order
from registry.model.clock import SECOND
from registry.model.ids import FragmentId, MessageKey, ProfileId, RecordId, SourceId
from registry.model.stored import Fragment, StoredConsent, StoredIdentifier
from registry.store import consents, identities
from registry.store.rows import query

PURPOSES = ("analytics", "marketing", "personalisation")
STEP = 20_000


def lay_down(opened: Opened, people: int) -> None:
    """`people` known by `user-0`, `user-1`, …; every tenth also by a browser that was joined with them.

    Of ten people six said yes to everything, two said no, two were not asked. Indexes are the workspace's own,
    sealed values as long as those of a message that came by ingest: no check reads them.
    """
    opened.take([order(random.Random(5), people)])
    deployment, workspace_id = opened.registry.deployment, opened.workspace.workspace_id
    with deployment.data.owner() as transaction:
        [(length,)] = query(transaction, "SELECT max(length(sealed)) FROM identifier")
    now, source, nowhere = deployment.clock() - SECOND, SourceId(opened.source.row.source_id), MessageKey(bytes(16))
    chance = random.Random(29)
    for start in range(0, people, STEP):
        fragments, known, records = [], [], []
        for number in range(start, min(start + STEP, people)):
            profile = ProfileId(deployment.new_id())
            ends = [("user_id", f"user-{number}", FragmentId(profile))]
            if number % 10 == 0:
                ends.append(("anonymous_id", f"browser-{number}", FragmentId(deployment.new_id())))
            for kind, value, own in ends:
                index = opened.workspace.indexer.index(kind, value)
                origin, joined = ProfileId(own), now if kind == "anonymous_id" else 0
                fragments.append(Fragment(workspace_id, own, profile, origin, index, kind, joined, 1, now))
                sealed = chance.randbytes(length)
                known.append(StoredIdentifier(workspace_id, index, kind, own, sealed, source, nowhere, now))
            said = chance.choices(("granted", "denied", None), (6, 2, 2))[0]
            for purpose in PURPOSES if said is not None else ():
                record_id = RecordId(deployment.new_id())
                records.append(
                    StoredConsent(
                        workspace_id, FragmentId(profile), record_id, purpose, said or "", now, now, None, 1,
                        None, None, None, "message", "source:benchmark", "benchmark", None,
                    )
                )  # fmt: skip
        with deployment.data.owner(writes=True) as transaction:
            identities.add_fragments(transaction, fragments)
            identities.add_identifiers(transaction, known)
            consents.append(transaction, records)
