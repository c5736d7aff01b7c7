"""What erasures have set aside: looked at for its one purpose, and destroyed once its duty is over.

The end of a case is the deferred part of its erasure: key, rows, a second look, and a certificate of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from registry.access.policy import Action, Principal
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.certificate import Destroyed
from registry.dsr.declarations import DECLARED
from registry.dsr.requests import ENDED, State
from registry.flows.accountability import certifying
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import held, resuming, retaining
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.compartment import compartment_of
from registry.model.errors import Conflict, Forbidden, NotFound, RegistryError
from registry.model.grants import OpenGrant, ShredGrant
from registry.model.ids import FragmentId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase, RetainedItem
from registry.store import holdings, requests, second_look

TABLES = ("retained_item",)
PAGE = 200
"""Cases that are listed at once."""


def listed(
    deployment: Deployment,
    workspace: OpenWorkspace,
    limit: int = PAGE,
    before: bytes | None = None,
    *,
    of_duties: bool = False,
) -> list[RetainedCase]:
    """The newest cases, ended ones included: a duty leaves one of each erasure.

    Args:
        before: the case to go on after.
        of_duties: those of duties alone.
    """
    cursor = before if before is not None else b"\xff" * 17
    with deployment.data.read(workspace.workspace_id) as transaction:
        return holdings.newest_cases(transaction, workspace.workspace_id, limit, cursor, of_duties=of_duties)


def of_holds(deployment: Deployment, workspace: OpenWorkspace) -> list[RetainedCase]:
    """Every case of a hold, ended ones included, newest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return holdings.cases_of_holds(transaction, workspace.workspace_id)


def certificate_of(deployment: Deployment, workspace: OpenWorkspace, case_id: bytes) -> str:
    """The certificate of a case that has ended.

    Raises:
        NotFound: there is no such case, or something is still kept in it.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        case = holdings.case(transaction, workspace.workspace_id, case_id)
    if case is None or case.certificate is None:
        raise NotFound("there is no certificate under this id", hint="a case is certified when it has ended")
    return case.certificate


def read(
    deployment: Deployment,
    workspace: OpenWorkspace,
    principal: Principal,
    case_id: bytes,
    purpose: str,
    *,
    after: bytes = b"",
    limit: int = 100,
) -> tuple[list[dict[str, Any]], bytes | None]:
    """A page of what is kept in a case, for the one purpose that it is kept for; audited before it is given out.

    Returns:
        The items, and the id to go on after; None at the end.

    Raises:
        NotFound: there is no such case, or it has ended.
        Forbidden: it is kept for another purpose, or the key was not made for this one.
    """
    deployment.policies.access.require(principal, Action.HOLDS_OPEN, purpose=purpose)
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        case = holdings.case(transaction, workspace_id, case_id)
        if case is None or case.ended_at is not None:
            raise NotFound("nothing is kept under this id")
        if case.purpose != purpose:
            raise Forbidden(
                "this is kept for another purpose alone", extra={"rule": "the hold's or duty's own purpose"}
            )
        page = holdings.items_after(transaction, workspace_id, case_id, after, limit)
    items = _opened(deployment, case, page) if page else []
    with deployment.data.write(workspace_id) as transaction:
        trail.append(
            transaction, workspace_id, deployment.clock(), actor=principal.actor, action="dsr:retained:read",
            outcome="given", fields={"case": text_id(case_id), "purpose": purpose, "items": len(items)},
        )  # fmt: skip
    return items, page[-1].item_id if len(page) == limit else None


def _opened(deployment: Deployment, case: RetainedCase, page: Sequence[RetainedItem]) -> list[dict[str, Any]]:
    compartment = compartment_of([case.purpose])
    grant = OpenGrant(case.workspace_id, frozenset({compartment}), f"retained:{case.purpose}")
    key = held.case_key(deployment, grant, case, compartment)
    return [held.open_item(row, key, grant, compartment) for row in page]


def end_due(
    deployment: Deployment, workspace: OpenWorkspace, *, actor: str, at_once: bool = True
) -> list[RetainedCase]:
    """Destroy what no hold and no duty keeps any more; the cases that have ended by it, each with its certificate.

    Args:
        at_once: also those that wait for a system outside, and whose turn is yet to come.

    Raises:
        Conflict: a second look still finds something; it is tried again.
        LinkedSystemUnavailable: a system outside does not answer.
        RequestStopped: a fault of Registry's own; the case waits, and is tried again.
        KeyMissing, SealBroken: it cannot be read whom it kept something of outside.
        StoreUnavailable, KmsUnavailable: do it again; it goes on where it stood.
            Whatever is raised, the case stays, and every other one has ended.
    """
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        lapsed = holdings.lapsed(transaction, workspace_id, now)
    if lapsed:  # as a release does: nobody needs to know any more whom they were about
        with deployment.data.write(workspace_id) as transaction:
            holdings.forget_subjects(transaction, workspace_id, lapsed)
    with deployment.data.read(workspace_id) as transaction:
        cases = holdings.over_cases(transaction, workspace_id, now)
        started = {
            case.case_id: request
            for case in cases
            if (request := requests.get(transaction, workspace_id, case.request_id)) is not None
        }
    ended, failed = [], list[RegistryError]()
    for case in cases:
        request = started.get(case.case_id)
        if request is None or State(request.state) not in ENDED or not (at_once or resuming.is_due(case, now)):
            continue
        if _is_over(deployment, case, now):
            try:
                done = _end_alone(deployment, workspace, case, request, actor)
                ended += [done] if done is not None else []
            except Exception as error:  # noqa: BLE001 - whatever it is, it is shown, and holds up no other
                failed.append(resuming.stop(deployment, case, error))
    if failed:
        raise failed[0]
    return ended


def _is_over(deployment: Deployment, case: RetainedCase, now: Micros) -> bool:
    """Whether nothing is to be kept in a case any more; of a duty, the items whose own time is over go here."""
    if case.hold_id is not None:
        return True
    with deployment.data.write(case.workspace_id) as transaction:
        holdings.delete_items(transaction, case.workspace_id, case.case_id, now)
        return holdings.count_items(transaction, case.workspace_id, case.case_id) == 0


def _end_alone(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, request: StoredRequest, actor: str
) -> RetainedCase | None:
    """None where another process ends a case of the same erasure, or has ended this one: it is certified once."""
    with deployment.data.sole(f"request-{case.request_id.hex()}") as alone:
        with deployment.data.read(case.workspace_id) as transaction:
            now = holdings.case(transaction, case.workspace_id, case.case_id)
        is_open = now is not None and now.ended_at is None
        return _end(deployment, workspace, now, request, actor) if alone and now is not None and is_open else None


def _end(
    deployment: Deployment, workspace: OpenWorkspace, case: RetainedCase, request: StoredRequest, actor: str
) -> RetainedCase:
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:  # another case of the same erasure may have ended just now
        request = requests.get(transaction, workspace_id, case.request_id) or request
    request, outside, kinds = resuming.erase_outside(deployment, workspace, case, request)
    grant = ShredGrant(workspace_id, case.request_id, f"retained:{text_id(case.case_id)}")
    deployment.keyring.shred(grant, [FragmentId(case.case_id)])
    with deployment.data.write(workspace_id) as transaction:
        holdings.delete_items(transaction, workspace_id, case.case_id, None)
    deployment.data.checkpoint()
    with deployment.data.read(workspace_id) as transaction:
        left = second_look.remaining(transaction, workspace_id, [case.case_id])
    with deployment.keystore.read(workspace_id) as transaction:
        left |= second_look.remaining(transaction, workspace_id, [case.case_id])
    if left:
        raise Conflict("the second look still finds what was kept", extra={"remaining": left})
    with deployment.data.write(workspace_id) as transaction:
        requests.hold(transaction, workspace_id, request.request_id)
        now = deployment.clock()
        trail.append(
            transaction, workspace_id, now, actor=actor, action="dsr:retained:erased", outcome="done",
            fields={"request": text_id(case.request_id), "case": text_id(case.case_id), "items": case.items},
        )  # fmt: skip
        outcome = replace(
            certifying.outcome_of(deployment, request, [*_accounts(case), *outside], request.completed_at or now),
            ends_case=text_id(case.case_id),
            ended_at=now,
            destroyed=Destroyed(1, deployment.keyring.generation(workspace_id), remaining=0, by_place=kinds),
            retained=retaining.stated(transaction, workspace_id, case.request_id, ends=case.case_id),
        )
        named: dict[str, int | str] = {"request": text_id(case.request_id), "case": text_id(case.case_id)}
        token = certifying.issue(deployment, workspace, transaction, outcome, actor=actor, fields=named)
        done = case._replace(ended_at=now, certificate=token, progress=None)
        holdings.write_case(transaction, done)
        requests.note_progress(transaction, request)
    return done


def _accounts(case: RetainedCase) -> list[FieldAccount]:
    return [
        FieldAccount(OWN_SYSTEM, field.table, field.field, Disposition.ERASED, case.items)
        for field in DECLARED
        if field.table in TABLES and field.is_personal
    ]


def case_json(case: RetainedCase) -> dict[str, Any]:
    """A case as it is shown: everything but what is kept in it."""
    return {
        "case_id": text_id(case.case_id),
        "request_id": text_id(case.request_id),
        "because": case.duty or "hold",
        "hold_id": text_id(case.hold_id) if case.hold_id is not None else None,
        "ground": case.ground,
        "purpose": case.purpose,
        "categories": list(filter(None, case.categories.split(","))),
        "items": case.items,
        "made_at": rfc3339(case.made_at),
        "ended_at": rfc3339(case.ended_at) if case.ended_at is not None else None,
        "waiting": resuming.wait_of(case),
        "certificate": case.certificate,
    }
