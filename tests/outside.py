"""Databases of somebody else's for tests: made, described, and asked as a request asks them. All data is synthetic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.connectors.anybodys import anybodys
from registry.connectors.datasets import Dataset, check_together, leading_keys
from registry.connectors.sql.system import SqlSystem
from registry.documents.document import Document, check, parse
from registry.dsr.accounting import FieldAccount
from registry.dsr.plan import LinkedSystem
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.architecture.project import ROOT
from tests.unit.identity.identity_rules import shipped_rules

RULES = shipped_rules()
ADA = [Identifier("email", "ada@example.test")]


def document(text: str, schema: str = "dataset") -> Document:
    """A reviewed file, held against its schema."""
    made = parse(text, file=f"{schema}.yaml")
    check(made, json.loads((ROOT / "schemas" / f"{schema}.schema.json").read_text()))
    return made


def dataset(text: str) -> Dataset:
    """The dataset of a reviewed file."""
    return Dataset.from_document(document(text))


@contextmanager
def systems(described: Mapping[str, str]) -> Iterator[list[SqlSystem]]:
    """The systems of these descriptions, each with the URL of its database."""
    datasets = [dataset(text) for text in described]
    check_together(datasets)
    leading = leading_keys(datasets)
    free = anybodys(datasets, leading)
    made = [
        SqlSystem(one, url, leading, RULES, {(d.schema, t) for d in datasets if d is not one for t in d.tables}, free)
        for one, url in zip(datasets, described.values(), strict=True)
    ]
    for one in made:
        one.neighbours = {other.name: other for other in made}
    try:
        yield made
    finally:
        for one in made:
            one.close()


def erased(made: Sequence[LinkedSystem], people: Sequence[Identifier] = ADA) -> list[FieldAccount]:
    """Erase people from every system, as a request does: all that is known of them first."""
    known = reach_of(made, people)
    return [account for one in made for account in one.run("r", Kind.ERASURE, known, {})]


def left(made: Sequence[LinkedSystem], people: Sequence[Identifier]) -> dict[str, int]:
    """What the second look of every system finds."""
    return {f"{s.name}.{table}": n for s in made for table, n in s.remaining(Kind.ERASURE, people).items() if n}


def run(url: str, *statements: str) -> None:
    """Run statements in one transaction."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query answers."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return found


def folder(path: Path, **files: str) -> Path:
    """A folder of reviewed files."""
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(text)
    return path
