"""A person's own page: what they may choose, what they said, and proof of it; for our pages and for a company's own.

A page is opened by one of three: a visit of the privacy centre, a link that the company's app asked for, or the token
of the company's own login. Each stands for one person, and none says anything about anybody else.

1. who        the token, to the person; a token that stands for nobody is a refusal, whoever may be known here
2. choices    every purpose in the language asked for, and what stands now
3. choose     what is news, and meant in view of what stands, becomes acts on the ledger, all in one transaction, each
              with its receipt
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from registry.consent.news import is_lasting, is_overtaken
from registry.consent.purposes import CAN_BE_REFUSED, LawfulBasis, Purpose
from registry.consent.records import AGREED, REFUSALS, WHOLE_PERSON, ConsentStatus
from registry.consent.signals.spoken import Spoken, opted_out
from registry.flows.access import visits
from registry.flows.acts import trail
from registry.flows.consent import checks, ledger
from registry.flows.consent.ledger import Act
from registry.flows.consent.signalled import record_signals
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.identity.login import logged_in
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision, Reason
from registry.model.errors import Conflict, Forbidden, InvalidInput, KeyMissing, UnknownPurpose
from registry.model.ids import RecordId
from registry.model.message import Identifier
from registry.model.stored import Fragment, StoredConsent
from registry.store import consents, identities
from registry.store.database import Transaction

LONGEST_LINK_S = 7 * 86_400


class Choice(NamedTuple):
    """One purpose as a person's page shows it.

    Attributes:
        title, text: in `language`, the nearest to the one asked for that the policy has.
        now: what stands; None where the person has no choice.
        decision: what follows for the use of their data.
        last: the record that what stands rests on, else the latest for the purpose, if there is any.
    """

    purpose: Purpose
    title: str
    text: str
    language: str
    basis: LawfulBasis
    now: bool | None
    decision: Decision
    last: StoredConsent | None


class Proof(NamedTuple):
    """A record, and its signed receipt; None where the policy has no such purpose any more, or it is of none."""

    record: StoredConsent
    receipt: str | None


class Link(NamedTuple):
    """What opens a person's page until a moment."""

    token: str
    expires_at: Micros


def link(deployment: Deployment, workspace: OpenWorkspace, person: Identifier, *, lifetime_s: int, actor: str) -> Link:
    """A token that opens a person's page of choices, and nothing else, until it expires.

    Whoever asks vouches for the person. The token stands for somebody known or not: it does not say which.

    Raises:
        InvalidInput: the lifetime is not between a second and a week.
    """
    if not 1 <= lifetime_s <= LONGEST_LINK_S:
        raise InvalidInput(f"a link lasts between 1 and {LONGEST_LINK_S} seconds", pointer="/lifetime_s")
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        token, expires_at = visits.vouch(transaction, workspace, person, now, lifetime_s)
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="preferences:link:made", outcome="made",
            fields={"seconds": lifetime_s},
        )  # fmt: skip
    return Link(token, expires_at)


def person_of(deployment: Deployment, workspace: OpenWorkspace, token: str) -> Identifier:
    """Whom a token stands for: of a login's identifiers the strongest that is known here, else the strongest.

    Raises:
        Unauthenticated: it stands for nobody, or no longer.
        LinkedSystemUnavailable: the login service does not give its keys.
    """
    if visits.is_token(token):
        return visits.visitor(deployment, workspace, token, visits.OPENS_CHOICES)
    told = logged_in(deployment, workspace, token)
    with deployment.data.read(workspace.workspace_id) as transaction:
        known = (one for one in told.identifiers if subjects.fragments_of(workspace, transaction, one))
        return next(known, told.person)


def choices(deployment: Deployment, workspace: OpenWorkspace, person: Identifier, language: str | None) -> list[Choice]:
    """Every purpose of the policy, in its order, as it stands for a person."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments, records = _said(transaction, workspace, person)
    return _offered(deployment, fragments, records, language)


def _offered(
    deployment: Deployment, fragments: Sequence[Fragment], records: Sequence[StoredConsent], language: str | None
) -> list[Choice]:
    decisions = checks.matrix(deployment, fragments, records)
    # A restriction is no choice: what the person said of a purpose stands beside it, and is theirs to change.
    said = checks.matrix(deployment, fragments, [row for row in records if row.purpose != WHOLE_PERSON])
    last, rows = {row.purpose: row for row in records}, {row.record_id: row for row in records}
    offered = []
    for name, purpose in deployment.policies.purposes.purposes.items():
        basis, decision = purpose.basis_in(None), decisions[name]
        now = _stands(purpose, said[name], basis) if basis in CAN_BE_REFUSED else None
        title, text = purpose.told_in(language)
        rests_on = said[name].record_id  # of the joined it may be an earlier one
        answered = rows[rests_on] if rests_on is not None else last.get(name)
        offered.append(Choice(purpose, title, text, purpose.language_for(language), basis, now, decision, answered))
    return offered


def choose(
    deployment: Deployment,
    workspace: OpenWorkspace,
    person: Identifier,
    said: Mapping[str, bool],
    *,
    language: str | None,
    channel: str,
    shown: str | None = None,
    seen: Mapping[str, RecordId | None] | None = None,
    age_at_least: int | None = None,
) -> list[tuple[StoredConsent, str]]:
    """Record what a person chose, where it is news: each new record with its receipt.

    Args:
        said: purpose -> whether it may go on; a purpose that is not named stays as it is.
        language: in which the choices were shown.
        age_at_least: the age in years that they declared with it, for purposes that demand one.
        shown: the version of the policy that was shown; None where nobody noted it.
        seen: purpose -> the latest record for it that was shown, None where there was none. Where another has come
            since, what the page says of that purpose is no yes, and a no only in the place of a yes that was shown.

    Raises:
        UnknownPurpose: one of them is not in the policy; nothing is recorded.
        InvalidInput: one of them is not the person's to choose; nothing is recorded.
        Conflict: another version of the policy was shown; nothing is recorded.
        KeyMissing, Forbidden: the person was erased.
    """
    catalogue = deployment.policies.purposes
    if shown is not None and shown != catalogue.version:
        raise Conflict("the purposes have changed since they were shown", hint="show them again, then ask again")
    for name in said:
        if name not in catalogue.purposes:
            raise UnknownPurpose("the purpose is not in the policy", pointer="/choices")
        if catalogue.purposes[name].basis_in(None) not in CAN_BE_REFUSED:
            raise InvalidInput("this purpose does not rest on what the person chooses", pointer=f"/choices/{name}")
    with deployment.data.write(workspace.workspace_id) as transaction:
        subjects.hold(workspace, transaction)  # a no of the same moment waits, or is seen
        fragments, records = _said(transaction, workspace, person)
        offered = {choice.purpose.name: choice for choice in _offered(deployment, fragments, records, language)}
        own = _own_words(workspace, transaction, person, records)
        if seen is not None:
            rows = {row.record_id: row for row in records}
            said = {name: allowed for name, allowed in said.items() if _is_meant(offered[name], allowed, seen, rows)}
        told = {name: _act(offered[name], allowed, own.get(name), channel) for name, allowed in said.items()}
        acts = [replace(act, age_at_least=age_at_least) for act in told.values() if act is not None]
        _note_repeated(deployment, transaction, [own[n] for n, act in told.items() if act is None and not said[n]])
        if not acts:
            return []
        fragment = subjects.find_or_create(deployment, workspace, transaction, person)
        made = ledger.append_acts(deployment, workspace, transaction, fragment, acts, actor=visits.ACTOR)
    return [(row, ledger.receipt_of(deployment, workspace, row)) for row in made]


def heed_browser(deployment: Deployment, workspace: OpenWorkspace, person: Identifier) -> None:
    """Record the objection that a browser sends with everything (`Sec-GPC: 1`) of somebody who proved who they are:
    theirs, and no longer the browser's alone (CCPA regulations § 7025(c)). Of who was erased nothing is recorded.

    Raises:
        StoreUnavailable, KmsUnavailable: it is not recorded.
    """
    names = opted_out(deployment.policies.purposes)
    with suppress(Forbidden, KeyMissing):
        spoken = Spoken(dict.fromkeys(names, False), names)
        record_signals(deployment, workspace, person, spoken, actor=visits.ACTOR)


def history(deployment: Deployment, workspace: OpenWorkspace, person: Identifier) -> list[Proof]:
    """Every record of a person in the order of the acts, each with a receipt anew; none for somebody unknown.

    That it was shown is in the audit log.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        fragments, records = _said(transaction, workspace, person)
    if fragments:
        with deployment.data.write(workspace.workspace_id) as transaction:
            trail.append(
                transaction, workspace.workspace_id, deployment.clock(), actor=visits.ACTOR,
                action="preferences:history:shown", outcome="shown", fields={"records": len(records)},
                about=trail.About(deployment.keyring, workspace.workspace_id, fragments[0].fragment_id),
            )  # fmt: skip
    known = deployment.policies.purposes.purposes
    return [
        Proof(row, ledger.receipt_of(deployment, workspace, row) if row.purpose in known else None) for row in records
    ]


def records(deployment: Deployment, workspace: OpenWorkspace, person: Identifier) -> list[StoredConsent]:
    """Every record of a person in the order of the acts, as our own page shows them; none for somebody unknown."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return _said(transaction, workspace, person)[1]


def _said(
    transaction: Transaction, workspace: OpenWorkspace, person: Identifier
) -> tuple[Sequence[Fragment], list[StoredConsent]]:
    """A person's fragments and records, in the order of the acts."""
    fragments = subjects.fragments_of(workspace, transaction, person)
    ids = [fragment.fragment_id for fragment in fragments]
    return fragments, consents.history(transaction, workspace.workspace_id, ids)


def _stands(purpose: Purpose, decision: Decision, basis: LawfulBasis) -> bool:
    """What stands by what was said alone: for a person who is not known yet, what holds without an answer."""
    unheard = decision.reason in (Reason.UNKNOWN_SUBJECT, Reason.NO_RECORD)
    return _by_silence(purpose, basis) if unheard else decision.allowed


def _by_silence(purpose: Purpose, basis: LawfulBasis) -> bool:
    """What holds of a purpose before the person has said anything."""
    return basis is not LawfulBasis.CONSENT and not purpose.asks_first


def _is_meant(
    choice: Choice, allowed: bool, seen: Mapping[str, RecordId | None], rows: Mapping[RecordId, StoredConsent]
) -> bool:
    """Whether a choice was made in view of what stands now. A page that is older (another tab, the button back, a form
    that is sent again) says of everything else what stood then: its yes would lift a no that came between.
    """
    name, last = choice.purpose.name, choice.last.record_id if choice.last is not None else None
    if name not in seen or seen[name] == last or allowed == choice.now:
        return True
    before = seen[name]
    if before is None:
        was_yes = _by_silence(choice.purpose, choice.basis)
    else:
        was_yes = before not in rows or rows[before].status in AGREED  # one that is not found may have been a yes
    return was_yes and not allowed


def _own_words(
    workspace: OpenWorkspace, transaction: Transaction, person: Identifier, records: Sequence[StoredConsent]
) -> dict[str, StoredConsent]:
    """What was said last of each purpose by the identifier itself, whoever it is joined with; not a no after which
    another of them agreed: it is said anew, since whoever refused after that may be parted from them again.
    """
    index = subjects.standing(workspace, transaction, [person])[person]
    found = identities.fragments_by_index(transaction, workspace.workspace_id, [index])
    states = consents.states(transaction, workspace.workspace_id, [fragment.fragment_id for fragment in found.values()])
    rows = {row.record_id: row for row in records}
    own = {state.purpose: rows[state.record_id] for state in states}
    return {name: row for name, row in own.items() if row.status in AGREED or not is_overtaken(row, records)}


def _note_repeated(deployment: Deployment, transaction: Transaction, noes: Sequence[StoredConsent]) -> None:
    """Note that these were said again: a yes of a time between may come late."""
    if noes:
        notes = {(no.fragment_id, no.purpose): deployment.clock() for no in noes}
        consents.note_repeated(transaction, noes[0].workspace_id, notes)


def _act(choice: Choice, allowed: bool, own: StoredConsent | None, channel: str) -> Act | None:
    """What a choice says, where that is news: so is what only a banner has said so far, which the person's own word
    outweighs, and a no to what was never asked, or that only somebody has said whom the person is joined with.
    """
    said = own is not None and own.status in (AGREED if allowed else REFUSALS)
    by_banner = own is not None and said and not is_lasting(own)
    if allowed == choice.now and (allowed or said) and not by_banner:
        return None
    if allowed:
        status = ConsentStatus.GRANTED
    elif choice.basis is not LawfulBasis.CONSENT:
        status = ConsentStatus.OBJECTED
    else:
        agreed = choice.now or (own is not None and own.status in AGREED)
        status = ConsentStatus.WITHDRAWN if agreed else ConsentStatus.DENIED
    notice = f"{choice.purpose.name}@{choice.purpose.version}"
    return Act(choice.purpose.name, status, notice_version=notice, language=choice.language, channel=channel)
