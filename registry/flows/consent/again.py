"""A no that comes late and was lifted meanwhile by what cannot lift it: said again (decision 0014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.consent.news import BY_SIGNAL, overtaken_at
from registry.consent.records import REFUSALS, ConsentStatus
from registry.flows.deployment import Deployment
from registry.model.ids import FragmentId, ProfileId, RecordId
from registry.model.stored import StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

_STANDS = REFUSALS | {ConsentStatus.RESTRICTED}


def said_again(
    deployment: Deployment,
    transaction: Transaction,
    rows: Sequence[StoredConsent],
    profiles: Mapping[FragmentId, ProfileId],
) -> list[StoredConsent]:
    """The refusals and restrictions among these new records that a signal's yes, or the end of an earlier restriction,
    had overtaken before they were recorded: each once more, from right after that on.

    Args:
        profiles: whose fragments the records are of.
    """
    late = [
        row for row in rows if row.status in _STANDS and row.channel != BY_SIGNAL and row.acted_at < row.recorded_at
    ]
    if not late:
        return []
    workspace_id = late[0].workspace_id
    whole = identities.fragments_of_profiles(transaction, workspace_id, {profiles[row.fragment_id] for row in late})
    home = {fragment.fragment_id: fragment.profile_id for fragment in whole}
    history = consents.history(transaction, workspace_id, home)
    again = []
    for row in late:
        person = (one for one in history if home[one.fragment_id] == profiles[row.fragment_id])
        at = overtaken_at(person, row.purpose, row.acted_at)
        if at is not None:
            made = RecordId(deployment.new_id())
            again.append(row._replace(record_id=made, acted_at=at + 1, sealed=None))
    return again
