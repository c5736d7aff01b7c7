"""The trust policy: how far a source is believed, by how it came to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from registry.documents import Document
from registry.model.clock import DAY, Micros
from registry.model.errors import DocumentInvalid
from registry.model.provenance import Method

HIGHEST = 100
"""The rank of what cannot be doubted; the scale is 0 to this."""


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """How far sources are believed.

    Attributes:
        ranks: per method, 0 to 100.
        adjustments: (pattern of source names, what to add); the first that matches counts.
        half_lives: per trait, in what time its confidence halves; a trait without one does not decay.
    """

    ranks: Mapping[Method, int]
    adjustments: tuple[tuple[str, int], ...]
    half_lives: Mapping[str, Micros]

    @classmethod
    def from_document(cls, document: Document) -> TrustPolicy:
        """The policy of a document that conforms to `schemas/policies/trust.schema.json`.

        Raises:
            DocumentInvalid: a method has no rank, two adjustments or two traits have the same name, or
                what the person corrected would not rank highest.
        """
        value = cast(Mapping[str, Any], document.value)
        faults: list[dict[str, object]] = [
            document.fault("/ranks", f"no rank for the method {method}")
            for method in Method
            if method not in value["ranks"]
        ]
        if not faults and value["ranks"][Method.CORRECTED] != max(value["ranks"].values()):
            faults.append(document.fault("/ranks/corrected", "what the person corrected must rank highest"))
        for section, field in (("sources", "source"), ("decay", "trait")):
            seen: set[str] = set()
            for index, entry in enumerate(value[section]):
                if entry[field] in seen:
                    faults.append(document.fault(f"/{section}/{index}/{field}", f"the {field} is listed twice"))
                seen.add(entry[field])
        if faults:
            raise DocumentInvalid(faults)
        return cls(
            ranks={Method(method): rank for method, rank in value["ranks"].items()},
            adjustments=tuple((entry["source"], entry["adjust"]) for entry in value["sources"]),
            half_lives={entry["trait"]: entry["half_life_days"] * DAY for entry in value["decay"]},
        )

    def rank(self, source_name: str, method: Method) -> int:
        """How far a source is believed about what it learnt by a method, 0 to 100; higher is better.

        What the person corrected is not adjusted: it is their word, whoever entered it.
        """
        rank = self.ranks[method]
        if method is Method.CORRECTED:
            return rank
        for pattern, adjust in self.adjustments:
            if fnmatchcase(source_name, pattern):
                return max(0, min(HIGHEST, rank + adjust))
        return rank

    def confidence(self, trait: str, trust: int, age: Micros) -> float:
        """How sure a value of some trust and age is, 0 to 1: its trust, halved per half-life."""
        half_life = self.half_lives.get(trait)
        freshness = 1.0 if half_life is None else 0.5 ** (max(0, age) / half_life)
        return round(trust / HIGHEST * freshness, 3)
