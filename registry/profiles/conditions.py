"""Labels and audiences: named conditions over what one purpose may see of a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from registry.documents import Document
from registry.model.errors import DocumentInvalid, NotFound
from registry.profiles.computed import ComputedTrait, Measure

Values = Mapping[str, object]
"""Values of traits, by name."""


@dataclass(frozen=True, slots=True)
class When:
    """Conditions: all of the first, one of the second, none of the third."""

    all: tuple[Mapping[str, Any], ...]
    any: tuple[Mapping[str, Any], ...]
    none: tuple[Mapping[str, Any], ...]

    def holds(self, values: Values, labels: frozenset[str]) -> bool:
        """Whether the conditions hold. What is not known, or not seen, fulfils none but `known: false`."""
        met = [
            all(_met(one, values, labels) for one in self.all),
            any(_met(one, values, labels) for one in self.any) or not self.any,
            not any(_met(one, values, labels) for one in self.none),
        ]
        return all(met)

    def each(self) -> tuple[Mapping[str, Any], ...]:
        """Every condition."""
        return (*self.all, *self.any, *self.none)


@dataclass(frozen=True, slots=True)
class Named:
    """A label or an audience."""

    name: str
    title: str
    purpose: str
    when: When


@dataclass(frozen=True, slots=True)
class ComputedPolicy:
    """What is computed of people.

    Attributes:
        traits: by the plan's id of their event.
        labels: in the order of the policy: one may build on those before it.
        audiences: by name.
    """

    traits: Mapping[str, tuple[ComputedTrait, ...]]
    labels: tuple[Named, ...]
    audiences: Mapping[str, Named]

    @classmethod
    def from_document(
        cls, document: Document, purposes: Mapping[str, object], *, of_another: bool = False
    ) -> ComputedPolicy:
        """The policy of a document that conforms to `schemas/policies/computed.schema.json`.

        Args:
            of_another: the document was not written for these purposes (the shipped one, beside a catalogue of
                the controller's own): what is for a purpose that is not among them is left out.

        Raises:
            DocumentInvalid: a purpose is not in the catalogue, a name stands twice, or a condition rests on
                what is computed for another purpose, or on a label that does not stand before it.
        """
        value = cast(Mapping[str, Any], document.value)
        if of_another:
            value = {
                section: [entry for entry in value[section] if entry["purpose"] in purposes]
                for section in ("traits", "labels", "audiences")
            }
        faults = _faults(document, value, purposes)
        if faults:
            raise DocumentInvalid(faults)
        traits: dict[str, list[ComputedTrait]] = {}
        for entry in value["traits"]:
            made = ComputedTrait(
                entry["trait"], entry["purpose"], entry["event"], Measure(entry["measure"]),
                entry.get("property"), entry.get("window_days"),
            )  # fmt: skip
            traits.setdefault(made.event, []).append(made)
        return cls(
            traits={event: tuple(own) for event, own in traits.items()},
            labels=tuple(_named(entry, "label") for entry in value["labels"]),
            audiences={entry["audience"]: _named(entry, "audience") for entry in value["audiences"]},
        )

    def of_purpose(self, purpose: str) -> list[ComputedTrait]:
        """The traits that are computed for a purpose."""
        return [trait for own in self.traits.values() for trait in own if trait.purpose == purpose]

    def labels_of(self, values: Values, purpose: str) -> frozenset[str]:
        """The labels of a person, for a purpose."""
        found: frozenset[str] = frozenset()
        for label in self.labels:
            if label.purpose == purpose and label.when.holds(values, found):
                found |= {label.name}
        return found

    def audience(self, name: str) -> Named:
        """The audience of a name.

        Raises:
            NotFound: the policy has none.
        """
        if name not in self.audiences:
            raise NotFound("there is no such audience", hint=f"in the policy: {', '.join(sorted(self.audiences))}")
        return self.audiences[name]


def _met(condition: Mapping[str, Any], values: Values, labels: frozenset[str]) -> bool:
    if "label" in condition:
        return condition["label"] in labels
    trait = condition["trait"]
    if "known" in condition:
        return (trait in values) is condition["known"]
    if trait not in values:
        return False
    [(word, bound)] = [(word, bound) for word, bound in condition.items() if word != "trait"]
    return _WORDS[word](values[trait], bound)


def _same(one: object, other: object) -> bool:
    """As JSON has it: 1 and 1.0 are one number, and neither is `true`."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


_WORDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "is": _same,
    "one_of": lambda found, bound: any(_same(found, one) for one in bound),
    "at_least": lambda found, bound: _number(found) and found >= bound,
    "at_most": lambda found, bound: _number(found) and found <= bound,
}


def _named(entry: Mapping[str, Any], key: str) -> Named:
    when = entry["when"]
    parts = (tuple(when.get(word, ())) for word in ("all", "any", "none"))
    return Named(entry[key], entry.get("title", entry[key]), entry["purpose"], When(*parts))


def _faults(document: Document, value: Mapping[str, Any], purposes: Mapping[str, object]) -> list[dict[str, object]]:
    faults: list[dict[str, object]] = []
    purpose_of: dict[tuple[str, str], str] = {}
    for section, key in (("traits", "trait"), ("labels", "label"), ("audiences", "audience")):
        for index, entry in enumerate(value[section]):
            place = f"/{section}/{index}"
            if entry["purpose"] not in purposes:
                faults.append(document.fault(f"{place}/purpose", "the purpose is not in purposes.yaml"))
            for word, conditions in entry.get("when", {}).items():
                for position, condition in enumerate(conditions):
                    told = _rests_on(condition, entry["purpose"], purpose_of)
                    if told:
                        faults.append(document.fault(f"{place}/when/{word}/{position}", told))
            if (key, entry[key]) in purpose_of:
                faults.append(document.fault(f"{place}/{key}", "the name stands twice"))
            purpose_of[(key, entry[key])] = entry["purpose"]
    return faults


def _rests_on(condition: Mapping[str, Any], purpose: str, purpose_of: Mapping[tuple[str, str], str]) -> str | None:
    """What is wrong with what a condition rests on."""
    if "label" in condition:
        known = purpose_of.get(("label", condition["label"]))
        if known is None:
            return "no such label stands before this"
    else:
        known = purpose_of.get(("trait", condition["trait"]), purpose)
    return None if known == purpose else f"it is computed for {known}: for {purpose} it may not be used"
