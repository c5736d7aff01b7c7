"""Keys by their policy: which are due when, and what the server does about it by itself.

1. finish    a rotation that was begun, by whomever: what is left under an older KEK, identifiers that have not moved
2. rotate    each kind of key that is too old and that the policy leaves to the server
3. destroy   KEK generations past the horizon, likewise, once nothing is wrapped under them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from registry.access.key_ages import AgeRule, KeyKind
from registry.flows.deployment import Deployment
from registry.flows.upkeep import reindexing, rotation
from registry.flows.upkeep.rotation import KeyStatus
from registry.flows.workspace import OpenWorkspace
from registry.keys.kms import GenerationState
from registry.model.clock import Micros
from registry.model.errors import SealBroken

HORIZON = "horizon"


@dataclass(frozen=True, slots=True)
class Due:
    """When something is to be done: a kind of key to be rotated, or a superseded generation (`horizon`) destroyed.

    Attributes:
        at: from when on; 0 where the key's age is unknown.
        generation: the one to be destroyed.
    """

    what: str
    at: Micros
    by_server: bool
    generation: int | None = None


def agenda(deployment: Deployment, found: KeyStatus) -> list[Due]:
    """What is to be done next, soonest first."""
    policy = deployment.policies.keys
    born = rotation.born(found)
    listed = [_due(kind.value, born[kind], rule) for kind, rule in policy.rotate.items()]
    living = [one for one in found.generations if one.state != GenerationState.DESTROYED]
    for old, following in pairwise(living):
        if following.created_at is not None:  # of unknown age: nothing is destroyed by guess
            at = following.created_at + policy.horizon.after
            listed.append(Due(HORIZON, at, policy.horizon.by_server, old.number))
    return sorted(listed, key=lambda due: (due.at, due.what))


def keep(deployment: Deployment, workspace: OpenWorkspace, *, actor: str) -> list[str]:
    """Do what is due and left to the server; the names of what was done. One server at a time does it.

    Raises:
        SealBroken: some bundles or identifiers do not open, and stay under the old key; the rest is done.
        KmsUnavailable, StoreUnavailable: the rest is done the next time.
    """
    workspace_id, done = workspace.workspace_id, []
    with deployment.data.sole(f"keys-{workspace_id.hex()}") as alone:
        if not alone:
            return []
        # 1. finish
        found = rotation.status(deployment, workspace_id)
        newest = found.generations[-1].number
        broken = list[SealBroken]()
        if any(one.number != newest and (one.bundles or one.secrets) for one in found.generations):
            done += _tried("kek:finished", lambda: rotation.rotate(deployment, workspace, start=False), broken)
        ready = reindexing.movable_at(deployment, workspace_id)
        if ready is not None and ready <= deployment.clock():
            move = partial(reindexing.go_on, deployment, workspace_id, actor=actor)
            done += _tried("blind-index:finished", move, broken)
        # 2. rotate, 3. destroy
        listed = agenda(deployment, rotation.status(deployment, workspace_id))
        late = [due for due in listed if due.by_server and due.at <= deployment.clock()]
        for due in late:
            done += _tried(due.what, partial(_act, deployment, workspace, due, ready, actor), broken)
    for error in broken:
        raise error
    return done


def _tried(what: str, act: Callable[[], object], broken: list[SealBroken]) -> list[str]:
    """The name of what was done, none where nothing was; what is damaged keeps nothing else from being done."""
    try:
        return [what] if act() else []
    except SealBroken as error:
        broken.append(error)
        return []


def _act(deployment: Deployment, workspace: OpenWorkspace, due: Due, moving: Micros | None, actor: str) -> bool:
    if due.generation is not None:
        found = rotation.status(deployment, workspace.workspace_id)
        if any(one.bundles or one.secrets for one in found.generations if one.number == due.generation):
            return False
        rotation.destroy(deployment, workspace.workspace_id, due.generation)
    elif due.what == KeyKind.KEK:
        rotation.rotate(deployment, workspace)
    elif due.what == KeyKind.SIGNING:
        rotation.rotate_signing(deployment, workspace, actor=actor)
    elif moving is None:
        reindexing.begin(deployment, workspace, actor=actor)
    else:
        return False
    return True


def _due(what: str, since: Micros, rule: AgeRule) -> Due:
    return Due(what, since + rule.after if since else 0, rule.by_server)
