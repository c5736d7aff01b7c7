"""What else becomes known with a late record (decision 0014): a no that was lifted meanwhile by what cannot lift it is
said again; a no that signals repeated after a yes is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.consent.news import BY_SIGNAL, overtaken_at, refused_again
from registry.consent.records import AGREED, REFUSALS, ConsentStatus
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
        for at in overtaken_at(person, row.purpose, row.acted_at):
            made = RecordId(deployment.new_id())
            again.append(row._replace(record_id=made, acted_at=at + 1, sealed=None))
    return again


def repeated_since(
    deployment: Deployment,
    transaction: Transaction,
    rows: Sequence[StoredConsent],
    profiles: Mapping[FragmentId, ProfileId],
) -> list[tuple[StoredConsent, ProfileId]]:
    """The noes that signals repeated after these new records say yes, with the times when they were noted, and whose
    each is.

    Args:
        profiles: whose fragments the records are of.
    """
    late = [row for row in rows if row.status in AGREED and row.acted_at < row.recorded_at]
    if not late:
        return []
    workspace_id = late[0].workspace_id
    whole = identities.fragments_of_profiles(transaction, workspace_id, {profiles[row.fragment_id] for row in late})
    home = {fragment.fragment_id: fragment.profile_id for fragment in whole}
    states = [one for one in consents.states(transaction, workspace_id, home) if one.repeated_at is not None]
    history = consents.history(transaction, workspace_id, {one.fragment_id for one in states}) if states else []
    again: dict[tuple[FragmentId, str], StoredConsent] = {}
    for row in late:
        person = profiles[row.fragment_id]
        words = (one for one in states if one.purpose == row.purpose and home[one.fragment_id] == person)
        again |= {(no.fragment_id, no.purpose): no for no in refused_again(history, words, row.acted_at)}
    now = late[0].recorded_at
    made = [no._replace(record_id=RecordId(deployment.new_id()), recorded_at=now) for no in again.values()]
    return [(no, home[no.fragment_id]) for no in made]
