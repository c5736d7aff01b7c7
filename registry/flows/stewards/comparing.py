"""Comparing people by Splink, in an embedded DuckDB that may not write to disk: features in, likely pairs out.

1. chances    set in `identity.comparisons`; learnt from the pairs themselves where many people are compared
2. compare    only pairs that agree somewhere, each feature by its levels
3. told       how likely a pair is, level by level, so that a steward can see why
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from registry.identity.comparisons import FEW, settings
from registry.identity.likeness import FEATURES, LIKELY, Agreement, Features, chance, trainable, without_placeholders
from registry.model.errors import Conflict

MEMORY = "3GB"
"""Most that is taken for a comparison: enough for a hundred thousand people, of whom few share a birthday."""

OUTSIDE = "compare outside, on Spark, with the settings that `registry profiles suggestions --settings spark` prints"

SAMPLE = 2_000_000
"""Pairs taken at random, to learn how often people who are not one agree."""

SEED = 1
"""The same people are always judged alike."""

Who = TypeVar("Who", bound=Hashable)


class Likeness(NamedTuple):
    """How likely two are one: `start` is what is known before looking at them, in bits, as every weight is."""

    probability: float
    start: float
    agreements: tuple[Agreement, ...]


def compare(people: Mapping[Who, Features]) -> dict[tuple[Who, Who], Likeness]:
    """The pairs that are likely one person.

    Raises:
        Conflict: Splink is not installed, or what is to be compared has no room in memory.
    """
    if len(people) < 2:
        return {}
    try:
        import duckdb
        import pandas as pd
        from splink import DuckDBAPI, Linker
        from splink.internals.exceptions import SplinkException
    except ImportError:
        raise Conflict("Splink is not installed", hint="install registry with the extra suggestions") from None
    logging.getLogger("splink").setLevel(logging.ERROR)
    people = without_placeholders(people)
    order: Sequence[Who] = list(people)
    rows = [{"unique_id": number} | dict(people[who]) for number, who in enumerate(order)]
    frame = pd.DataFrame(rows, columns=["unique_id", *FEATURES]).astype(dict.fromkeys(FEATURES, "string"))
    learnt = chance(people)
    chosen = settings("duckdb", chance=learnt or FEW, learn=learnt is not None)
    database = duckdb.connect(":memory:")
    try:
        # Nothing that is compared may reach a disk: without room in memory the comparison fails.
        database.execute("SET temp_directory = ''")
        database.execute(f"SET memory_limit = '{MEMORY}'")
        linker = Linker(frame, chosen, DuckDBAPI(connection=database), set_up_basic_logging=False)
        if learnt is not None:
            _learn(linker, trainable(people))
        pairs = linker.inference.predict(threshold_match_probability=LIKELY).as_record_dict()
        known = linker.misc.save_model_to_json()
    except (SplinkException, duckdb.OutOfMemoryException) as error:
        if isinstance(error.__cause__ or error, duckdb.OutOfMemoryException):
            raise Conflict(f"the comparison needs more than {MEMORY} of memory", hint=OUTSIDE) from None
        raise
    finally:
        database.close()
    start = math.log2(known["probability_two_random_records_match"])
    labels = {one["output_column_name"]: _labels(one["comparison_levels"]) for one in known["comparisons"]}
    return {(order[row["unique_id_l"]], order[row["unique_id_r"]]): _told(row, labels, start) for row in pairs}


def _learn(linker: Any, rules: Sequence[tuple[str, ...]]) -> None:
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLE, seed=SEED)
    for rule in rules:
        agree = " AND ".join(f"l.{name} = r.{name}" for name in rule)
        linker.training.estimate_parameters_using_expectation_maximisation(agree)


def _labels(levels: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The levels' labels, by the number that Splink gives each: -1 is unknown, then from the last one up."""
    told = [level["label_for_charts"] for level in levels if not level.get("is_null_level")]
    return {-1: "unknown"} | dict(enumerate(reversed(told)))


def _told(row: Mapping[str, Any], labels: Mapping[str, Mapping[int, str]], start: float) -> Likeness:
    agreements = []
    for name in FEATURES:
        factor = row[f"bf_{name}"] * row.get(f"bf_tf_adj_{name}", 1.0)
        weight = round(math.log2(factor), 2) if factor > 0 else 0.0
        agreements.append(Agreement(name, labels[name][int(row[f"gamma_{name}"])], weight))
    return Likeness(round(float(row["match_probability"]), 6), round(start, 2), tuple(agreements))
