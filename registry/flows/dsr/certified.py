"""The certificate of a request that erases nothing: no request counts as complete before every field is accounted for.

Said are the rows that there are when it is signed. What an access or portability request gives out is
written when the package is fetched, from the same tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from registry.dsr.accounting import FieldAccount, unaccounted
from registry.dsr.declarations import PERSONAL
from registry.flows.accountability import certifying
from registry.flows.deployment import Deployment
from registry.flows.dsr import beside, done_outside, planning
from registry.flows.dsr.history import restored_at, up_to_date, write
from registry.flows.dsr.proofs import verified_by
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from registry.store.database import Transaction


def accounted(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> list[FieldAccount]:
    """What becomes of every field, by the rows that there are now.

    Raises:
        Conflict: a field is not accounted for.
    """
    own, _, fragments = planning.of_registry(deployment, workspace, request)
    apart = beside.accounts(orjson.loads(request.progress), fragments)
    found = [*own.accounts, *apart, *done_outside.accounts(request)]
    require_accounted(found)
    return found


def certify(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    request: StoredRequest,
    accounts: Sequence[FieldAccount],
    *,
    actor: str,
) -> StoredRequest:
    """The request with its certificate, which states these accounts."""
    request = up_to_date(transaction, request)
    outcome = certifying.outcome_of(deployment, request, accounts, deployment.clock())
    restored = restored_at(transaction, request) if done_outside.accounts(request) else None
    outcome = replace(outcome, requester=verified_by(transaction, request), restored_at=restored)
    named: dict[str, int | str] = {"request": text_id(request.request_id)}
    token = certifying.issue(deployment, workspace, transaction, outcome, actor=actor, fields=named)
    certified = request._replace(certificate=token)
    write(transaction, certified, was=request.state)
    return certified


def require_accounted(accounted: Sequence[FieldAccount]) -> None:
    """Go on only if every personal field of Registry's own has its account (invariant 12).

    Raises:
        Conflict: one is missing, or is kept without a ground.
    """
    missing = unaccounted(PERSONAL, accounted)
    if missing:
        raise Conflict("a field is not accounted for", extra={"tables": sorted({table for _, table, _ in missing})})
