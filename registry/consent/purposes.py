"""The purposes policy: what data may be used for, and on which ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, cast

from registry.consent.us_sections import choices_of
from registry.documents import Document
from registry.model.canonical import canonical
from registry.model.clock import Micros, parse_rfc3339
from registry.model.errors import DocumentInvalid, UnknownPurpose


class LawfulBasis(StrEnum):
    """The grounds of GDPR Art. 6(1), and the opt-out regime of the privacy laws of US states."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"
    OPT_OUT = "opt_out"


GOOGLE_CONSENT_TYPES = (
    "ad_storage",
    "ad_user_data",
    "ad_personalization",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
)
"""The consent types of Google Consent Mode v2."""

CAN_BE_REFUSED = frozenset(
    {LawfulBasis.CONSENT, LawfulBasis.PUBLIC_TASK, LawfulBasis.LEGITIMATE_INTERESTS, LawfulBasis.OPT_OUT}
)
"""Grounds on which the person's no counts: GDPR Art. 7(3) and 21(1), CCPA 1798.120."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose.

    Attributes:
        version: of the wording; consent is given to one version of it.
        material_since: from when on only consent given to this wording counts: older is to be asked for again; 0 for
            never. Declared by whoever changes what the purpose means.
        title, text: per language (BCP 47), what the person is told.
        lawful_basis: per jurisdiction (ISO 3166-1 or -2), and under `default`, which counts where nobody said where the
            person is, and therefore protects at least as much as any other.
        categories: fideslang keys; the purpose covers these and what lies under them. Empty: all.
        retention_days: how long data may be kept for this purpose.
        minimum_age: in years, under which a parent must consent; None where the law sets none.
        parent: the purpose under which it is shown; a parent's consent does not speak for its children.
        tcf_purposes: numbers of IAB TCF purposes that stand for it.
        tcf_special_features: numbers of IAB TCF special features that it needs, too.
        gpp: per GPP section, the fields whose opt-out value refuses it.
        gpc_opts_out: whether `Sec-GPC: 1` refuses it.
        segment_categories: ids in `context.consent.categoryPreferences`, all of which it needs.
        google_consent: types of Google Consent Mode that stand for it, all of which it needs.
        balancing: why a legitimate interest weighs more than the person's (GDPR Art. 6(1)(f)); None for other grounds.
        automated_decision: of a purpose for which machines decide alone about people (GDPR Art. 15(1)(h), 22):
            `logic`, `consequences` and `contest`, each per language; None where a person decides.
        asks_first: whether silence is a no even where the ground would allow it (`default: denied`).
        despite_restriction: goes on while processing is restricted (GDPR Art. 18(2)).
    """

    name: str
    version: int
    material_since: Micros
    title: Mapping[str, str]
    text: Mapping[str, str]
    lawful_basis: Mapping[str, LawfulBasis]
    categories: tuple[str, ...]
    retention_days: int
    recipients: tuple[str, ...]
    minimum_age: int | None
    parent: str | None
    tcf_purposes: tuple[int, ...]
    tcf_special_features: tuple[int, ...]
    gpp: Mapping[str, tuple[str, ...]]
    gpc_opts_out: bool
    segment_categories: tuple[str, ...]
    google_consent: tuple[str, ...]
    despite_restriction: bool
    balancing: str | None = None
    asks_first: bool = False
    automated_decision: Mapping[str, Mapping[str, str]] | None = None

    def basis_in(self, jurisdiction: str | None) -> LawfulBasis:
        """The lawful basis in a jurisdiction: of the region (`US-CA`), else the country, else the default."""
        if jurisdiction is not None and len(self.lawful_basis) > 1:
            for place in (jurisdiction, jurisdiction.split("-")[0]):
                if place in self.lawful_basis:
                    return self.lawful_basis[place]
        return self.lawful_basis["default"]

    def demands_age(self, age_at_least: int | None) -> bool:
        """Whether a consent lacks the age that the purpose demands (GDPR Art. 8(1)); where it rests on consent nowhere
        none is demanded.

        Args:
            age_at_least: in years, as was shown or declared with the consent, or by a holder of parental
                responsibility in their own name; None where nothing was.
        """
        if self.minimum_age is None or LawfulBasis.CONSENT not in self.lawful_basis.values():
            return False
        return age_at_least is None or age_at_least < self.minimum_age

    def covers(self, category: str) -> bool:
        """Whether the purpose covers a data category (a fideslang key, or one under a covered key)."""
        return not self.categories or any(category == own or category.startswith(f"{own}.") for own in self.categories)

    def told_in(self, language: str | None) -> tuple[str, str]:
        """Title and text in a language, else in its base language, else in the policy's first one."""
        nearest = self.language_for(language)
        return self.title[nearest], self.text[nearest]

    def language_for(self, language: str | None) -> str:
        """The language in which somebody is told who asks for one."""
        for wanted in (language, language.split("-")[0]) if language else ():
            if wanted in self.title and wanted in self.text:
                return wanted
        return next(iter(self.title))


def gone(name: str) -> Purpose:
    """What can still be told of a purpose that left the policy: its name, and that it needed consent, as the most
    protective reading.
    """
    text = {"en": "This purpose is no longer in the policy."}
    bases = {"default": LawfulBasis.CONSENT}
    return Purpose(
        name, 0, 0, {"en": name}, text, bases, (), 0, (), None, None, (), (), {},
        gpc_opts_out=False, segment_categories=(), google_consent=(), despite_restriction=False,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PurposeCatalogue:
    """All purposes of a workspace. `version` is a short hash of the policy's content, `last_change` the latest moment
    from which a purpose asks again, 0 for none.
    """

    purposes: Mapping[str, Purpose]
    version: str
    last_change: Micros = 0

    @classmethod
    def from_document(cls, document: Document) -> PurposeCatalogue:
        """The catalogue of a document that conforms to `schemas/policies/purposes.schema.json`.

        Raises:
            DocumentInvalid: two purposes share a name, a parent is missing or its own descendant, title and text
                are not in the same languages, a GPP section or a choice in it is not one that there is, or the default
                ground protects less than that of a place.
        """
        value = cast(Mapping[str, Any], document.value)
        entries: list[Mapping[str, Any]] = value["purposes"]
        faults = _faults(document, entries)
        if faults:
            raise DocumentInvalid(faults)
        purposes = {entry["name"]: _purpose(entry) for entry in entries}
        last_change = max(purpose.material_since for purpose in purposes.values())
        return cls(purposes, sha256(canonical(value)).hexdigest()[:16], last_change)

    def purpose(self, name: str) -> Purpose:
        """The purpose of a name.

        Raises:
            UnknownPurpose: the policy has none of this name (which is not echoed).
        """
        found = self.purposes.get(name)
        if found is None:
            raise UnknownPurpose(
                "the purpose is not in the policy",
                hint=f"use one of: {', '.join(self.purposes)}",
                pointer="/purpose",
            )
        return found

    def under(self, parent: str | None) -> list[Purpose]:
        """The purposes that are shown right beneath one, in the policy's order; for None those beneath none."""
        return [purpose for purpose in self.purposes.values() if purpose.parent == parent]

    def title_of(self, name: str, language: str | None) -> str:
        """A purpose's title where it stands alone: after those that it is shown beneath."""
        purpose = self.purposes[name]
        title = purpose.told_in(language)[0]
        return title if purpose.parent is None else f"{self.title_of(purpose.parent, language)} › {title}"


def _purpose(entry: Mapping[str, Any]) -> Purpose:
    return Purpose(
        name=entry["name"],
        version=entry["version"],
        material_since=_moment(entry.get("material_since")),
        title=entry["title"],
        text=entry["text"],
        lawful_basis={place: LawfulBasis(basis) for place, basis in entry["lawful_basis"].items()},
        categories=tuple(entry.get("categories", ())),
        retention_days=entry["retention_days"],
        recipients=tuple(entry.get("recipients", ())),
        minimum_age=entry.get("minimum_age"),
        parent=entry.get("parent"),
        tcf_purposes=tuple(entry.get("tcf_purposes", ())),
        tcf_special_features=tuple(entry.get("tcf_special_features", ())),
        gpp={section: tuple(fields) for section, fields in entry.get("gpp", {}).items()},
        gpc_opts_out=entry.get("gpc_opts_out", False),
        segment_categories=tuple(entry.get("segment_categories", ())),
        google_consent=tuple(entry.get("google_consent", ())),
        despite_restriction=entry.get("despite_restriction", False),
        balancing=entry.get("balancing"),
        asks_first=entry.get("default") == "denied",
        automated_decision=entry.get("automated_decision"),
    )


def _moment(text: str | None) -> Micros:
    return (parse_rfc3339(text) or 0) if text is not None else 0


def _protection(basis: str, entry: Mapping[str, Any]) -> int:
    """How far a ground leaves the decision to the person: not at all, to refuse, to be asked first."""
    if LawfulBasis(basis) not in CAN_BE_REFUSED:
        return 0
    return 2 if basis == LawfulBasis.CONSENT or entry.get("default") == "denied" else 1


def _faults(document: Document, entries: list[Mapping[str, Any]]) -> list[dict[str, object]]:
    faults: list[dict[str, object]] = []
    parents = {entry["name"]: entry.get("parent") for entry in entries}
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = entry["name"]
        if name in seen:
            faults.append(document.fault(f"/purposes/{index}/name", "two purposes have the same name"))
        seen.add(name)
        if entry.get("material_since") and parse_rfc3339(entry["material_since"]) is None:
            faults.append(document.fault(f"/purposes/{index}/material_since", "this is no RFC 3339 time"))
        for section, fields in entry.get("gpp", {}).items():
            for field in set(fields) - choices_of(section):
                place = f"/purposes/{index}/gpp/{section}"
                faults.append(document.fault(place, f"{field} is no choice of a section of that name"))
        grounds = entry["lawful_basis"].values()
        if LawfulBasis.LEGITIMATE_INTERESTS in grounds and not entry.get("balancing"):
            place = f"/purposes/{index}/lawful_basis"
            faults.append(document.fault(place, "a legitimate interest needs balancing: why it weighs more"))
        if LawfulBasis.CONSENT in grounds and entry.get("default") == "allowed":
            faults.append(document.fault(f"/purposes/{index}/default", "silence is no consent: leave it denied"))
        for place, basis in entry["lawful_basis"].items():
            if _protection(basis, entry) > _protection(entry["lawful_basis"]["default"], entry):
                reason = (
                    f"the default protects less than the ground in {place}: it counts where nobody said where they are"
                )
                faults.append(document.fault(f"/purposes/{index}/lawful_basis", reason))
        if set(entry["title"]) != set(entry["text"]):
            faults.append(document.fault(f"/purposes/{index}/text", "title and text are not in the same languages"))
        above, passed = parents[name], {name}
        while above is not None and above in parents and above not in passed:
            passed.add(above)
            above = parents[above]
        if above is not None:
            reason = "the parent is its own descendant" if above in parents else "the parent is not a purpose"
            faults.append(document.fault(f"/purposes/{index}/parent", reason))
    return faults
