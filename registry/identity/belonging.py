"""Whose a record of somebody else's system is, and what it tells of a person: by the rules that hold inside (pure).

A record carries identifiers. It is the person's when its strongest identifier that is theirs has none above it that
is not: a telephone number that two people share makes neither's record the other's. Nothing here knows in which
order systems answer. The rule in words: docs/how-to/connect-other-databases.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from registry.identity.normalise import Blocked, bare, normalise
from registry.identity.rules import IdentityRules, Normaliser
from registry.model.message import Identifier

SHARED = "shared."
"""What the kind of an identifier begins with that several people share: it is told, and leads to nobody's records."""
_WEAKEST = 1_000_000


class Record(NamedTuple):
    """What one record carries.

    Attributes:
        identifiers: in normal form, none that points at nobody.
        keys: by which records elsewhere refer to it.
        referred: it was found by a key of a record that is the person's, not by an identifier.
    """

    identifiers: tuple[Identifier, ...]
    keys: tuple[Identifier, ...]
    referred: bool


def pointing_at(kind: str, raw: str, rules: IdentityRules) -> Identifier | None:
    """The identifier that stands in a record, in normal form; None for what points at nobody.

    Systems outside describe kinds that no policy knows, too: those count as they are written, unless no kind may be
    so. International numbers written with 00 are read so wherever the policy's own region does not.
    """
    rule = rules.kinds.get(kind)
    if rule is None:
        text = bare(raw)
        blocked = not text or text.lower() in rules.blocked or rules.blocked_pattern.fullmatch(text)
        return None if blocked else Identifier(kind, raw)
    found = normalise(kind, raw, rules)
    if isinstance(found, Blocked) and rule.normaliser is Normaliser.PHONE and raw.strip().startswith("00"):
        found = normalise(kind, f"+{raw.strip()[2:]}", rules)
    return None if isinstance(found, Blocked) else found


def strength(kind: str, rules: IdentityRules | None) -> int:
    """How strong identifiers of a kind are, 1 the strongest; those that no policy knows are the weakest."""
    rule = rules.kinds.get(kind) if rules is not None else None
    return _WEAKEST if rule is None else rule.priority


def is_key(one: Identifier) -> bool:
    """Whether it is a key of records (`shop.customers.id`), or a mark of ours, not of a kind that names people."""
    return "." in one.kind


class Belonging:
    """What is known of one person, growing with the records that are found by it.

    Args:
        rules: None where no system tells records apart: what is told is taken.
        people: the identifiers to begin with; those marked as shared lead nowhere.
        shared: more that several people share.
        begun: those of the people that the question began with, where others were learnt from records before.
    """

    def __init__(
        self,
        rules: IdentityRules | None,
        people: Iterable[Identifier],
        shared: Collection[Identifier] = (),
        begun: Collection[Identifier] | None = None,
    ) -> None:
        everybody = list(people)
        marked = [Identifier(one.kind.removeprefix(SHARED), one.value) for one in everybody if _is_marked(one)]
        self._rules = rules
        self._shared = dict.fromkeys([*marked, *shared])
        self._known = dict.fromkeys(p for p in everybody if not _is_marked(p) and p not in self._shared)
        self._begun = frozenset(self._known if begun is None else begun)
        self._others: dict[tuple[Identifier, ...], None] = {}

    @property
    def known(self) -> list[Identifier]:
        """What leads to records of the person."""
        return list(self._known)

    @property
    def everything(self) -> list[Identifier]:
        """What leads to the person's records, and what several people share, marked as such."""
        return [*self._known, *(Identifier(SHARED + one.kind, one.value) for one in self._shared)]

    def take(self, records: Iterable[Record]) -> list[Identifier]:
        """What records tell of the person that is new: those of others tell nothing."""
        told: dict[Identifier, None] = {}
        for record in records:
            if self.is_own(record):
                told |= dict.fromkeys((*record.identifiers, *record.keys))
            else:
                self._others[record.identifiers] = None
        return self._joined(told)

    def is_own(self, record: Record) -> bool:
        """Whether a record is the person's: found by a key of theirs, or carrying nothing stronger of others."""
        return record.referred or self._is_own(record.identifiers)

    def adopt(self) -> list[Identifier]:
        """A stronger identifier that becomes the person's: the only one of its kind beside one that was begun with.

        What is known from records alone leads to no stronger one, and what names a browser or device never does.
        """
        for weak, records in self._tiers():
            if self._has_above(weak):  # which is contested
                break
            rule = self._rules.kinds.get(weak) if self._rules is not None else None
            begun = any(one in self._begun for carried in records for one in carried if one.kind == weak)
            kind, found = self._strongest(records)
            if begun and len(found) == 1 and not self._of(kind) and not (rule is not None and rule.anonymous):
                return self._joined(found)
        return []

    def contested(self) -> set[Identifier]:
        """Identifiers that records of others carry, while the person has stronger ones: several people share them."""
        for weak, records in self._tiers():
            if self._has_above(weak):
                return {one for record in records for one in record if one.kind == weak and one in self._known}
        return set()

    def _is_own(self, carried: Collection[Identifier]) -> bool:
        return not any(True for _ in self._above(carried)) and any(one in self._known for one in carried)

    def _above(self, carried: Collection[Identifier]) -> Iterator[Identifier]:
        """What a record carries of others that is stronger than all that it carries of the person."""
        own = min((self._strength(one.kind) for one in carried if one in self._known), default=0)
        return (one for one in carried if one not in self._known and self._strength(one.kind) < own)

    def _tiers(self) -> Iterator[tuple[str, list[tuple[Identifier, ...]]]]:
        """Records of others by the kind of the strongest identifier that led there, the strongest first."""
        tiers: dict[str, list[tuple[Identifier, ...]]] = defaultdict(list)
        for carried in self._others:
            own = [one.kind for one in carried if one in self._known]
            if own and not self._is_own(carried):
                tiers[min(own, key=self._strength)].append(carried)
        return iter(sorted(tiers.items(), key=lambda tier: (self._strength(tier[0]), tier[0])))

    def _strongest(self, records: Iterable[tuple[Identifier, ...]]) -> tuple[str, set[Identifier]]:
        """Those of the strongest kind that these records carry of others."""
        above = [one for carried in records for one in self._above(carried)]
        kind = min((one.kind for one in above), key=lambda kind: (self._strength(kind), kind))
        return kind, {one for one in above if one.kind == kind}

    def _joined(self, told: Iterable[Identifier]) -> list[Identifier]:
        """Those that the person may have as well; beyond a kind's limit they are others', the greatest first."""
        new = [one for one in told if one not in self._known and one not in self._shared]
        kinds = self._rules.kinds if self._rules is not None else {}
        room = {kind: kinds[kind].limit - len(self._of(kind)) for kind in {one.kind for one in new} & kinds.keys()}
        taken = Counter[str]()
        for one in sorted(new):
            taken[one.kind] += 1
            if taken[one.kind] > room.get(one.kind, taken[one.kind]):
                self._shared[one] = None
        joined = [one for one in new if one not in self._shared]
        self._known |= dict.fromkeys(joined)
        return joined

    def _of(self, kind: str) -> list[Identifier]:
        return [one for one in self._known if one.kind == kind]

    def _has_above(self, kind: str) -> bool:
        own = self._strength(kind)
        return any(self._strength(one.kind) < own for one in self._known if not is_key(one))

    def _strength(self, kind: str) -> int:
        return strength(kind, self._rules)


def _is_marked(one: Identifier) -> bool:
    return one.kind.startswith(SHARED)
