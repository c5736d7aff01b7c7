"""A profile in the shape of Segment's Profile API, made of the same view: for a purpose, and counted what is withheld.

Shapes after Segment's public reference of the Profile API (traits, external ids, events, metadata).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from registry.access.policy import Principal
from registry.flows.deployment import Deployment
from registry.flows.profiles import read
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput
from registry.model.ids import EventId, ProfileId, parse_id
from registry.model.message import Identifier

SpacePart = Literal["traits", "external_ids", "events", "metadata"]

LIMIT = 200


def part(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    person: Identifier,
    which: SpacePart,
    *,
    purpose: str | None,
    limit: int,
    after: str | None,
    include: Collection[str] = (),
) -> dict[str, Any]:
    """One part of a profile.

    Args:
        purpose: what it is read for; if none is named, the only one that the key was made for.
        after: `next` of the page before.
        include: names of traits; all if empty.

    Raises:
        InvalidInput: no purpose is named and the key has several, or the cursor is not one of ours.
        Forbidden, UnknownPurpose, PurposeDenied, NotFound: as a look-up.
    """
    named = purpose or _only(principal)
    view: dict[str, Any] = read.lookup(deployment, workspace, principal, person, named)
    read_for = {"profile_id": view["profile_id"], "purpose": named, "withheld": view["withheld"]}
    if which == "traits":
        known = [*view["traits"], *view["computed"]]
        traits = [trait for trait in known if not include or trait["trait"] in include]
        start = _number(after)
        page = {trait["trait"]: trait["value"] for trait in traits[start : start + limit]}
        following = str(start + limit) if len(traits) > start + limit else ""
        return {"traits": page, "cursor": _cursor(following, limit), "registry": read_for}
    if which == "external_ids":
        rows, start = view["identifiers"], _number(after)
        following = str(start + limit) if len(rows) > start + limit else ""
        ids = [_external(row) for row in rows[start : start + limit]]
        return {"data": ids, "cursor": _cursor(following, limit), "registry": read_for}
    if which == "events":
        before = EventId(parse_id(after, "next")) if after else None
        profile_id = ProfileId(parse_id(view["profile_id"]))
        found: dict[str, Any] = read.timeline(
            deployment, workspace, principal, profile_id, named, limit=limit, before=before
        )
        events = [_event(row) for row in found["events"]]
        return {"data": events, "cursor": _cursor(found["cursor"] or "", limit), "registry": read_for}
    seen = [row["first_seen_at"] for row in view["identifiers"]]
    metadata = {"created_at": min(seen, default=None), "expires_at": None}
    return {"metadata": metadata, "cursor": _cursor("", limit), "registry": read_for}


def _only(principal: Principal) -> str:
    if len(principal.purposes) != 1:
        raise InvalidInput("name the purpose", hint="send the header Registry-Purpose", pointer="/Registry-Purpose")
    return next(iter(principal.purposes))


def _number(after: str | None) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < len(str(10**9))):
        raise InvalidInput("the cursor is not one that a page gave", pointer="/next")
    return int(after or 0)


def _cursor(following: str, limit: int) -> dict[str, object]:
    return {"url": "", "has_more": bool(following), "next": following, "limit": limit}


def _external(row: dict[str, Any]) -> dict[str, object]:
    return {
        "id": row["value"],
        "type": row["kind"],
        "source_id": row["source"],
        "collection": "users",
        "created_at": row["first_seen_at"],
        "encoding": "none",
    }


def _event(row: dict[str, Any]) -> dict[str, object]:
    content = row["content"]
    return {
        "type": row["type"],
        "event": content.get("event") or content.get("name"),
        "message_id": content.get("messageId"),
        "source_id": row["source"],
        "timestamp": row["observed_at"],
        "received_at": row["received_at"],
        "properties": content.get("properties", {}),
        "traits": content.get("traits", {}),
        "context": content.get("context", {}),
        "withheld": row["withheld"],
    }
