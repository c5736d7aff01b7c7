"""The plan of a request: looked up now, in every system; nothing is changed."""

from __future__ import annotations

from registry.dsr.census import OWN_SYSTEM, accounts
from registry.dsr.declarations import DECLARED
from registry.dsr.plan import Corrections, RequestPlan, SystemPlan
from registry.dsr.requests import EFFECTS, ENDED, Effect, Kind, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import beside, linked, passing_on, rectification, retaining
from registry.flows.dsr.history import require
from registry.flows.dsr.reference import answered_before, fragments_now, indexes_of
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict
from registry.model.ids import BlindIndex, FragmentId, RequestId
from registry.model.stored import StoredRequest
from registry.store import erasure as rows
from registry.store import identities, keystore, quarantine, requests
from registry.store.database import Transaction

UNDECIDED = "declare the fields in the system's file, which is read anew by itself, or mend the system; then approve"


def plan_of(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> RequestPlan:
    """What the request will do with every field, were it run now.

    Raises:
        NotFound: there is no such request.
        Conflict: it has ended; what it did stands in its certificate.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = _unfinished(transaction, workspace, request_id)
    own, retained, fragments = of_registry(deployment, workspace, request)
    systems, people = linked.plans(deployment, workspace, request, fragments)
    corrections = None
    if EFFECTS[Kind(request.kind)] is Effect.CORRECT:
        asked = rectification.corrected(deployment, request).keys()
        outside = {trait for system in systems for trait in system.places()}
        corrections = Corrections(len(asked), len(asked if fragments else asked & outside))
    others = beside.found(deployment, workspace, request, people, fragments)
    return RequestPlan(Kind(request.kind), [own, *systems], retained, corrections, others)


def of_registry(
    deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest
) -> tuple[SystemPlan, list[dict[str, object]], list[FragmentId]]:
    """What a request does with every field of Registry's own, by the rows there are now.

    Returns:
        The plan, what an erasure sets aside, and the person's fragments.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        counts, fragments, shut, indexes = _counts(deployment, transaction, workspace, request)
    with deployment.keystore.read(workspace.workspace_id) as transaction:
        counts["key_bundle"] = len(keystore.bundles(transaction, workspace.workspace_id, [*fragments, *shut]))
    kind = Kind(request.kind)
    erases = EFFECTS[kind] is Effect.ERASE
    retained = retaining.foreseen(deployment, workspace, fragments, indexes) if erases else []
    counts |= dict.fromkeys(("legal_hold", "retained_case"), len(retained))
    counts["retained_item"] = sum(int(str(one["items"])) for one in retained)
    return SystemPlan(OWN_SYSTEM, accounts(DECLARED, counts, kind)), retained, fragments


def require_decided(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> None:
    """Go on to an approval only if every field that is found anywhere is decided about, and every profile here that
    systems outside take for the person.

    Raises:
        Conflict: a linked system has fields that nobody declared, could not be asked, or leads to somebody else here.
        NotFound: there is no such request.
    """
    if not deployment.linked:
        return  # every field of Registry's own is declared: the build fails otherwise
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = _unfinished(transaction, workspace, request_id)
        fragments = fragments_now(deployment, transaction, workspace, request)
    systems, people = linked.plans(deployment, workspace, request, fragments)
    plan = RequestPlan(Kind(request.kind), systems)
    if plan.undecided or plan.unreachable:
        fault = getattr(deployment.linked, "fault", None)
        tables = [f"{system}: {table}.{field}" for system, table, field in plan.undecided]
        wrong = "field is decided about" if plan.undecided else "system answers"
        raise Conflict(
            f"not every {wrong}: see the plan",
            hint=UNDECIDED if fault is None else f"{UNDECIDED}. Changed files are not taken yet: {fault}",
            extra={"tables": [*tables, *plan.unreachable]},
        )
    beside.require_decided(beside.found(deployment, workspace, request, people, fragments))


def _unfinished(transaction: Transaction, workspace: OpenWorkspace, request_id: RequestId) -> StoredRequest:
    request = require(transaction, workspace, request_id)
    if State(request.state) in ENDED:
        raise Conflict(f"a request that is {request.state} has no plan any more", hint="look at its certificate")
    return request


def _counts(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest
) -> tuple[dict[str, int], list[FragmentId], list[FragmentId], list[BlindIndex]]:
    """How many rows each table has of the person; their fragments, what else has a key of theirs, and identifiers."""
    workspace_id = workspace.workspace_id
    subjects = indexes_of(deployment, workspace, request)
    fragments = fragments_now(deployment, transaction, workspace, request)
    indexes = [row.blind_index for row in identities.identifiers_of(transaction, workspace_id, fragments)]
    shut = quarantine.about(transaction, workspace_id, indexes)
    counts = rows.counted(transaction, workspace_id, fragments, indexes, shut)
    counts |= requests.kept_of(transaction, workspace_id, request.request_id, fragments)
    # Memory that an erasure will leave of the person; no other request leaves any.
    erases = EFFECTS[Kind(request.kind)] is Effect.ERASE
    counts |= dict.fromkeys(("suppression", "erased_identifier"), len(indexes) if erases else 0)
    answered = answered_before(deployment, transaction, workspace, request, fragments)
    counts["erasure"] = len(fragments) + len(shut) + len(answered) if erases else 0
    counts["destination_erasure"] = len(passing_on.recipients_of(transaction, workspace_id, fragments))
    return counts, fragments, [*shut, *map(FragmentId, answered)], [*indexes, *subjects]
