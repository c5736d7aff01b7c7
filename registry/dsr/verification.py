"""How a requester proves to be the person, and what each kind of request needs (GDPR Art. 12(6), 11 CCR 7060 to 7063).

Nothing is told, and nothing done, below the level that the policy gives to the kind. A kind without a level, or a
level that cannot be reached, is a fault of the file: no answer is a no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, cast

from registry.documents import Document
from registry.dsr.requests import Kind
from registry.model.clock import SECOND, Micros
from registry.model.errors import DocumentInvalid

PROVE = "prove"
"""The act, in a request's history, of a proof that does not yet suffice; one that does stands with the move."""

MINUTE: Micros = 60 * SECOND


class Means(StrEnum):
    """By what somebody proves to be the person."""

    CODE = "code"
    """A one-time code that was sent to a mailbox of theirs."""
    LINK = "link"
    """A link that was sent there."""
    LOGIN = "login"
    """A token of the company's own login (OpenID Connect)."""
    OFFICER = "officer"
    """An officer has seen something, and says what."""
    CONTROLLER = "controller"
    """A controller vouches for the person (OpenDSR section 4)."""


CHANNELS: Mapping[Means, str] = {means: means.value for means in Means} | dict.fromkeys(
    (Means.CODE, Means.LINK), "mailbox"
)
"""Means of one channel count once: whoever reads the mail has both."""

PERSONS_OWN = frozenset({Means.CODE, Means.LINK, Means.LOGIN})
"""Means that only the person themselves has."""


class Address(StrEnum):
    """Of which standing a mailbox is."""

    GIVEN = "given"
    """The request names it."""
    VERIFIED = "verified"
    """It stands on file, by a method that the policy trusts."""


class Seen(StrEnum):
    """What an officer has seen; never a copy of it."""

    IDENTITY_DOCUMENT = "identity_document"
    ACCOUNT_DETAILS = "account_details"
    KNOWN_CONTACT = "known_contact"
    """The person was called, or written to, at a contact that was on file before."""
    SIGNED_LETTER = "signed_letter"
    IN_PERSON = "in_person"
    VIDEO_CALL = "video_call"
    MANDATE = "mandate"
    """The paper by which an agent acts."""


DIRECT = frozenset({Seen.KNOWN_CONTACT, Seen.IN_PERSON, Seen.VIDEO_CALL})
"""What an officer has of the person themselves: an agent may hand in every paper, and know every detail."""


class Proof(NamedTuple):
    """One proof; `address` says of which standing the mailbox was, for codes and links, `seen` what an officer saw."""

    means: Means
    address: Address | None = None
    seen: frozenset[Seen] = frozenset()

    @property
    def is_persons_own(self) -> bool:
        """Whether nobody but the person can have given it."""
        return self.means in PERSONS_OWN or (self.means is Means.OFFICER and bool(self.seen & DIRECT))


@dataclass(frozen=True, slots=True)
class Level:
    """How sure the registry has to be. `needs` counts different channels out of `by`."""

    name: str
    needs: int
    by: frozenset[Means] = frozenset()
    address: Address = Address.VERIFIED

    def counted(self, proofs: Iterable[Proof]) -> set[str]:
        """The channels of the proofs that this level takes."""
        taken = (proof for proof in proofs if proof.means in self.by)
        return {CHANNELS[p.means] for p in taken if p.address is not Address.GIVEN or self.address is Address.GIVEN}


class MandateKind(StrEnum):
    """By what an authorised agent acts."""

    SIGNED_PERMISSION = "signed_permission"
    """11 CCR 7063(a)."""
    POWER_OF_ATTORNEY = "power_of_attorney"
    """11 CCR 7063(b)."""


class Mandated(NamedTuple):
    """The standing of an agent's mandate: whether an officer has accepted it, and until when it holds."""

    kind: MandateKind
    accepted: bool
    until: Micros | None = None

    def has_ended(self, now: Micros) -> bool:
        """Whether it holds no longer."""
        return self.until is not None and self.until <= now


class Missing(StrEnum):
    """What a request still lacks to count as verified."""

    PROOF = "proof"
    MANDATE = "mandate"
    PERSON = "person"
    """The person's own confirmation that the agent acts for them."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The policy.

    Attributes:
        levels: by kind of request.
        by_person: the kinds of mandates that the person has to confirm themselves.
        trusted: methods of provenance by which an address on file counts as verified.
        attempts, locked_for: how many wrong tries there are before it is locked, and for how long.
        valid_for: how long a code or link can be used.
    """

    levels: Mapping[Kind, Level]
    by_person: frozenset[MandateKind]
    trusted: frozenset[str]
    attempts: int
    locked_for: Micros
    valid_for: Micros

    @classmethod
    def from_document(cls, document: Document) -> Verification:
        """The policy of a document that conforms to `schemas/policies/verification.schema.json`.

        Raises:
            DocumentInvalid: a kind has a level that is not there, or a level cannot be reached.
        """
        value = cast(Mapping[str, Any], document.value)
        faults, levels = [], {name: _level(name, entry) for name, entry in value["levels"].items()}
        for name, level in levels.items():
            if level.needs > len({CHANNELS[means] for means in level.by}):
                faults.append(document.fault(f"/levels/{name}/needs", "is more than its means can give"))
        for kind, name in value["kinds"].items():
            if name not in levels:
                faults.append(document.fault(f"/kinds/{kind}", "is no level of this file"))
        if faults:
            raise DocumentInvalid(faults)
        attempts = value["attempts"]
        return cls(
            levels={Kind(kind): levels[name] for kind, name in value["kinds"].items()},
            by_person=frozenset(MandateKind(kind) for kind, who in value["mandates"].items() if who == "person"),
            trusted=frozenset(value["trusted"]),
            attempts=attempts["most"],
            locked_for=attempts["lock_minutes"] * MINUTE,
            valid_for=attempts["code_minutes"] * MINUTE,
        )

    def missing(self, kind: Kind, proofs: Collection[Proof], mandate: Mandated | None = None) -> tuple[Missing, ...]:
        """What a request of this kind still lacks; empty when the requester counts as the person, or as their agent.

        An agent never proves anything: the officer's check of the mandate stands for them where the policy is
        content with it, and the person's own proof where it is not: a code, link or login of theirs, or, where the
        level takes officers' checks, that an officer met them or reached them at a contact on file.
        """
        level = self.levels[kind]
        if mandate is None:
            return (Missing.PROOF,) if len(level.counted(proofs)) < level.needs else ()
        lacking = [] if mandate.accepted else [Missing.MANDATE]
        if level.needs and mandate.kind in self.by_person:
            own = [proof for proof in proofs if proof.is_persons_own]
            lacking += [] if level.counted(own) else [Missing.PERSON]
        checked = [*proofs, Proof(Means.OFFICER)] if mandate.accepted else list(proofs)
        if not lacking and len(level.counted(checked)) < level.needs:
            lacking.append(Missing.PROOF)
        return tuple(lacking)


def proofs_of(acts: Iterable[tuple[str, Mapping[str, str]]]) -> list[Proof]:
    """The proofs that a history tells of: its acts with their details, oldest first."""
    return [
        Proof(
            Means(told["means"]),
            Address(told["address"]) if "address" in told else None,
            frozenset(map(Seen, filter(None, told.get("seen", "").split(",")))),
        )
        for _, told in acts
        if told.get("means") in list(Means)
    ]


def locked_until(policy: Verification, tries: int, last_at: Micros) -> Micros:
    """Until when nothing more is heard after so many wrong tries in a row, the last at that time."""
    return last_at + policy.locked_for if tries >= policy.attempts else 0


def _level(name: str, entry: Mapping[str, Any]) -> Level:
    by = frozenset(Means(means) for means in entry.get("by", ()))
    return Level(name, entry["needs"], by, Address(entry.get("address", Address.VERIFIED)))
