"""Legal holds: data of a person that must not be destroyed, for a named ground, until a time or a release.

A hold changes nothing about reading. Retention passes over whoever is held, and an erasure sets aside what
the hold covers (`flows.dsr.retaining`); once the hold ends, the deferred erasure is done by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from registry.dsr.holding import Duty
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.identity.subjects import standing
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored_holding import LegalHold
from registry.plans.taxonomy import is_data_category
from registry.store import holdings, identities, keystore

_GROUND = re.compile(r"[^\W_][\w .,;:()§/'+-]{0,499}")
"""Letters, numbers and what stands between them in a reference to a law or a case; no address fits in."""


def place(
    deployment: Deployment,
    workspace: OpenWorkspace,
    person: Identifier,
    *,
    ground: str,
    purpose: str,
    categories: Sequence[str] = (),
    until: Micros | None = None,
    actor: str,
) -> LegalHold:
    """Hold a person's data. Whether anything is held of them is not said; it may come later.

    Args:
        ground: in the clear, in plans and certificates: about the duty, never about the person.
        purpose: the one purpose that what is set aside may be opened for.
        categories: fideslang keys; empty for everything.
        until: None until it is released.

    Raises:
        InvalidInput: the ground could name somebody, a category is none of fideslang's, the policy has no such
            purpose, or the time is over already.
    """
    now = deployment.clock()
    if not _GROUND.fullmatch(ground):
        raise InvalidInput("a ground is words: it is kept in the clear, and names nobody", pointer="/ground")
    if unknown := [index for index, name in enumerate(categories) if not is_data_category(name)]:
        raise InvalidInput("fideslang has no such data category", pointer=f"/categories/{unknown[0]}")
    if purpose not in deployment.policies.purposes.purposes:
        raise InvalidInput("purposes.yaml has no such purpose", pointer="/purpose")
    if until is not None and until <= now:
        raise InvalidInput("a hold ends in the future", pointer="/until")
    named = ",".join(sorted(set(categories)))
    row = LegalHold(workspace.workspace_id, deployment.new_id(), ground, purpose, named, until, actor, now)
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)
        index = standing(workspace, transaction, [person])[person]
        known = identities.fragments_by_index(transaction, workspace.workspace_id, [index])
        profiles = {fragment.profile_id for fragment in known.values()}
        fragments = identities.fragments_of_profiles(transaction, workspace.workspace_id, profiles)
        ids = [fragment.fragment_id for fragment in fragments]
        # Every identifier of theirs: a hold stays with the person when stewards take a part of them away.
        indexes = {index, *(r.blind_index for r in identities.identifiers_of(transaction, workspace.workspace_id, ids))}
        holdings.add_hold(transaction, row, indexes)
        with deployment.keystore.read(
            workspace.workspace_id
        ) as ledger:  # their keys may be gone, and their rows not yet
            erased = keystore.ordered_among(ledger, workspace.workspace_id, ids)
        holder = next((one for one in ids if one not in erased), None)
        about = trail.About(deployment.keyring, workspace.workspace_id, holder) if holder is not None else None
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="hold:data:placed", outcome="held",
            fields={"hold": text_id(row.hold_id), "purpose": purpose, "categories": named or "every"}, about=about,
        )  # fmt: skip
    return row


def listed(deployment: Deployment, workspace: OpenWorkspace) -> list[LegalHold]:
    """Every hold, newest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return holdings.holds(transaction, workspace.workspace_id)


def release(deployment: Deployment, workspace: OpenWorkspace, hold_id: bytes, *, actor: str) -> LegalHold:
    """End a hold; what was set aside for it is destroyed next (`retaining.end_due`).

    Raises:
        NotFound: there is no such hold.
        Conflict: it was released before.
    """
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.write(workspace_id) as transaction:
        before = holdings.hold(transaction, workspace_id, hold_id)
        if before is None:
            raise NotFound("there is no such hold")
        if not holdings.release(transaction, workspace_id, hold_id, actor, now):
            raise Conflict("the hold was released before")
        trail.append(
            transaction, workspace_id, now, actor=actor, action="hold:data:released", outcome="released",
            fields={"hold": text_id(hold_id)},
        )  # fmt: skip
    return before._replace(released_by=actor, released_at=now)


def duties_of(deployment: Deployment, holds: Sequence[LegalHold], now: Micros) -> list[tuple[Duty, LegalHold | None]]:
    """Everything that asks for data to be kept: the statutory duties, and those of these holds that stand.

    A hold's is a duty whose `keep_for` is 0: it is kept until the hold ends.
    """
    held: list[tuple[Duty, LegalHold | None]] = [
        (Duty("hold", hold.ground, hold.purpose, tuple(filter(None, hold.categories.split(","))), 0), hold)
        for hold in holds
        if not hold.ends_by(now)
    ]
    return [*((duty, None) for duty in deployment.policies.retention.duties), *held]


def hold_json(hold: LegalHold, now: Micros) -> dict[str, Any]:
    """A hold as it is shown: everything but whom it is about."""
    state = "released" if hold.released_at is not None else "over" if hold.ends_by(now) else "held"
    return {
        "hold_id": text_id(hold.hold_id),
        "ground": hold.ground,
        "purpose": hold.purpose,
        "categories": list(filter(None, hold.categories.split(","))),
        "state": state,
        "until": rfc3339(hold.until) if hold.until is not None else None,
        "placed_by": hold.placed_by,
        "placed_at": rfc3339(hold.placed_at),
        "released_by": hold.released_by,
        "released_at": rfc3339(hold.released_at) if hold.released_at is not None else None,
    }
