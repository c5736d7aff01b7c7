"""Fides dataset files read into descriptions of ours (pure): what they say is taken, what they leave open stays open.

Source: the dataset resource of Fides (fideslang): `dataset[].collections[].fields[]`, with `data_categories` and
`fides_meta`. Fides leaves a field alone that has no category or no type; here it is a guess, and blocks until decided.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.documents.document import Document
from registry.model.errors import DocumentInvalid

IDENTITIES = {"email": "email", "phone_number": "phone", "external_id": "user_id"}
"""Identity of Fides -> kind of the identity policy."""

STRATEGIES = {
    "null_rewrite": {"erasure": "null"},
    "hash": {"erasure": "hash"},
    "hmac": {"erasure": "hash"},
    "random_string_rewrite": {"erasure": "mask"},
    "string_rewrite": {"erasure": "mask"},
}
"""Masking strategy of Fides -> what ours does: a hash of ours is random, and cannot be computed again."""

READ = frozenset({"name", "description", "data_categories", "fides_meta", "fidesops_meta", "fields", "data_purposes"})
META = frozenset({"identity", "primary_key", "references", "data_type", "length", "masking_strategy_override"})


@dataclass(slots=True)
class Imported:
    """One dataset: the description, and what of the file could not be taken over, each a sentence."""

    described: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def imported(document: Document, url_env: Mapping[str, str] | str | None = None) -> list[Imported]:
    """The descriptions of a Fides dataset file.

    Args:
        url_env: the environment variable of the database; by the dataset's name if absent.

    Raises:
        DocumentInvalid: it is no such file.
    """
    value = document.value
    datasets = value.get("dataset") if isinstance(value, Mapping) else None
    datasets = [datasets] if isinstance(datasets, Mapping) else datasets
    if not isinstance(datasets, Sequence) or not datasets or not all(map(_is_dataset, datasets)):
        raise DocumentInvalid([document.fault("/dataset", "is no list of Fides datasets with collections and fields")])
    incoming = _references_to(datasets)
    return [_dataset(one, url_env, incoming) for one in datasets]


def _is_dataset(one: Any) -> bool:
    return (
        isinstance(one, Mapping)
        and isinstance(one.get("fides_key"), str)
        and isinstance(one.get("collections"), list)
        and all(
            isinstance(c, Mapping) and isinstance(c.get("name"), str) and isinstance(c.get("fields"), list)
            and all(isinstance(f, Mapping) and isinstance(f.get("name"), str) for f in c["fields"])
            for c in one["collections"]
        )
    )  # fmt: skip


def _meta(one: Mapping[str, Any]) -> Mapping[str, Any]:
    found = one.get("fides_meta") or one.get("fidesops_meta") or {}
    return found if isinstance(found, Mapping) else {}


def _name(fides_key: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", fides_key.lower())


def _references_to(datasets: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By field, as `dataset.table.field`, the fields that lead to it, as those say: direction `to`, or none."""
    found: dict[str, list[str]] = defaultdict(list)
    for dataset in datasets:
        name = _name(dataset["fides_key"])
        for collection in dataset["collections"]:
            for one in collection["fields"]:
                for target, direction in _referred(one, name):
                    if direction != "from":
                        found[target].append(f"{name}.{collection['name']}.{one['name']}")
    return found


def _referred(one: Mapping[str, Any], dataset: str) -> Iterator[tuple[str, str | None]]:
    for reference in _meta(one).get("references") or ():
        if isinstance(reference, Mapping) and isinstance(reference.get("field"), str):
            there = _name(str(reference.get("dataset") or dataset))
            yield f"{there}.{reference['field']}", reference.get("direction")


def _dataset(
    told: Mapping[str, Any], url_env: Mapping[str, str] | str | None, incoming: Mapping[str, list[str]]
) -> Imported:
    name = _name(told["fides_key"])
    variable = url_env if isinstance(url_env, str) else (url_env or {}).get(name, f"{name.upper()}_URL")
    made = Imported({"dataset": name, "url_env": variable, "tables": {}})
    if name != told["fides_key"]:
        made.notes.append(f"{told['fides_key']} is called {name} here")
    for collection in told["collections"]:
        table, meta = collection["name"], _meta(collection)
        strategy = (collection.get("masking_strategy_override") or meta.get("masking_strategy_override") or {}).get(
            "strategy"
        )
        deletes = strategy == "delete"
        if meta.get("skip_processing"):
            made.notes.append(f"{table}: Fides passes it over; here each field waits for a decision")
        if "." in table:
            made.notes.append(f"{table}: stands in a schema: describe that as a dataset of its own, with `schema`")
        fields = {}
        for one in collection["fields"]:
            place = f"{name}.{table}.{one['name']}"
            fields[one["name"]] = _field(one, place, deletes=deletes, leads=incoming.get(place, ()), made=made)
            if meta.get("skip_processing"):
                fields[one["name"]]["guess"] = True
        made.described["tables"][table] = {"rows": "delete" if deletes else "keep", "fields": fields}
    return made


def _field(
    one: Mapping[str, Any], place: str, *, deletes: bool, leads: Sequence[str], made: Imported
) -> dict[str, Any]:
    meta, open_points = _meta(one), list[str]()
    said: dict[str, Any] = {"category": _category(one, open_points)}
    identity = meta.get("identity")
    if identity is not None:
        said["identity"] = IDENTITIES.get(str(identity), str(identity))
        if identity not in IDENTITIES:
            open_points.append(f"identity {identity} is no kind that is known here")
    dataset = place.split(".", 1)[0]
    targets = [target for target, direction in _referred(one, dataset) if direction != "to"]
    targets = list(dict.fromkeys([*targets, *leads]))
    if any(target.count(".") != 2 for target in targets):
        open_points.append("refers to a field inside of another field")
        targets = [target for target in targets if target.count(".") == 2]
    if targets:
        short = [target.removeprefix(f"{dataset}.") for target in targets]
        said["references"] = short[0] if len(short) == 1 else short
    if one.get("fields"):
        open_points.append("has fields inside of it: they are decided on together")
    if not deletes and said["category"] is not None:
        said |= _erasure(one, meta, open_points)
    unread = sorted((set(one) - READ - {"masking_strategy_override"}) | (set(meta) - META))
    if unread:
        open_points.append(f"{', '.join(unread)} means nothing here")
    if open_points:
        said["guess"] = True
        made.notes += [f"{place.split('.', 1)[1]}: {point}" for point in open_points]
    return said


def _category(one: Mapping[str, Any], open_points: list[str]) -> str | None:
    told = [str(category) for category in one.get("data_categories") or ()]
    inner = [str(c) for nested in one.get("fields") or () for c in (nested.get("data_categories") or ())]
    personal = [category for category in [*told, *inner] if category == "user" or category.startswith("user.")]
    if not told and not inner:
        open_points.append("has no data category: taken for personal until somebody decides")
        return "user"
    if len(set(personal)) > 1:
        open_points.append(f"has several data categories, of which the first is taken: {', '.join(personal)}")
    return personal[0] if personal else None


def _erasure(one: Mapping[str, Any], meta: Mapping[str, Any], open_points: list[str]) -> dict[str, str]:
    override = one.get("masking_strategy_override") or meta.get("masking_strategy_override") or {}
    strategy = override.get("strategy")
    if strategy not in STRATEGIES:
        said = f"masking strategy {strategy} is not known" if strategy else "what erases it stands in a policy of Fides"
        open_points.append(f"{said}: `null` is a guess")
        return {"erasure": "null"}
    made = dict(STRATEGIES[strategy])
    if strategy == "string_rewrite":
        text = (override.get("configuration") or {}).get("rewrite_value")
        made |= {"mask": str(text)} if text is not None else {}
    return made
