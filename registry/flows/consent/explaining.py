"""Why a decision is what it is: recomputed as of any moment, as known then or now, record by record."""

from __future__ import annotations

from dataclasses import dataclass

from registry.consent.decide import decide
from registry.consent.explain import Part, known_by, parts
from registry.consent.records import ConsentRecord
from registry.flows.consent.standing import FOREVER, standings_for, to_record
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.identity.history import fragments_at
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.ids import ProfileId
from registry.model.message import Identifier
from registry.model.stored import StoredConsent
from registry.store import consents


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, the moments it is of, and each record's part in it, in the order of the acts."""

    decision: Decision
    at: Micros
    known_at: Micros | None
    records: tuple[tuple[StoredConsent, Part], ...]


def explain(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    purpose: str,
    categories: frozenset[str] = frozenset(),
    *,
    at: Micros | None = None,
    known_at: Micros | None = None,
    jurisdiction: str | None = None,
) -> Explanation:
    """The decision as of a moment (now, if None), with every record's part.

    Who was joined with whom is taken as of `at`. Now counts all that is known, as a check does, whatever a clock says
    that was set back.

    Args:
        known_at: only what had been recorded by then counts; None for all that is known now.
        jurisdiction: as for `checks.check`.

    Raises:
        StoreUnavailable: it cannot be told.
    """
    moment, until = (deployment.clock(), FOREVER) if at is None else (at, at)
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        index = subjects.standing(workspace, transaction, [subject])[subject]
        if at is None:
            fragments, _ = consents.standing_of(transaction, workspace_id, index)
        else:
            fragments = fragments_at(transaction, workspace_id, index, at)
        rows = consents.history(transaction, workspace_id, [fragment.fragment_id for fragment in fragments])
    if known_at is not None:
        heard = {row.fragment_id for row in rows if row.recorded_at <= known_at}
        fragments = [one for one in fragments if one.created_at <= known_at or one.fragment_id in heard]
        if not any(one.anchor == index for one in fragments):  # nobody knew that it is theirs
            fragments = []
    there = {one.fragment_id: one.origin_profile_id for one in fragments}
    rows = [row for row in rows if row.fragment_id in there]
    counting = {record.record_id for record in known_by(map(to_record, rows), until, known_at)}
    counted = [row for row in rows if row.record_id in counting]
    standing = standings_for(deployment.policies.identity, fragments, counted, (purpose,))[purpose]
    catalogue = deployment.policies.purposes
    decision = decide(purpose, categories, standing, catalogue, now=moment, jurisdiction=jurisdiction)
    sides: dict[ProfileId, list[ConsentRecord]] = {}
    for row in rows:
        sides.setdefault(there[row.fragment_id], []).append(to_record(row))
    part_of = parts(decision, list(sides.values()), at=until, known_at=known_at)
    return Explanation(decision, moment, known_at, tuple((row, part_of[row.record_id]) for row in rows))
