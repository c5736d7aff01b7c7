"""Callbacks of processors: what one has moved on is asked about at once, not when its turn comes.

The callback's word is not taken for the answer: the processor is asked, and its signed status counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.connectors.opendsr import OpenDsrProcessor
from registry.dsr.requests import State
from registry.flows.deployment import Deployment
from registry.model.errors import NotFound
from registry.model.ids import text_id
from registry.store import administration, requests


def take(deployment: Deployment, name: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Let the request that a callback is about be tried again now; how many there are: one, or none any more.

    Raises:
        NotFound: there is no such processor.
        Forbidden: the callback is not signed by it, or was meant for another address.
        InvalidInput: it is no callback.
    """
    known = [one for one in deployment.linked if isinstance(one, OpenDsrProcessor) and one.name == name]
    if not known:
        raise NotFound("there is no such processor")
    [processor] = known
    theirs = processor.called_back(body, headers)
    with deployment.data.directory() as transaction:
        workspaces = [row.workspace_id for row in administration.workspaces(transaction)]
    found = 0
    for workspace_id in workspaces:
        with deployment.data.write(workspace_id) as transaction:
            for request in requests.in_states(transaction, workspace_id, [State.WAITING.value]):
                if processor.is_about(theirs, text_id(request.request_id)):
                    found += requests.hasten(transaction, request, deployment.clock())
    return found
