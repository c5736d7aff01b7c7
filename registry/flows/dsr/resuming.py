"""The deferred erasure in systems outside, once a hold has ended: the steps of any, under the holds that are left.

What each system did is noted in the case before the next is asked; once all are through, each is looked at once more.
One that does not answer, has rows again, or is connected no longer, leaves the case waiting: shown, tried again with
growing intervals, and ended without it only by a recorded decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from registry.dsr import waiting
from registry.dsr.accounting import FieldAccount, left_out, not_reached
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.held import Held, by_hold, under
from registry.dsr.plan import LinkedSystem
from registry.dsr.requests import Kind
from registry.dsr.waiting import Wait, after, pause
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import done_outside, held, last_look, linked
from registry.flows.dsr.reaching import reached
from registry.flows.dsr.waiting import without_names
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.errors import (
    Conflict,
    KeyMissing,
    KmsUnavailable,
    LinkedSystemUnavailable,
    NotFound,
    RegistryError,
    RequestStopped,
    SealBroken,
    StoreUnavailable,
)
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase
from registry.store import holdings, requests
from registry.store.database import Transaction

DONE, LOOKED, WAIT, NEXT_AT = "done", "looked", "wait", "next_at"
"""The members of a case's progress: what systems have done by now, that all were looked at once more (with the kinds of
identifier that were looked for only where they are described), what it waits for, and when it is tried again.
"""


def erase_outside(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, request: StoredRequest
) -> tuple[StoredRequest, list[FieldAccount], list[str]]:
    """Erase what a case kept outside; the request as it is to be written then, every field that was looked at, and the
    kinds of identifier that were looked for only where they are described.

    Raises:
        LinkedSystemUnavailable: a system does not answer, has rows again, or is connected no longer; the case waits.
        KeyMissing, SealBroken: it cannot be read whom it kept something of; the case waits.
    """
    names: list[str] = orjson.loads(request.progress).get(held.NOTED, {}).get("systems", [])
    done, kinds = _done(case), list[str](_progress(case).get(LOOKED, ()))
    awaited = [name for name in names if name not in done]
    to_look_at = set(names) - left_out(done_outside.read_accounts(done)) if LOOKED not in _progress(case) else ()
    if awaited or to_look_at:
        try:
            people = held.people_in(deployment, workspace, case)
        except (KeyMissing, SealBroken) as error:
            if awaited:
                raise _waits(deployment, case, awaited[0], error) from None
        else:
            if not people:  # this case kept nothing outside
                return request, done_outside.read_accounts(done), kinds
            request, done, kinds = _erased(deployment, workspace, case, request, names, people)
    accounts = done_outside.read_accounts(done)
    standing = {one.hold_id for one in held.on(deployment, workspace, request, ())}
    request, _ = held.settle(deployment, workspace, request, accounts, only=standing, ends=case.case_id)
    return request, accounts, kinds


def override(
    deployment: Deployment, workspace: OpenWorkspace, case_id: bytes, system: str, *, reason: str, actor: str
) -> RetainedCase:
    """Decide that a case whose hold has ended ends without a system; its certificate will say so.

    Args:
        reason: in the clear, in the audit log and in the certificate.

    Raises:
        NotFound: there is no such case, or it keeps nothing in this system.
        Conflict: the case waits for no system.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        found = holdings.case(transaction, workspace_id, case_id)
        case = _locked(transaction, found) if found is not None else None
        if case is None:
            raise NotFound("there is no such case")
        if case.ended_at is not None or wait_of(case) is None:
            raise Conflict("the case waits for no system")
        request = requests.get(transaction, workspace_id, case.request_id)
        names = orjson.loads(request.progress).get(held.NOTED, {}).get("systems", ()) if request is not None else ()
        done, wait = _done(case), Wait.noted(_progress(case))
        asked_again = wait is not None and wait.system == system  # it did its part, and is away for the last look
        if system not in names or (system in done and not asked_again):
            raise NotFound("the case waits for no such system")
        done[system] = [*done.get(system, []), not_reached(system, actor, reason).as_json()]
        case = case._replace(progress=orjson.dumps({DONE: done}).decode())
        holdings.write_case(transaction, case)
        trail.append(
            transaction, workspace_id, deployment.clock(), actor=actor, action="dsr:retained:overridden",
            outcome="decided",
            fields={
                "request": text_id(case.request_id), "case": text_id(case.case_id), "system": system, "reason": reason
            },
        )  # fmt: skip
    return case


def wait_of(case: RetainedCase) -> dict[str, object] | None:
    """What a case waits for, as interfaces show it; None of one that waits for nothing."""
    progress = _progress(case)
    noted = Wait.noted(progress)
    return noted.as_json(progress[NEXT_AT]) if noted is not None and case.ended_at is None else None


def is_due(case: RetainedCase, now: Micros) -> bool:
    """Whether a case is to be tried now: one that waits is left alone for a while."""
    next_at: Micros = _progress(case).get(NEXT_AT, now)
    return waiting.is_due(next_at, now)


def stop(deployment: Deployment, case: RetainedCase, error: Exception) -> RegistryError:
    """Note what stopped the end of a case here, so that whoever looks sees it; the error that says so."""
    stopped = error if isinstance(error, RegistryError) else RequestStopped.by(error)
    if isinstance(stopped, StoreUnavailable | KmsUnavailable) or "case" in stopped.extra:
        return stopped  # everything waits for that; or it is noted already
    raised = _waits(deployment, case, OWN_SYSTEM, stopped)
    raised.__cause__ = error if stopped is not error else None
    return raised


def _erased(
    deployment: Deployment,
    workspace: OpenWorkspace,
    case: RetainedCase,
    request: StoredRequest,
    names: Sequence[str],
    people: Sequence[Identifier],
) -> tuple[StoredRequest, dict[str, Any], list[str]]:
    asked = set(names) - left_out(done_outside.read_accounts(_done(case)))
    systems = [system for system in deployment.linked if system.name in asked]
    # Who became known since is somebody else.
    known, (people, silent) = people, reached(systems, people, deployment.policies.identity, begun=())
    for name, error in silent.items():
        raise _waits(deployment, case, name, error, people) from None
    holds = held.on(deployment, workspace, request, people)
    request = held.note(deployment, workspace, request, holds, people, systems=names)
    with deployment.data.write(request.workspace_id) as transaction:
        requests.note_progress(transaction, request)
    if set(people) != set(known):
        case = _learnt(deployment, workspace, case, people)
    standing, done, failed = list(map(held.as_held, holds)), _done(case), dict[str, LinkedSystemUnavailable]()
    last, systems = "", [under(system, standing) for system in systems]
    for system in systems:
        if system.name in done and not _is_outdated(
            done_outside.read_accounts({system.name: done[system.name]}), standing
        ):
            continue
        try:
            told = linked.ran(system, request, people, {}, deployment.policies.identity)
        except LinkedSystemUnavailable as error:
            failed[system.name] = error
            if last_look.may_be_anothers(error):
                continue
            break
        last, done = system.name, _note(deployment, case, system.name, told)
    for name, why in failed.items():
        raise _waits(deployment, case, name, why, people)
    if gone := sorted(asked - done.keys()):  # last, so that it holds up none of the others
        cause = LinkedSystemUnavailable(
            f"{gone[0]} keeps what a hold covered, and is connected no longer",
            hint="put its description back, or decide to go on without it: registry holds override",
        )
        raise _waits(deployment, case, gone[0], cause)
    return request, done, _look_again(deployment, case, request, systems, people, last=last)


def _learnt(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, people: Sequence[Identifier]
) -> RetainedCase:
    """A case with all that its person is known by, sealed before any system is touched: once one has erased, nobody
    finds that again. What was through before, and has no second look, goes again.
    """
    item = held.sealed(deployment, workspace, case, people)
    blind = {one.name for one in deployment.linked if not getattr(one, "looks_again", True)}
    with deployment.data.write(case.workspace_id) as transaction:
        now = _locked(transaction, case)
        anew = blind - left_out(done_outside.read_accounts(_done(now)))
        done = {name: told for name, told in _done(now).items() if name not in anew}
        now = now._replace(progress=orjson.dumps({**_progress(now), DONE: done}).decode())
        holdings.put_item(transaction, item)
        holdings.write_case(transaction, now)
    return now


def _look_again(
    deployment: Deployment,
    case: RetainedCase,
    request: StoredRequest,
    systems: Sequence[LinkedSystem],
    people: Sequence[Identifier],
    *,
    last: str,
) -> list[str]:
    """Look at these systems once more, now that all are through; the kinds looked for only where they are described.

    Args:
        last: the one that was through just now, and was looked through then.

    Raises:
        LinkedSystemUnavailable: one does not answer, or has rows again: the case waits, and that one goes again.
    """
    for system in (system for system in systems if system.name != last):
        try:
            last_look.require_nothing_left(system, Kind(request.kind), people)
        except LinkedSystemUnavailable as error:
            raise _waits(deployment, case, system.name, error, people, anew=last_look.LEFT in error.extra) from None
    kinds = sorted({kind for system in systems for kind in last_look.kinds_by_place(system, people)})
    with deployment.data.write(case.workspace_id) as transaction:
        now = _locked(transaction, case)
        holdings.write_case(
            transaction, now._replace(progress=orjson.dumps({DONE: _done(now), LOOKED: kinds}).decode())
        )
    return kinds


def _is_outdated(accounts: Sequence[FieldAccount], standing: Sequence[Held]) -> bool:
    """Whether something was left for a hold that has ended since: the system is asked once more."""
    return any(by_hold(one) and not any(hold.is_named(one) for hold in standing) for one in accounts)


def _note(
    deployment: Deployment, case: RetainedCase, system: str, told: Sequence[FieldAccount]
) -> dict[str, list[dict[str, object]]]:
    with deployment.data.write(case.workspace_id) as transaction:
        now = _locked(transaction, case)
        done = _done(now) | {system: [account.as_json() for account in told]}
        holdings.write_case(transaction, now._replace(progress=orjson.dumps({DONE: done}).decode()))
    return done


def _waits(
    deployment: Deployment,
    case: RetainedCase,
    system: str,
    error: RegistryError,
    people: Sequence[Identifier] = (),
    *,
    anew: bool = False,
) -> RegistryError:
    """Note that a case waits, and for which system, which has to do its part `anew` or not; the error that says so."""
    cause, hint, told = without_names(system, people, error)
    with deployment.data.write(case.workspace_id) as transaction:
        case = _locked(transaction, case)
        progress, now = _progress(case), deployment.clock()
        wait = after(Wait.noted(progress), system, code=error.code, cause=cause, hint=hint, now=now)
        next_at = now + pause(wait.attempts, told.get("retry_after_s"))
        done = {name: told for name, told in _done(case).items() if not (anew and name == system)}
        noted = {DONE: done, WAIT: wait.as_noted(), NEXT_AT: next_at}
        holdings.write_case(transaction, case._replace(progress=orjson.dumps(noted).decode()))
    hint = hint or "the hold has ended: the erasure that it deferred is tried again by itself"
    raised = type(error)(cause, hint=hint, extra=told | {"case": text_id(case.case_id), "system": system})
    if isinstance(raised, LinkedSystemUnavailable):
        raised.waiting = system
    return raised


def _locked(transaction: Transaction, case: RetainedCase) -> RetainedCase:
    """A case as it is now; nobody writes to it until the transaction ends."""
    requests.hold(transaction, case.workspace_id, case.request_id)
    return holdings.case(transaction, case.workspace_id, case.case_id) or case


def _progress(case: RetainedCase) -> Mapping[str, Any]:
    progress: dict[str, Any] = orjson.loads(case.progress) if case.progress is not None else {}
    return progress


def _done(case: RetainedCase) -> dict[str, list[dict[str, object]]]:
    return dict(_progress(case).get(DONE, {}))
