"""The identity policy: which kinds of identifiers there are, and what each may join."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from registry.documents import Document
from registry.model.errors import DocumentInvalid, InvalidInput


class Normaliser(StrEnum):
    """How the spellings of one identifier are brought to one form."""

    EXACT = "exact"
    TRIMMED = "trimmed"
    LOWER = "lower"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class KindRule:
    """What holds for one kind of identifier.

    Attributes:
        priority: 1 is the strongest; a link is as strong as its weaker end.
        limit: how many different identifiers of this kind one person may have.
        anonymous: names a browser or device, not a person who has made themselves known.
        max_length: in characters, before normalising.
        at: where a message carries it, as JSON pointers split into their tokens.
        blocked: values, in lower case, that never point at a person.
    """

    kind: str
    priority: int
    limit: int
    normaliser: Normaliser
    anonymous: bool
    max_length: int
    at: tuple[tuple[str, ...], ...]
    blocked: frozenset[str]


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The identity policy of one workspace.

    Attributes:
        kinds: the rule of each kind, strongest first.
        phone_region: ISO 3166 region in which a phone number without a country code is read.
        alarm_threshold: an identifier with more distinct neighbours than this joins nobody.
        join_requires: purposes; an anonymous history in which one of them was refused stays apart
            from the person who logs in later (DESIGN, invariant 13).
        blocked_pattern: matched against the whole value; what matches never points at a person.
        blocked: values, in lower case, that never point at a person whatever their kind.
    """

    kinds: Mapping[str, KindRule]
    phone_region: str
    alarm_threshold: int
    join_requires: tuple[str, ...]
    blocked_pattern: re.Pattern[str]
    blocked: frozenset[str]

    @classmethod
    def from_document(cls, document: Document) -> IdentityRules:
        """The rules of a document that conforms to `schemas/policies/identity.schema.json`.

        Raises:
            DocumentInvalid: two kinds share a name, a priority or a place, a pattern does not compile,
                or no kind is limited to one per person.
        """
        value = cast(Mapping[str, Any], document.value)
        faults = _faults(document, value["kinds"]) + _pattern_faults(document, value["blocked"]["patterns"])
        if faults:
            raise DocumentInvalid(faults)
        everywhere = frozenset(text.lower() for text in value["blocked"]["values"])
        rules = [_kind_rule(entry, everywhere) for entry in value["kinds"]]
        return cls(
            kinds={rule.kind: rule for rule in sorted(rules, key=lambda rule: rule.priority)},
            phone_region=value["phone_region"],
            alarm_threshold=value["alarm_threshold"],
            join_requires=tuple(value["join_requires"]),
            blocked_pattern=re.compile("|".join(f"(?:{text})" for text in value["blocked"]["patterns"]) or "(?!)"),
            blocked=everywhere,
        )

    def rule(self, kind: str) -> KindRule:
        """The rule of a kind.

        Raises:
            InvalidInput: the policy does not know the kind (which is not echoed).
        """
        rule = self.kinds.get(kind)
        if rule is None:
            raise InvalidInput(
                "the kind is not in the identity policy",
                hint=f"use one of: {', '.join(self.kinds)}",
                pointer="/kind",
            )
        return rule


def _kind_rule(entry: Mapping[str, Any], everywhere: frozenset[str]) -> KindRule:
    return KindRule(
        kind=entry["kind"],
        priority=entry["priority"],
        limit=entry["limit"],
        normaliser=Normaliser(entry["normaliser"]),
        anonymous=entry.get("anonymous", False),
        max_length=entry["max_length"],
        at=tuple(_tokens(pointer) for pointer in entry.get("at", ())),
        blocked=everywhere | frozenset(text.lower() for text in entry.get("blocked", ())),
    )


def _tokens(pointer: str) -> tuple[str, ...]:
    """The tokens of a JSON pointer (RFC 6901)."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _faults(document: Document, kinds: list[Mapping[str, Any]]) -> list[dict[str, object]]:
    faults: list[dict[str, object]] = []
    for field in ("kind", "priority"):
        seen: set[object] = set()
        for index, entry in enumerate(kinds):
            if entry[field] in seen:
                faults.append(document.fault(f"/kinds/{index}/{field}", f"two kinds have the same {field}"))
            seen.add(entry[field])
    places: set[str] = set()
    for index, entry in enumerate(kinds):
        for position, pointer in enumerate(entry.get("at", ())):
            if pointer in places:
                faults.append(document.fault(f"/kinds/{index}/at/{position}", "two kinds are read from one place"))
            places.add(pointer)
    if not any(entry["limit"] == 1 for entry in kinds):
        faults.append(document.fault("/kinds", "no kind has limit 1: nothing would keep two people apart"))
    return faults


def _pattern_faults(document: Document, patterns: list[str]) -> list[dict[str, object]]:
    faults = []
    for index, text in enumerate(patterns):
        try:
            re.compile(text)
        except re.error as error:
            faults.append(document.fault(f"/blocked/patterns/{index}", f"not a regular expression: {error.msg}"))
    return faults
