"""Does what requests hold sealed still open: whom they name, what they correct, what was set aside by them?

Opened and thrown away; only places are reported. What has ended and was forgotten is not damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from registry.dsr.requests import ENDED, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import held, rectification, reference
from registry.flows.paging import pages
from registry.flows.upkeep.soundness import BECAUSE, PAGE, Damaged
from registry.model.compartment import IDENTITY, compartment_of
from registry.model.errors import Forgotten, KeyMissing, RequestDamaged, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase
from registry.store import holdings, requests

NEWEST = b"\xff" * 17
"""What comes after every id."""


def unopenable(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[Damaged]:
    """Open whatever requests and cases hold, a page at a time; what does not open, by the id of either.

    Raises:
        StoreUnavailable, KmsUnavailable: it cannot be looked at now.
    """
    for page in pages(
        deployment.data, workspace_id,
        lambda transaction, before: requests.newest(transaction, workspace_id, PAGE, before),
        lambda row: row.request_id, first=NEWEST,
    ):  # fmt: skip
        yield from _of_requests(deployment, workspace_id, page)
    with deployment.data.read(workspace_id) as transaction:
        cases = holdings.open_cases(transaction, workspace_id)
    for case in cases:
        yield from _of_case(deployment, case)


def _of_requests(deployment: Deployment, workspace_id: WorkspaceId, page: Sequence[StoredRequest]) -> Iterator[Damaged]:
    sealed = [one for one in page if one.sealed is not None or "sealed_details" in orjson.loads(one.progress)]
    # All in one call of the key service: opened one by one, they are found in memory.
    needs = {FragmentId(one.request_id): (IDENTITY,) for one in sealed}
    deployment.keyring.for_opening(OpenGrant(workspace_id, frozenset({IDENTITY}), BECAUSE), needs)
    for request in sealed:
        try:
            reference.people_of(deployment, request)
            rectification.corrected(deployment, request)
        except RequestDamaged:
            yield Damaged("dsr_request", FragmentId(request.request_id), 1)
        except Forgotten:  # or it was certified, and stopped before that was noted
            if State(request.state) not in ENDED and request.certificate is None:
                yield Damaged("dsr_request", FragmentId(request.request_id), 1)


def _of_case(deployment: Deployment, case: RetainedCase) -> Iterator[Damaged]:
    compartment = compartment_of([case.purpose])
    grant = OpenGrant(case.workspace_id, frozenset({compartment}), BECAUSE)
    count = 0
    for page in pages(
        deployment.data, case.workspace_id,
        lambda transaction, after: holdings.items_after(transaction, case.workspace_id, case.case_id, after, PAGE),
        lambda item: item.item_id,
    ):  # fmt: skip
        for item in page:
            try:
                key = held.case_key(deployment, grant, case, compartment)
                held.open_item(item, key, grant, compartment)
            except (KeyMissing, SealBroken):
                count += 1
    if count:
        yield Damaged("retained_item", FragmentId(case.case_id), count)
