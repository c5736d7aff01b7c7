"""Databases outside, reached by SQLAlchemy: found, given out, erased and looked through again in set operations."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from registry.connectors.datasets import Dataset, Erasure, Table, check_together, delete_order
from registry.connectors.traversal import Traversal
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

BATCH = 10_000
"""Values in one statement: below what SQLite (32,766) and PostgreSQL (65,535) take."""
ROWS_AT_ONCE = 500
UNTOUCHED = "this kind of request changes nothing in this system"


class SqlSystems:
    """All described databases as one linked system, since what is found in one leads into the next.

    Args:
        datasets: the reviewed descriptions, which have been held against each other.
        urls: by dataset, the SQLAlchemy URL; never logged, and in no error.
    """

    name = "databases"

    def __init__(self, datasets: Sequence[Dataset], urls: Mapping[str, str]) -> None:
        check_together(datasets)
        self._datasets = {dataset.name: dataset for dataset in datasets}
        self._engines = {name: sa.create_engine(urls[name], hide_parameters=True) for name in self._datasets}

    def close(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()

    def undecided(self) -> list[tuple[str, str]]:
        """Every (dataset.table, field) that stands in a database and in no dataset, or is an unconfirmed guess."""
        missing = []
        for name, dataset in self._datasets.items():
            missing += [(f"{name}.{f.address.table}", f.address.field) for f in dataset.fields if f.guess]
            with _reached(name):
                for table in _reflected(self._engines[name]).values():
                    described = dataset.tables.get(table.name)
                    if table.name not in dataset.without_people:
                        known = described.fields if described else {}
                        missing += [
                            (f"{name}.{table.name}", column.name) for column in table.c if column.name not in known
                        ]
        return sorted(missing)

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What a request of this kind would do here; changes nothing."""
        traversal = self._discover(people)
        accounts: list[FieldAccount] = []
        for name, dataset in self._datasets.items():
            with self._engines[name].connect() as connection, _reached(name):
                for table in dataset.tables.values():
                    rows = _count(connection, table, traversal.selectors(name, table.name))
                    accounts += _accounts(kind, name, table, rows)
        return SystemPlan(self.name, accounts, self.undecided())

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(dataset.table, row) of everything that an access gives out, streamed from the server."""
        traversal = self._discover(people)
        for name, dataset in self._datasets.items():
            with self._engines[name].connect() as connection, _reached(name):
                for table in dataset.tables.values():
                    columns: list[sa.ColumnElement[Any]] = [
                        sa.column(field.address.field) for field in table.fields.values() if field.exported
                    ]
                    for where in _conditions(traversal.selectors(name, table.name)) if columns else ():
                        statement = sa.select(*columns).select_from(sa.table(table.name)).where(where)
                        streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
                        for row in streaming.execute(statement).mappings():
                            yield f"{name}.{table.name}", dict(row)

    def run(self, request_id: str, kind: Kind, people: Sequence[Identifier]) -> Sequence[FieldAccount]:  # noqa: ARG002
        """Do it: one transaction a database, those that others were found from last; every row counted.

        Raises:
            LinkedSystemUnavailable: a database does not answer, a field is undecided, or the counts do not
                agree; what the database at fault did is rolled back.
        """
        if self.undecided():
            raise LinkedSystemUnavailable(
                "databases: fields that nobody has decided on", hint="registry connectors check"
            )
        planned = self.plan(kind, people).accounts
        if EFFECTS[kind] is not Effect.ERASE:
            return planned
        traversal = self._discover(people)
        for name in sorted(self._datasets, key=lambda name: -traversal.rank.get(name, 0)):
            dataset = self._datasets[name]
            with _reached(name), self._engines[name].begin() as connection:
                for table_name in delete_order(dataset)[0]:
                    _erase(connection, name, dataset.tables[table_name], traversal.selectors(name, table_name))
        return planned

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """Rows that still hold an identifier of the person, in any text column that the database itself has.

        Kept columns are left out: the certificate states them with their ground.
        """
        values = [person.value for person in people]
        found: dict[str, int] = {}
        for name, dataset in self._datasets.items() if EFFECTS[kind] is Effect.ERASE else ():
            with self._engines[name].connect() as connection, _reached(name):
                for table in _reflected(self._engines[name]).values():
                    described = dataset.tables.get(table.name)
                    kept = (
                        {f for f, said in described.fields.items() if said.erasure is Erasure.KEEP}
                        if described
                        else set()
                    )
                    texts = [c for c in table.c if isinstance(c.type, sa.String) and c.name not in kept]
                    if texts:
                        query = (
                            sa.select(sa.func.count()).select_from(table).where(sa.or_(*(c.in_(values) for c in texts)))
                        )
                        if rows := connection.execute(query).scalar_one():
                            found[f"{name}.{table.name}"] = rows
        return found

    def _discover(self, people: Sequence[Identifier]) -> Traversal:
        traversal = Traversal(list(self._datasets.values()), people)
        while asked := traversal.next():
            for address, values in asked.items():
                wanted = traversal.wanted(address.dataset, address.table)
                with self._engines[address.dataset].connect() as connection, _reached(address.dataset):
                    for where in _conditions({address.field: values}) if wanted else ():
                        columns: list[sa.ColumnElement[Any]] = [sa.column(column) for column in wanted]
                        rows = connection.execute(
                            sa.select(*columns).select_from(sa.table(address.table)).where(where)
                        ).all()
                        for place, column in enumerate(wanted):
                            traversal.saw(
                                type(address)(address.dataset, address.table, column), (row[place] for row in rows)
                            )
        return traversal


@contextmanager
def _reached(dataset: str) -> Iterator[None]:
    """Turn what a driver raises, whose text may hold values, into an error without any."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LinkedSystemUnavailable(f"{dataset}: the database failed ({type(error).__name__})") from None


def _reflected(engine: sa.Engine) -> Mapping[str, sa.Table]:
    metadata = sa.MetaData()
    metadata.reflect(engine)
    return metadata.tables


def _conditions(selectors: Mapping[str, Sequence[Hashable]]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that no row fulfils twice: one column in batches, or several columns in one statement."""
    if len(selectors) == 1:
        [(column, values)] = selectors.items()
        for start in range(0, len(values), BATCH):
            yield sa.column(column).in_(values[start : start + BATCH])
    elif sum(map(len, selectors.values())) > BATCH:
        raise LinkedSystemUnavailable(f"a table is reached by more than {BATCH} values over several columns")
    elif selectors:
        yield sa.or_(*(sa.column(column).in_(values) for column, values in selectors.items()))


def _count(connection: sa.Connection, table: Table, selectors: Mapping[str, Sequence[Hashable]]) -> int:
    target = sa.table(table.name)
    count = sa.select(sa.func.count()).select_from(target)
    return sum(connection.execute(count.where(where)).scalar_one() for where in _conditions(selectors))


def _accounts(kind: Kind, dataset: str, table: Table, rows: int) -> Iterator[FieldAccount]:
    for name, field in table.fields.items():
        effect, ground = EFFECTS[kind], field.ground or UNTOUCHED
        kept = FieldAccount(dataset, table.name, name, Disposition.RETAINED, rows, ground)
        if effect is Effect.ERASE and field.erasure is not Erasure.KEEP:
            yield FieldAccount(dataset, table.name, name, Disposition.ERASED, rows)
        elif effect is Effect.GIVE and field.exported:
            yield FieldAccount(dataset, table.name, name, Disposition.EXPORTED, rows)
        else:
            yield kept


def _erase(connection: sa.Connection, dataset: str, table: Table, selectors: Mapping[str, Sequence[Hashable]]) -> None:
    target = sa.table(table.name, *(sa.column(name) for name in table.fields))
    changed = [field for field in table.fields.values() if field.erasure is not Erasure.KEEP]
    for where in _conditions(selectors) if changed else ():
        before = connection.execute(sa.select(sa.func.count()).select_from(target).where(where)).scalar_one()
        if table.deletes:
            done = connection.execute(sa.delete(target).where(where)).rowcount
        else:
            new: dict[str, Any] = {}
            for field in changed:
                name = field.address.field
                new[name] = _hashed(connection, target, name, where) if field.erasure is Erasure.HASH else field.mask
            done = connection.execute(sa.update(target).where(where).values(new)).rowcount
        if done != before:
            raise LinkedSystemUnavailable(f"{dataset}.{table.name}: {before} rows were there, {done} were erased")
        left = connection.execute(sa.select(sa.func.count()).select_from(target).where(where)).scalar_one()
        if table.deletes and left:
            raise LinkedSystemUnavailable(f"{dataset}.{table.name}: {left} rows are still there")


def _hashed(connection: sa.Connection, target: Any, column: str, where: Any) -> Any:
    """Each value's random stand-in, as one expression: a table needs no key for it."""
    values = connection.execute(sa.select(target.c[column]).where(where).distinct()).scalars()
    stand_ins = {value: secrets.token_hex(16) for value in values if value is not None}
    return sa.case(stand_ins, value=target.c[column]) if stand_ins else None
