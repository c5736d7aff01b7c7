"""The systems outside Registry in a request: the one place where they are planned, run and verified.

First all of them are asked, until nothing new is found, by what else the person is known; what erases or corrects seals
that into the request before anything is touched, so that what leads to a record is still there when it is resumed.
Each is then run once for a request. What it changed is noted in the request's row before the next is asked; one
that does not answer leaves the request waiting, to be tried again with growing intervals, for as long
as it takes, unless somebody decides on the record that the request ends without it.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import FieldAccount, left_out, unaccounted
from registry.dsr.held import Held, under
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.flows.deployment import Deployment
from registry.flows.dsr import answers, beside, held, rectification
from registry.flows.dsr.done_outside import FORESEEN, accounts, awaited, read_accounts
from registry.flows.dsr.history import write
from registry.flows.dsr.last_look import (
    LOOKED,
    kinds_by_place,
    look_again,
    may_be_anothers,
    require_nothing_left,
)
from registry.flows.dsr.reaching import asked, reached, require_nothing_new, tells_records_apart
from registry.flows.dsr.reference import agent_of, begun_with, everybody, mailboxes_of, people_of, seal_people
from registry.flows.dsr.waiting import wait
from registry.flows.workspace import OpenWorkspace
from registry.identity.rules import IdentityRules
from registry.model.compartment import OUTSIDE
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import FragmentId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest

_END: Any = object()
TOLD_OF = "told_of"
"""The member of a request's progress that has keyed pseudonyms of all by which systems were told of the person."""


def plans(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, fragments: Collection[FragmentId]
) -> tuple[list[SystemPlan], list[Identifier]]:
    """What every linked system would do, and all that they know the person by; one that cannot be asked says so in its
    plan.

    Args:
        fragments: the person's: what they are known by outside is opened from these, for this call.
    """
    if not deployment.linked:
        return [], []
    kind = Kind(request.kind)
    people, silent = reached(deployment.linked, everybody(deployment, request, fragments), deployment.policies.identity)
    erases = EFFECTS[kind] is Effect.ERASE
    standing = list(map(held.as_held, held.on(deployment, workspace, request, people))) if erases else []
    planned = _planned([under(system, standing) for system in deployment.linked], kind, people, silent)
    corrections = rectification.corrected(deployment, request)
    return ([plan.correcting(corrections) for plan in planned] if corrections else planned), people


def foreseen(
    systems: Sequence[LinkedSystem], kind: Kind, people: Sequence[Identifier], rules: IdentityRules | None = None
) -> list[SystemPlan]:
    """What each of these systems would do for people known so; nothing is touched. `rules` as `reached` has them."""
    return _planned(systems, kind, *reached(systems, people, rules))


def _planned(
    systems: Sequence[LinkedSystem],
    kind: Kind,
    people: Sequence[Identifier],
    silent: Mapping[str, LinkedSystemUnavailable],
) -> list[SystemPlan]:
    found = []
    for system in systems:
        try:
            if system.name in silent:
                raise silent[system.name]
            found.append(answers.planned(system, kind, people))
        except LinkedSystemUnavailable as error:
            found.append(SystemPlan(system.name, unreachable=error.detail))
    return found


def act(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    *,
    actor: str,
    fragments: Collection[FragmentId] = (),
) -> StoredRequest:
    """Let every linked system do its part and look again; the request with what they did noted.

    What a legal hold covers there stays, and is noted first, so that it is found again when the hold has ended.

    Args:
        fragments: the person's, where they still can be opened; what they are known by is told to the systems.

    Raises:
        LinkedSystemUnavailable: one could not; the request waits, and is tried again at its `due_at`.
        Conflict: they lead to other profiles here, of which nobody has decided whose they are.
    """
    _require_connected(deployment, request, actor)
    if not deployment.linked:
        return request
    # Also where all are through: of who came before a crash, or a decision to go on without one, nobody has decided.
    request, people = _found_everywhere(deployment, workspace, request, fragments, actor)
    beside.require_decided(beside.found(deployment, workspace, request, people, fragments))
    erases, through = EFFECTS[Kind(request.kind)] is Effect.ERASE, _through(request)
    if LOOKED in orjson.loads(request.progress) and all(one.name in through for one in deployment.linked):
        return request
    standing = list[Held]()
    if erases:
        holds = held.on(deployment, workspace, request, people)
        request = held.note(deployment, workspace, request, holds, people)
        standing = list(map(held.as_held, holds))
    request, last = _in_turn(deployment, workspace, request, standing, people, actor)
    if not erases:
        return request
    done = [one for one in deployment.linked if one.name not in left_out(accounts(request))]
    return look_again(deployment, request, [under(one, standing) for one in done], people, last=last, actor=actor)


def _in_turn(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    standing: Sequence[Held],
    people: Sequence[Identifier],
    actor: str,
) -> tuple[StoredRequest, str]:
    """Let one system after the other do its part, also after one that rows of another's may stop; the request with that
    noted, and the last that did one.

    Raises:
        LinkedSystemUnavailable: one could not.
    """
    last, failed, through = "", list[tuple[str, LinkedSystemUnavailable]](), _through(request)
    erases = EFFECTS[Kind(request.kind)] is Effect.ERASE
    for system in (under(system, standing) for system in deployment.linked):
        progress = orjson.loads(request.progress)
        done: dict[str, Any] = progress.setdefault("linked", {})
        if system.name in through:
            continue
        last = system.name
        corrections = rectification.standing(deployment, workspace, request)  # a later one may have come meanwhile
        try:
            told = ran(system, request, people, corrections, deployment.policies.identity)
        except LinkedSystemUnavailable as error:
            failed.append((system.name, error))
            if may_be_anothers(error):
                continue
            break
        done[system.name] = _at_least(told, progress.get(FORESEEN, {}).get(system.name, {}))
        if not failed:
            progress.pop(waiting.NOTED, None)
        if erases and (kinds := kinds_by_place(system, people)):
            progress["by_place"] = sorted({*progress.get("by_place", ()), *kinds})
        request = request._replace(progress=orjson.dumps(progress).decode())
        if not _gives(request):  # which changes nothing there: asked again, it is the same
            with deployment.data.write(request.workspace_id) as transaction:
                write(transaction, request, was=request.state)
    for name, why in failed:
        raise wait(deployment, request, name, people, why, actor=actor)
    return request, last


def reach_of(
    systems: Sequence[LinkedSystem],
    people: Sequence[Identifier],
    rules: IdentityRules | None = None,
    without: Collection[str] = (),
) -> list[Identifier]:
    """People's identifiers, and everything else that these systems know them by; `rules` as `reached` has them.

    Args:
        without: the systems that need not answer; what they lead to counts where they do.

    Raises:
        LinkedSystemUnavailable: one does not answer.
    """
    known, silent = reached(systems, people, rules)
    for name, error in silent.items():
        if name not in without:
            raise error
    return known


def exported(system: LinkedSystem, people: Sequence[Identifier], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """What a system gives out of a person, row by row: its table and the row; counts them by table on the way.

    Args:
        people: with all that systems know them by: `reach`.

    Raises:
        LinkedSystemUnavailable: it does not answer; what was written so far is no whole package.
    """
    rows = asked(system, lambda: iter(system.export(people)))
    while (one := asked(system, lambda: next(rows, _END))) is not _END:
        table, row = asked(system, lambda one=one: (str(one[0]), dict(one[1])))  # type: ignore[misc]
        counts[f"{system.name}: {table}"] += 1
        yield {"table": table, "row": row}


def as_text(value: object) -> str:
    """What JSON has no form for: bytes as base64, everything else as it is written."""
    return base64.b64encode(value).decode() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _found_everywhere(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Collection[FragmentId],
    actor: str,
) -> tuple[StoredRequest, list[Identifier]]:
    """The request, and all that its person is known by; sealed, with the rows there were, once, where it changes any.

    Raises:
        LinkedSystemUnavailable: a system that nobody decided to go on without does not answer; the request waits.
    """
    known, begun = everybody(deployment, request, fragments), begun_with(deployment, request)
    progress: dict[str, Any] = orjson.loads(request.progress)
    kind, through = Kind(request.kind), _through(request)
    changes = EFFECTS[kind] in (Effect.ERASE, Effect.CORRECT)
    systems = [system for system in deployment.linked if system.name not in through]
    # What is erased or corrected may lead nowhere any more, and was sealed before; everything else leads on as it did.
    people, silent = reached(systems if changes else deployment.linked, known, deployment.policies.identity, begun)
    for name, error in silent.items():
        if name not in left_out(accounts(request)):  # also one that is through: what it leads to is not known
            raise wait(deployment, request, name, people, error, actor=actor)
    if EFFECTS[kind] is Effect.RECORD:
        return _untold(workspace, request, people), people
    if not changes or (FORESEEN in progress and len(people) == len(known)):
        return request, people
    anew = set(through).difference(left_out(accounts(request)))
    if EFFECTS[kind] is Effect.ERASE:
        anew.intersection_update(one.name for one in deployment.linked if not getattr(one, "looks_again", True))
    if anew and len(people) > len(known):
        # What came to light by now may lead to records where all was through: an erasure's last look finds those, where
        # there is one.
        progress["linked"] = {name: told for name, told in progress["linked"].items() if name not in anew}
        again = request._replace(progress=orjson.dumps(progress).decode())
        return _found_everywhere(deployment, workspace, again, fragments, actor)
    rows: dict[str, dict[str, int]] = progress.setdefault(FORESEEN, {})
    for system in (system for system in systems if system.name not in rows):
        try:
            plan = answers.planned(system, kind, people)
        except LinkedSystemUnavailable as error:
            raise wait(deployment, request, system.name, people, error, actor=actor) from None
        rows[system.name] = {account.table: account.rows for account in plan.accounts}
    named, agent = people_of(deployment, request), agent_of(deployment, request)
    first = known if begun is None else begun
    boxes = mailboxes_of(deployment, request)
    sealed = seal_people(deployment, request.workspace_id, request.request_id, named, agent, first, boxes, people)
    request = request._replace(progress=orjson.dumps(progress).decode(), sealed=sealed)
    if EFFECTS[kind] is Effect.CORRECT:  # which leaves no other trace in the keystore
        deployment.keyring.for_sealing(request.workspace_id, {FragmentId(request.request_id): (OUTSIDE,)})
    with deployment.data.write(request.workspace_id) as transaction:
        write(transaction, request, was=request.state)
    return request, people


def _untold(workspace: OpenWorkspace, request: StoredRequest, people: Sequence[Identifier]) -> StoredRequest:
    """A request that tells systems what the person decided; it tells those again that were told before more of what the
    person is known by came to light.
    """
    progress: dict[str, Any] = orjson.loads(request.progress)
    known, told = {workspace.suppression.key(*one).hex() for one in people}, set(progress.get(TOLD_OF, ()))
    without = left_out(accounts(request))
    if told and known - told:
        progress["linked"] = {name: done for name, done in progress.get("linked", {}).items() if name in without}
    progress[TOLD_OF] = sorted(known | told)
    return request._replace(progress=orjson.dumps(progress).decode())


def _gives(request: StoredRequest) -> bool:
    return EFFECTS[Kind(request.kind)] is Effect.GIVE


def _through(request: StoredRequest) -> Collection[str]:
    """The systems that are not asked again: they did their part, or it was decided to go on without them.

    What is given out is read when everything answers, so that it is counted then, too.
    """
    done: dict[str, Any] = orjson.loads(request.progress).get("linked", {})
    return left_out(read_accounts(done)) if _gives(request) else done.keys()


def _require_connected(deployment: Deployment, request: StoredRequest, actor: str) -> None:
    """Go on only if every awaited system is still described: a file that is gone ends no request by itself.

    Raises:
        LinkedSystemUnavailable: one is not; the request waits.
    """
    counted = set(orjson.loads(request.progress).get("linked", {})).difference(_through(request))
    for name in sorted((awaited(request) | counted) - {system.name for system in deployment.linked}):
        error = LinkedSystemUnavailable(
            f"{name}: what it holds of the person was foreseen, and it is connected no longer",
            hint="put its description back, or decide to go on without it: registry dsr override",
        )
        raise wait(deployment, request, name, [], error, actor=actor)


def _at_least(accounts: Sequence[FieldAccount], rows: Mapping[str, int]) -> list[dict[str, object]]:
    """Accounts as noted: what was done before a crash, and noted nowhere, counts as well."""
    told = (account._replace(rows=max(account.rows, rows.get(account.table, 0))) for account in accounts)
    return [account.as_json() for account in told]


def ran(
    system: LinkedSystem,
    request: StoredRequest,
    people: Sequence[Identifier],
    corrections: Mapping[str, object],
    rules: IdentityRules | None,
) -> Sequence[FieldAccount]:
    """Let a system do a request's part, and look again; what was done with every field.

    Raises:
        LinkedSystemUnavailable: it could not, leads to what was not asked about, does not account for what it foresaw,
            or rows are left.
    """
    kind, request_id = Kind(request.kind), text_id(request.request_id)
    own = tells_records_apart(system)  # which accounts by its description, as its plan does
    foreseen = () if own else answers.planned(system, kind, people).accounts
    if EFFECTS[kind] is Effect.ERASE:
        require_nothing_new(system, people, rules)
    done = answers.accounted(system, kind, asked(system, lambda: system.run(request_id, kind, people, corrections)))
    if missing := unaccounted(((a.system, a.table, a.field) for a in foreseen), done):
        places = ", ".join(f"{table}.{field}" for _, table, field in missing)
        raise LinkedSystemUnavailable(f"{system.name} does not say what it did with every field: {places}")
    require_nothing_left(system, kind, people)
    return done
