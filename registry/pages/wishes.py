"""What a person may ask for in the privacy centre, by law, and the words for it in each language of the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.consent.purposes import CAN_BE_REFUSED, LawfulBasis
from registry.dsr.requests import CALIFORNIAN, Kind
from registry.flows.deployment import Deployment
from registry.flows.dsr.intake import CALIFORNIA, meant_by

NAMED: Mapping[Kind, frozenset[LawfulBasis]] = {
    Kind.OBJECTION: CAN_BE_REFUSED - {LawfulBasis.CONSENT},
    Kind.WITHDRAWAL: frozenset({LawfulBasis.CONSENT}),
}
"""Kinds that name the uses that they are about, and the grounds of those uses (GDPR Art. 21(1) and 7(3))."""

MEANT = frozenset({Kind.OPT_OUT, Kind.LIMIT})
"""Kinds whose uses the law names."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the form says in one language."""

    kinds: Mapping[Kind, str]
    everybody: str
    californians: str
    choose: str
    objected: str
    withdrawn: str
    at_once: str
    no_kind: str
    no_purpose: str
    no_correction: str
    not_of_the_form: str
    elsewhere: str
    not_understood: str


class Group(NamedTuple):
    """Kinds that belong together, under the words for whom they are."""

    title: str
    kinds: Sequence[Kind]


EN = Words(
    kinds={
        Kind.ACCESS: "A copy of my data, and what is done with it",
        Kind.PORTABILITY: "My data to take elsewhere",
        Kind.RECTIFICATION: "Correct something that is wrong",
        Kind.RESTRICTION: "Stop using my data, but keep it",
        Kind.OBJECTION: "Object to a use of my data",
        Kind.WITHDRAWAL: "Withdraw a consent that I gave",
        Kind.ERASURE: "Erase my data",
        Kind.KNOW: "Know what you hold about me, where it comes from, and who gets it",
        Kind.DELETE: "Delete my personal information",
        Kind.CORRECT: "Correct personal information that is wrong",
        Kind.OPT_OUT: "Do not sell or share my personal information",
        Kind.LIMIT: "Limit the use of my sensitive personal information",
    },
    everybody="Your rights",
    californians="If you live in California",
    choose="Please choose",
    objected="Which uses do you object to?",
    withdrawn="Which consents do you withdraw?",
    at_once="Under “Your choices” you can do this yourself, and it counts at once.",
    no_kind="Nothing was sent: choose what you want.",
    no_purpose="Nothing was sent: say which uses you mean.",
    no_correction="Nothing was sent: say which detail is wrong, and what is right.",
    not_of_the_form="Nothing was sent: this detail cannot be what you wrote. A date is written 1990-12-31.",
    elsewhere="Is it not in the list? Then write to us: {contact}",
    not_understood="Nothing was sent: something in the form is missing, or too long.",
)

DE = Words(
    kinds={
        Kind.ACCESS: "Eine Kopie meiner Daten, und was damit geschieht",
        Kind.PORTABILITY: "Meine Daten zum Mitnehmen",
        Kind.RECTIFICATION: "Etwas Falsches berichtigen",
        Kind.RESTRICTION: "Meine Daten nicht mehr nutzen, aber behalten",
        Kind.OBJECTION: "Einer Nutzung meiner Daten widersprechen",
        Kind.WITHDRAWAL: "Eine Einwilligung widerrufen",
        Kind.ERASURE: "Meine Daten löschen",
        Kind.KNOW: "Erfahren, was Sie über mich haben, woher es kommt und wer es erhält",
        Kind.DELETE: "Meine personenbezogenen Daten löschen",
        Kind.CORRECT: "Falsche personenbezogene Daten berichtigen",
        Kind.OPT_OUT: "Meine Daten nicht verkaufen oder weitergeben",
        Kind.LIMIT: "Die Nutzung meiner sensiblen Daten begrenzen",
    },
    everybody="Ihre Rechte",
    californians="Wenn Sie in Kalifornien leben",
    choose="Bitte wählen",
    objected="Welchen Nutzungen widersprechen Sie?",
    withdrawn="Welche Einwilligungen widerrufen Sie?",
    at_once="Unter „Ihre Entscheidungen“ können Sie das selbst tun, und es gilt sofort.",
    no_kind="Es wurde nichts gesendet: wählen Sie, was Sie möchten.",
    no_purpose="Es wurde nichts gesendet: sagen Sie, welche Nutzungen Sie meinen.",
    no_correction="Es wurde nichts gesendet: sagen Sie, welche Angabe falsch ist, und was richtig ist.",
    not_of_the_form="Es wurde nichts gesendet: diese Angabe kann so nicht lauten. Ein Datum schreiben Sie 1990-12-31.",
    elsewhere="Steht sie nicht in der Liste? Dann schreiben Sie uns: {contact}",
    not_understood="Es wurde nichts gesendet: etwas im Formular fehlt oder ist zu lang.",
)

WORDS: Mapping[str, Words] = {"en": EN, "de": DE}
"""By BCP 47 tag, for the languages of the pages."""


def purposes_for(deployment: Deployment, kind: Kind) -> list[str]:
    """The purposes that a request of this kind can be about; none where it is about no purpose in particular."""
    if kind in MEANT:
        return meant_by(deployment, kind)
    grounds = NAMED.get(kind, frozenset())
    return [name for name, one in deployment.policies.purposes.purposes.items() if one.basis_in(None) in grounds]


def offered(deployment: Deployment, language: str) -> list[Group]:
    """Every kind of request that can be asked for here, grouped by the law that has it, the usual law's first.

    California's kinds are offered where its law is one of `jurisdictions.yaml`, and the others where another law is; a
    kind that is about purposes, where the policy has purposes for it.
    """
    words, laws = WORDS[language], deployment.policies.jurisdictions.by_name
    groups = []
    if laws.keys() - {CALIFORNIA}:
        groups.append(Group(words.everybody, [kind for kind in Kind if kind not in CALIFORNIAN]))
    if CALIFORNIA in laws:
        groups.append(Group(words.californians, [kind for kind in Kind if kind in CALIFORNIAN]))
    if deployment.jurisdiction == CALIFORNIA:
        groups.reverse()
    return [Group(title, [kind for kind in kinds if _is_possible(deployment, kind)]) for title, kinds in groups]


def _is_possible(deployment: Deployment, kind: Kind) -> bool:
    return kind not in NAMED.keys() | MEANT or bool(purposes_for(deployment, kind))
