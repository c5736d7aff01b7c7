"""The ledger of consent: what people say is recorded, and recounted.

Recording appends to the ledger, raises the state version of the person's fragment and writes the
audit log, in one transaction: from the commit on, no check answers by the older record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import orjson

from registry.consent.news import BY_SIGNAL
from registry.consent.purposes import gone
from registry.consent.receipt import receipt_claims
from registry.consent.records import AGREED, CLOCK_TOLERANCE, GRAVITY, REFUSALS, WHOLE_PERSON, ConsentStatus
from registry.flows.acts import trail
from registry.flows.acts.outbox import announce_consents
from registry.flows.consent import changes
from registry.flows.consent.again import repeated_since, said_again
from registry.flows.consent.evidence import is_evidence_of
from registry.flows.consent.locking import relock
from registry.flows.consent.saying import said_at
from registry.flows.consent.standing import to_record
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import record_aad, seal
from registry.keys.signing import sign_jwt
from registry.model.clock import Micros
from registry.model.compartment import IDENTITY
from registry.model.errors import Conflict, InvalidInput, NotFound, UnknownPurpose
from registry.model.ids import RecordId, text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

RECEIPT_TYPE = "consent-receipt+jwt"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of consent, as the caller reports it; `record_id` where the caller named it, to send it again.

    `age_at_least` is the age in years that was shown or declared with it: what stays of it is whether it sufficed.
    """

    purpose: str
    status: ConsentStatus
    acted_at: Micros | None = None
    expires_at: Micros | None = None
    notice_version: str | None = None
    language: str | None = None
    jurisdiction: str | None = None
    channel: str = "api"
    evidence: str | None = None
    record_id: RecordId | None = None
    age_at_least: int | None = None


def record(
    deployment: Deployment,
    workspace: OpenWorkspace,
    subject: Identifier,
    acts: Iterable[Act],
    *,
    actor: str,
    key: str | None = None,
) -> list[tuple[StoredConsent, str]]:
    """Append acts of consent of one person; each record with its signed receipt.

    The same sent again is one record: the same act of the same time by the same actor, or the same `key`.

    A person not known yet becomes known by this: a refusal must be remembered too.

    Args:
        key: the caller's own name for this call (an idempotency key).

    Raises:
        UnknownPurpose: a purpose is not in the policy, and this is no refusal by somebody who spoke of it before;
            nothing is recorded.
        InvalidInput: an act lies in the future, its status is not one of a purpose, or its channel that of signals.
        Conflict: the key named another act before.
        KeyMissing, Forbidden: the person was erased.
    """
    now = deployment.clock()
    listed = [_of_age(deployment, act) for act in acts]
    for act in listed:
        if act.purpose not in deployment.policies.purposes.purposes and act.status not in REFUSALS:
            raise UnknownPurpose("the purpose is not in the policy", pointer="/purpose")
        if act.status not in GRAVITY:  # it would hide what was said of the purpose
            raise InvalidInput("a restriction is of no one purpose: open a request for it", pointer="/status")
        if act.channel == BY_SIGNAL:  # a banner's yes would lift it
            hint = "name how the person said it, such as text_message; signals go to /v1/consent/signals"
            raise InvalidInput("this channel is that of signals", hint=hint, pointer="/channel")
        if act.acted_at is not None and act.acted_at > now + CLOCK_TOLERANCE:
            raise InvalidInput("the act lies in the future", pointer="/acted_at")
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)  # the same, or a signal, may be arriving at once
        fragment = subjects.find_or_create(deployment, workspace, transaction, subject)
        known = consents.history(transaction, workspace.workspace_id, [fragment.fragment_id])
        _require_purposes(deployment, workspace, transaction, fragment, listed)
        if key is not None:
            listed = [replace(act, record_id=_named(workspace, subject, key, n)) for n, act in enumerate(listed)]
        named = [(act, act.record_id or _name_of(workspace, fragment, act, actor, n)) for n, act in enumerate(listed)]
        found = [_known(deployment, act, name, known, actor) for act, name in named]
        news = [_as_kept(act, name, now) for (act, name), row in zip(named, found, strict=True) if row is None]
        made = iter(append_acts(deployment, workspace, transaction, fragment, news, actor=actor) if news else ())
        rows = [row if row is not None else next(made) for row in found]
    return [(row, receipt_of(deployment, workspace, row)) for row in rows]


def _require_purposes(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    fragment: Fragment,
    acts: Iterable[Act],
) -> None:
    """A purpose that left the policy may come back: who spoke of it can refuse it meanwhile (GDPR Art. 7(3))."""
    gone = {act.purpose for act in acts} - deployment.policies.purposes.purposes.keys()
    if gone:
        person = identities.fragments_of_profiles(transaction, workspace.workspace_id, [fragment.profile_id])
        ids = [one.fragment_id for one in person]
        if not gone <= {row.purpose for row in consents.states(transaction, workspace.workspace_id, ids)}:
            raise UnknownPurpose("the purpose is not in the policy", pointer="/purpose")


def _of_age(deployment: Deployment, act: Act) -> Act:
    """An act as it counts: a yes without the age that the purpose demands is none."""
    purpose = deployment.policies.purposes.purposes.get(act.purpose)
    if act.status is not ConsentStatus.GRANTED or purpose is None:
        return act
    lacks = purpose.demands_age(act.age_at_least)
    return replace(act, status=ConsentStatus.UNATTESTED) if lacks else act


def _named(workspace: OpenWorkspace, subject: Identifier, key: str, place: int) -> RecordId:
    """The id of the record that a caller's key stands for."""
    return RecordId(workspace.indexer.lasting("@record", "\0".join((subject.kind, subject.value, str(place), key))))


def _name_of(workspace: OpenWorkspace, fragment: Fragment, act: Act, actor: str, place: int) -> RecordId:
    """The id by which an act without a key is known again: it stands for all that was said, and when."""
    said = orjson.dumps((fragment.fragment_id.hex(), actor, place, act))
    return RecordId(workspace.indexer.lasting("@said", said.decode()))


def _as_kept(act: Act, name: RecordId, now: Micros) -> Act:
    """A new act, under its name if it is a yes of a clock that is ahead: recorded as of now, its own time is lost, and
    sent again it would lift a no of between. (A no sent again may be a second one, against a yes of between.)
    """
    is_ahead = act.status in AGREED and act.acted_at is not None and act.acted_at > now
    return replace(act, record_id=name) if is_ahead else act


def _known(
    deployment: Deployment, act: Act, name: RecordId, rows: Sequence[StoredConsent], actor: str
) -> StoredConsent | None:
    """The record that an act is already, if it was sent before."""
    for row in rows:
        if row.record_id == act.record_id:
            # A time ahead of the clock was recorded as that of its arrival; a no's was moved while it was set back.
            is_moved = row.acted_at > row.recorded_at
            then = row.acted_at if act.acted_at is None or is_moved else min(act.acted_at, row.recorded_at)
            if not _says(act, row, actor) or then != row.acted_at:
                raise Conflict("the key was used for another act", hint="take a new key for a new act")
            return row
        same = act.record_id is None and act.acted_at == row.acted_at and _says(act, row, actor)
        if row.record_id == name or (same and is_evidence_of(deployment, row, act.evidence)):
            return row
    return None


def _says(act: Act, row: StoredConsent, actor: str) -> bool:
    """Whether a record is of an act, but for its time."""
    told = (row.purpose, row.status, row.expires_at, row.notice_version, row.language, row.jurisdiction, row.channel)
    asked = (act.purpose, act.status, act.expires_at, act.notice_version, act.language, act.jurisdiction, act.channel)
    return told == asked and row.source_name == actor


def lift_restriction(deployment: Deployment, workspace: OpenWorkspace, subject: Identifier, *, actor: str) -> int:
    """End the restriction of processing of a person (GDPR Art. 18(3) has them told before); on how many fragments.

    What the restriction alone had locked can be opened again from the commit on.

    Raises:
        NotFound: nobody is known under this identifier, or nothing of theirs is restricted.
    """
    workspace_id = workspace.workspace_id
    act = Act(WHOLE_PERSON, ConsentStatus.UNRESTRICTED, channel="operator")
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction)
        fragments = {f.fragment_id: f for f in subjects.fragments_of(workspace, transaction, subject)}
        states = consents.states(transaction, workspace_id, fragments)
        shut = [s.fragment_id for s in states if (s.purpose, s.status) == (WHOLE_PERSON, ConsentStatus.RESTRICTED)]
        if not shut:
            raise NotFound("nothing is restricted of anybody known under this identifier")
        acts = [(fragments[fragment_id], act) for fragment_id in sorted(shut)]
        append_each(deployment, workspace, transaction, acts, actor=actor)
    return len(shut)


def append_acts(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    fragment: Fragment,
    acts: Iterable[Act],
    *,
    actor: str,
) -> list[StoredConsent]:
    """Append acts to the ledger of one fragment, inside the caller's transaction, and log each.

    The caller holds the person (`subjects.hold`) from before it looked at them.
    """
    return append_each(deployment, workspace, transaction, [(fragment, act) for act in acts], actor=actor)


def append_each(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    acts: Sequence[tuple[Fragment, Act]],
    *,
    actor: str,
) -> list[StoredConsent]:
    """As `append_acts`, each act to its fragment; the log, which everybody who writes waits for, comes last."""
    now, workspace_id = deployment.clock(), workspace.workspace_id
    if not acts:
        return []
    profiles = {fragment.fragment_id: fragment.profile_id for fragment, _ in acts}
    rows = [
        _row(deployment, workspace, fragment, counting, actor, now, said_at(transaction, fragment, counting, now))
        for fragment, act in acts
        for counting in (_of_age(deployment, act),)
    ]
    whole = rows + said_again(deployment, transaction, rows, profiles)
    repeated = repeated_since(deployment, transaction, rows, profiles)
    whole += [row for row, _ in repeated]
    profiles |= {row.fragment_id: profile_id for row, profile_id in repeated}
    consents.append(transaction, whole)
    announce_consents(deployment, transaction, workspace_id, whole, profiles)
    identities.bump(transaction, workspace_id, profiles)
    relock(deployment, workspace_id, transaction, set(profiles.values()))
    for row in whole:
        position = trail.append(
            transaction, workspace_id, now, actor=actor, action="consent:record:appended",
            outcome=row.status, fields={"purpose": row.purpose, "record": text_id(row.record_id)},
            about=trail.About(deployment.keyring, workspace_id, row.fragment_id),
        )  # fmt: skip
        changes.tell(transaction, workspace_id, position, [row])
    return rows


def history(deployment: Deployment, workspace: OpenWorkspace, subject: Identifier) -> list[StoredConsent]:
    """Every record of a person, in the order of the acts.

    Raises:
        NotFound: nobody is known under this identifier.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        index = subjects.standing(workspace, transaction, [subject])[subject]
        fragments, _ = consents.standing_of(transaction, workspace.workspace_id, index)
        if not fragments:
            raise NotFound("nobody is known under this identifier")
        ids = [fragment.fragment_id for fragment in fragments]
        return consents.history(transaction, workspace.workspace_id, ids)


def _row(
    deployment: Deployment,
    workspace: OpenWorkspace,
    fragment: Fragment,
    act: Act,
    actor: str,
    now: Micros,
    acted_at: Micros,
) -> StoredConsent:
    record_id = act.record_id or RecordId(deployment.new_id())
    sealed = None
    if act.evidence:
        bundle = deployment.keyring.for_sealing(workspace.workspace_id, {fragment.fragment_id: (IDENTITY,)})
        aad = record_aad(b"consent", workspace.workspace_id, fragment.fragment_id, record_id, b"evidence")
        sealed = seal(bundle[fragment.fragment_id].key(IDENTITY), orjson.dumps(act.evidence), aad)
    return StoredConsent(
        workspace.workspace_id,
        fragment.fragment_id,
        record_id,
        act.purpose,
        act.status.value,
        acted_at,
        now,
        act.expires_at,
        _version_of(deployment, act.purpose),
        act.notice_version,
        act.language,
        act.jurisdiction,
        act.channel,
        "subject",
        actor,
        sealed,
    )


def _version_of(deployment: Deployment, purpose: str) -> int:
    known = deployment.policies.purposes.purposes.get(purpose)  # a restriction is of no one purpose
    return known.version if known is not None else 0


def receipt_of(deployment: Deployment, workspace: OpenWorkspace, row: StoredConsent) -> str:
    """The signed receipt of a record, for the person; of a purpose that left the policy it tells the name alone."""
    claims = receipt_claims(
        to_record(row),
        deployment.policies.purposes.purposes.get(row.purpose) or gone(row.purpose),
        deployment.controller,
        text_id(row.fragment_id),
        receipt_id=text_id(deployment.new_id()),
        issuer=text_id(workspace.workspace_id),
        issued_at=row.recorded_at,
    )
    return sign_jwt(workspace.signing, claims, RECEIPT_TYPE)
