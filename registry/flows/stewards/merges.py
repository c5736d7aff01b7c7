"""What stewards look at: the merges and splits that were, what the rules refused, and what the alarm noticed.

Nothing here opens a value: identifiers are named by their kind and by the fragment that hangs on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.flows.deployment import Deployment
from registry.flows.identity.subjects import fragments_of_profile
from registry.flows.opening import API_SOURCE, source_names
from registry.flows.workspace import OpenWorkspace
from registry.identity.links import NOT_TO_OVERRULE, SENTENCES, Link, Refusal
from registry.model.clock import Micros, rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import BlindIndex, ProfileId, text_id
from registry.model.stored import Fragment, StewardDecision, StoredMerge, StoredRefusal
from registry.store import events, identities, stewardship
from registry.store.database import Transaction

PAGE_LIMIT = 200
RUNAWAYS = 100

_CURSOR_BYTES = 8 + 16 + 16


def of_profile(deployment: Deployment, workspace: OpenWorkspace, profile_id: ProfileId) -> list[dict[str, Any]]:
    """The moves of fragments into and out of a profile, oldest first.

    Raises:
        NotFound: there is no such profile.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments_of_profile(workspace, transaction, profile_id)
        rows = identities.merges_of(transaction, workspace.workspace_id, profile_id)
        return _moves(transaction, workspace, rows)


def newest(deployment: Deployment, workspace: OpenWorkspace, *, limit: int, before: bytes | None) -> dict[str, Any]:
    """A page of the workspace's merges and splits, newest first; `cursor` leads on, None ends it."""
    count = min(limit, PAGE_LIMIT)
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = stewardship.moves(transaction, workspace.workspace_id, count + 1, before)
        page = _moves(transaction, workspace, rows[:count])
    return {"merges": page, "cursor": text_id(rows[count - 1].merge_id) if len(rows) > count else None}


def refused(
    deployment: Deployment, workspace: OpenWorkspace, *, undecided: bool, limit: int, cursor: str | None
) -> dict[str, Any]:
    """The inbox: claims that the rules did not let join two people, newest first, each with its reason.

    `counts` are of all, by reason; `runaways` are the identifiers that the alarm noticed last.

    Args:
        undecided: leave out what a steward has decided.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    count = min(limit, PAGE_LIMIT)
    workspace_id = workspace.workspace_id
    before = _place(cursor) if cursor is not None else None
    with deployment.data.read(workspace_id) as transaction:
        rows = stewardship.refusals(transaction, workspace_id, undecided=undecided, limit=count + 1, before=before)
        page = rows[:count]
        ends = identities.fragments_by_index(
            transaction, workspace_id, {i for row in page for i in (row.low, row.high)}
        )
        claims = stewardship.links_between(transaction, workspace_id, {(row.low, row.high) for row in page})
        sources: dict[Link, set[bytes]] = {}
        for claim in claims:
            sources.setdefault(Link(claim.low, claim.high), set()).add(claim.source_id)
        names = source_names(transaction, workspace_id)
        counts = stewardship.refusal_counts(transaction, workspace_id)
        runaways = _runaways(transaction, workspace)
    listed = [
        _refusal(row, ends, sorted(names.get(s, API_SOURCE) for s in sources.get(Link(row.low, row.high), ())))
        for row in page
        if row.low in ends and row.high in ends
    ]
    following = _cursor(page[-1].refused_at, page[-1]) if len(rows) > count else None
    return {"refused": listed, "counts": counts, "runaways": runaways, "cursor": following}


def decisions(deployment: Deployment, workspace: OpenWorkspace, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """What stewards decided about two identifiers, newest first; each holds until a steward decides otherwise.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    count = min(limit, PAGE_LIMIT)
    workspace_id = workspace.workspace_id
    before = _place(cursor) if cursor is not None else None
    with deployment.data.read(workspace_id) as transaction:
        rows = stewardship.decisions(transaction, workspace_id, count + 1, before)
        page = rows[:count]
        ends = identities.fragments_by_index(
            transaction, workspace_id, {i for row in page for i in (row.low, row.high)}
        )
    told = [
        {
            "one": _end(ends[row.low]), "other": _end(ends[row.high]), "verdict": row.verdict, "actor": row.actor,
            "decided_at": rfc3339(row.decided_at),
        }
        for row in page
        if row.low in ends and row.high in ends
    ]  # fmt: skip
    following = _cursor(page[-1].decided_at, page[-1]) if len(rows) > count else None
    return {"decisions": told, "cursor": following}


def _refusal(row: StoredRefusal, fragments: dict[BlindIndex, Fragment], sources: Sequence[str]) -> dict[str, Any]:
    reason = Refusal(row.reason)
    return {
        "reason": reason.value,
        "sentence": SENTENCES[reason],
        "can_be_lifted": reason not in NOT_TO_OVERRULE,
        "one": _end(fragments[row.low]),
        "other": _end(fragments[row.high]),
        "sources": sources,
        "refused_at": rfc3339(row.refused_at),
    }


def _end(fragment: Fragment) -> dict[str, Any]:
    return {
        "fragment_id": text_id(fragment.fragment_id),
        "kind": fragment.kind,
        "profile_id": text_id(fragment.profile_id),
    }


def _runaways(transaction: Transaction, workspace: OpenWorkspace) -> list[dict[str, Any]]:
    workspace_id = workspace.workspace_id
    rows = stewardship.all_runaways(transaction, workspace_id, RUNAWAYS)
    fragments = identities.fragments(transaction, workspace_id, {row.fragment_id for row in rows})
    return [
        _end(fragments[row.fragment_id])
        | {
            "neighbours": stewardship.neighbours(transaction, workspace_id, row.blind_index),
            "noticed_at": rfc3339(row.noticed_at),
        }
        for row in rows
        if row.fragment_id in fragments
    ]


def _moves(transaction: Transaction, workspace: OpenWorkspace, rows: Sequence[StoredMerge]) -> list[dict[str, Any]]:
    keys = {row.message_key for row in rows}
    causes = events.by_messages(transaction, workspace.workspace_id, keys)
    names = source_names(transaction, workspace.workspace_id)
    found: list[dict[str, Any]] = []
    for row in rows:
        event = causes.get(row.message_key)
        found.append(
            {
                "merge_id": text_id(row.merge_id),
                "kind": row.kind,
                "fragment_id": text_id(row.fragment_id),
                "from_profile": text_id(row.from_profile),
                "into_profile": text_id(row.into_profile),
                "merged_at": rfc3339(row.merged_at),
                "source": names.get(event.source_id, API_SOURCE) if event is not None else None,
                "event_id": text_id(event.event_id) if event is not None else None,
            }
        )
    return found


def _cursor(at: Micros, row: StoredRefusal | StewardDecision) -> str:
    return (at.to_bytes(8, "big") + row.low + row.high).hex()


def _place(cursor: str) -> tuple[Micros, BlindIndex, BlindIndex]:
    try:
        place = bytes.fromhex(cursor)
    except ValueError:
        place = b""
    if len(place) != _CURSOR_BYTES:
        raise InvalidInput("the cursor is not one that a page gave", pointer="/cursor")
    return int.from_bytes(place[:8], "big", signed=True), BlindIndex(place[8:24]), BlindIndex(place[24:])
