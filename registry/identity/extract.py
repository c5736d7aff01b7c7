"""The identifiers that one message carries, strongest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from registry.identity.normalise import Blocked, BlockReason, normalise
from registry.identity.rules import IdentityRules
from registry.model.message import Identifier

MAX_EXTERNAL_IDS = 20
"""How many entries of `context.externalIds` one message may bring; the rest are reported as blocked."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a message says about who it is about.

    Attributes:
        identifiers: strongest kind first, within a kind in the order of the policy's places; distinct.
        blocked: what stood where an identifier is looked for but points at nobody.
    """

    identifiers: tuple[Identifier, ...]
    blocked: tuple[Blocked, ...]


def extract(body: Mapping[str, object], rules: IdentityRules, found: Iterable[tuple[str, str]] = ()) -> Extracted:
    """The identifiers of a message's body: at the policy's places, in `context.externalIds`, and those `found`
    by the tracking plan as (kind, raw text).

    The `previousId` of an alias call is read as an anonymous id, since that is what the SDKs send there.
    Values that are no text, or empty, are no identifiers. Entries of `context.externalIds` count when
    their type is a kind of the policy, their collection `users` and their encoding `none` (or absent).

    Raises:
        InvalidInput: `found` names a kind that the policy does not know.
    """
    seen: dict[Identifier, int] = {}
    blocked: list[Blocked] = []
    for kind, raw in _candidates(body, rules, found):
        if raw is None:
            blocked.append(Blocked(kind, BlockReason.TOO_MANY))
            continue
        result = normalise(kind, raw, rules)
        if isinstance(result, Blocked):
            blocked.append(result)
        else:
            seen.setdefault(result, rules.kinds[kind].priority)
    identifiers = tuple(seen) if len(seen) < 2 else tuple(sorted(seen, key=seen.__getitem__))
    return Extracted(identifiers, tuple(blocked))


def _candidates(
    body: Mapping[str, object], rules: IdentityRules, found: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str | None]]:
    for kind, rule in rules.kinds.items():
        for path in rule.at:
            value = body.get(path[0])
            if value is None:
                continue
            for token in path[1:]:
                value = value.get(token) if isinstance(value, dict) else None
            if value and isinstance(value, str):
                yield kind, value
    context = body.get("context")
    external = context.get("externalIds") if isinstance(context, dict) else None
    if isinstance(external, list):
        yield from _external(external, rules)
    yield from found


def _external(entries: list[object], rules: IdentityRules) -> Iterator[tuple[str, str | None]]:
    taken = 0
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        kind, raw = entry.get("type"), entry.get("id")
        if not (isinstance(kind, str) and kind in rules.kinds and isinstance(raw, str) and raw):
            continue
        if entry.get("collection", "users") != "users" or entry.get("encoding", "none") != "none":
            continue
        taken += 1
        yield kind, raw if taken <= MAX_EXTERNAL_IDS else None
