"""Who is who, in memory: fifty lines that keep sets, and compute everybody anew each time they are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from registry.identity.links import Link, Verdict, link_between
from registry.identity.resolve import partition
from registry.identity.rules import IdentityRules
from registry.model.ids import BlindIndex

Reference = tuple[str, str]


@dataclass
class IdentityModel:
    """The claims that came, what stewards said, and who may not be known again."""

    rules: IdentityRules
    index: Callable[[Reference], BlindIndex]
    known: dict[BlindIndex, Reference] = field(default_factory=dict)
    links: set[Link] = field(default_factory=set)
    verdicts: dict[Link, Verdict] = field(default_factory=dict)
    suppressed: set[Reference] = field(default_factory=set)

    def send(self, references: list[Reference]) -> bool:
        """One message that names these, strongest first; whether it is taken in."""
        if self.suppressed & set(references):
            return False
        indexes = [self.index(reference) for reference in references]
        self.known.update(zip(indexes, references, strict=True))
        self.links |= {link_between(indexes[0], other) for other in indexes[1:]}
        return True

    def people(self) -> set[frozenset[Reference]]:
        """Everybody."""
        said = {verdict: {pair for pair, own in self.verdicts.items() if own is verdict} for verdict in Verdict}
        kinds = {index: reference[0] for index, reference in self.known.items()}
        found = partition(
            kinds, self.links, self.rules, refused_pairs=said[Verdict.APART],
            same=said[Verdict.SAME], retracted=said[Verdict.RETRACTED],
        )  # fmt: skip
        return {frozenset(self.known[member] for member in group) for group in found.groups}

    def together(self, one: Reference, other: Reference) -> bool:
        """Whether two identifiers are one person."""
        return any(one in person and other in person for person in self.people())

    def merge(self, one: Reference, other: Reference) -> bool:
        """A steward joins two; whether that is done."""
        pair = link_between(self.index(one), self.index(other))
        before = self.links, dict(self.verdicts)
        self.links, self.verdicts[pair] = self.links | {pair}, Verdict.SAME
        if not self.together(one, other):
            self.links, self.verdicts = before
            return False
        return True

    def erase(self, who: Reference) -> None:
        """Erase a person, and remember not to know them again."""
        gone = next((person for person in self.people() if who in person), frozenset({who}))
        indexes = {self.index(reference) for reference in gone}
        self.suppressed |= gone
        self.known = {index: reference for index, reference in self.known.items() if index not in indexes}
        self.links = {link for link in self.links if indexes.isdisjoint(link)}
        self.verdicts = {pair: verdict for pair, verdict in self.verdicts.items() if indexes.isdisjoint(pair)}
