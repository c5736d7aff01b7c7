"""A link to a package, sent by letter: to the mailbox that is known to be the person's, or to their agent."""

from __future__ import annotations

from registry.dsr.notices import Notice, To
from registry.flows.deployment import Deployment
from registry.flows.dsr import contacts, letters, reference
from registry.flows.dsr.history import add_to_history, require
from registry.flows.dsr.package import links
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict
from registry.model.ids import RequestId

MAIL = "mail"
BY_HAND = "make the link, and tell it in another way"


def mail(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str, days: int, fetches: int
) -> To:
    """Note that a link to a package is to be sent; whom to. Who is told is whoever the answer of the request goes to.

    Raises:
        NotFound: there is no such request.
        Conflict: it has no package, the privacy centre has no address, or there is no mailbox that may get it.
        InvalidInput: the link would last too long, or could be followed too often.
        KmsUnavailable, SealBroken, StoreUnavailable: the mailbox cannot be looked up now.
    """
    links.check(days, fetches)
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
    reference.scope_of(deployment, workspace, request)
    if deployment.public_url is None:
        raise Conflict("a letter cannot lead to the privacy centre", hint="set REGISTRY_PUBLIC_URL")
    to = To.AGENT if request.deliver_to == To.AGENT else To.PERSON
    if not contacts.for_package(deployment, workspace, request, to):
        raise Conflict(f"there is no mailbox of the {to.value} that a package may be fetched from", hint=BY_HAND)
    details = {"by": actor, "days": str(days), "fetches": str(fetches)}
    with deployment.data.write(workspace.workspace_id) as transaction:
        letters.add(deployment, transaction, workspace, request, Notice.PACKAGE, to, details)
        add_to_history(deployment, transaction, request, MAIL, actor, {"to": to.value})
    return to
