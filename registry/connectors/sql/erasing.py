"""The one transaction of an erasure in a database: rows are changed and deleted in order, then all is looked at again.

1. count      the person's rows of every table; by their keys where rows will no longer be found by what led there;
              what came since the person was asked about may lead on, and is asked about first
2. loosen     what points at the person in rows of others is emptied, and references that go in a circle
3. change     fields of rows that stay, and delete the others: those that refer before those that they refer to
4. once more  what triggers wrote of all those meanwhile, into a history or an archive, or back into changed rows
5. look       every row that should be gone is, every other is still there: what a driver counts is not believed

Whatever does not agree rolls everything back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Table
from registry.connectors.sql import brought_back, changing, mentions, refusals
from registry.connectors.sql.brought_back import Gone
from registry.connectors.sql.columns import as_stored
from registry.connectors.sql.dictionary import INHERITED
from registry.connectors.sql.order import Order, Reference, deletion
from registry.connectors.sql.selecting import Selecting, Selector, conditions, count
from registry.connectors.sql.stand_ins import StandIns
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

ROWS_AT_ONCE = 500
ROUNDS = 5
"""How often what triggers write is looked for: one may write of what another wrote."""


@dataclass(slots=True)
class Work:
    """What there is to do in one table.

    Attributes:
        where: conditions that find the rows before anything is changed.
        rows: how many there were.
        keys: their primary keys, where rows are no longer found by `where` later on.
        still_led_to: without keys, how many `where` finds once they are changed.
        made: what rows with keys were left with.
        gone: what was erased from rows without keys.
    """

    described: Table
    table: sa.Table
    where: list[sa.ColumnElement[bool]]
    rows: int
    keys: list[tuple[Any, ...]] | None = field(default=None)
    still_led_to: int = 0
    made: dict[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    gone: list[Gone] = field(default_factory=list)

    def places(self) -> Iterator[sa.ColumnElement[bool]]:
        """Conditions that find the rows at any time."""
        if self.keys is None:
            yield from self.where
            return
        for start in range(0, len(self.keys), ROWS_AT_ONCE):
            yield changing.keyed(self.table, self.keys[start : start + ROWS_AT_ONCE])

    def left(self, connection: sa.Connection) -> int:
        """How many of the rows there are now."""
        return sum(count(connection, self.table, where) for where in self.places())


def erase(
    connection: sa.Connection,
    dataset: Dataset,
    tables: Mapping[str, sa.Table],
    people: Sequence[Identifier],
    rules: IdentityRules,
    new: Callable[[], Collection[Identifier]],
) -> dict[str, int]:
    """Erase people from one database, within a transaction that the caller began; their rows by table.

    Args:
        new: by what else they are known, as their rows say now.

    Raises:
        LinkedSystemUnavailable: rows lead on to what was not asked about, or what was counted afterwards does not
            agree; the caller rolls back.
    """
    going = [name for name, one in dataset.tables.items() if one.deletes]
    order = deletion(going, references(tables.values()))
    # 1. count
    works, selecting = {}, Selecting(connection, people, rules)
    for name, described in dataset.tables.items():
        chosen = selecting.own(tables[name], described)
        works[name] = _counted(connection, described, tables[name], chosen, order.loosened.get(name, ()))
    if new():  # what it leads to, here and elsewhere, would stay, and nobody would find it any more
        raise LinkedSystemUnavailable(
            f"{dataset.name}: rows of this person came meanwhile, which lead on to others",
            hint="it is tried again by itself; if they never cease to come, stop what writes them",
        )
    # 2. loosen
    stand_ins = StandIns()
    for work in works.values():
        with refusals.told(f"{dataset.name}.{work.table.name}"):
            mentions.empty(connection, dataset.name, work.described, work.table, selecting)
    for name, columns in order.loosened.items():
        for place in works[name].places():
            emptied = dict.fromkeys(columns)
            refusals.update(connection, f"{dataset.name}.{name}", works[name].table, [place], emptied)
    if order.stuck:
        _check_at_end(connection)
    # 3. change and delete
    for name in _in_turn(list(dataset.tables), order, list(references(tables.values()))):
        work = works[name]
        if work.described.deletes:
            _delete(connection, dataset.name, work)
        elif work.rows and work.described.changed:
            if work.left(connection) < work.rows:
                raise LinkedSystemUnavailable(
                    f"{dataset.name}.{name}: rows are found no more once others were changed; rolled back",
                    hint="give the table a primary key, or keep what it refers to",
                )
            _change(connection, dataset.name, work, stand_ins)
    # 4. once more
    if any(work.rows for work in works.values()):
        _until_nothing_is_written(connection, dataset.name, list(works.values()), stand_ins, order)
    # 5. look
    for name, work in works.items():
        _look(connection, f"{dataset.name}.{name}", work)
    return {name: work.rows for name, work in works.items()}


def references(tables: Iterable[sa.Table]) -> Iterator[Reference]:
    """Every reference that the database itself holds."""
    for table in tables:
        for one in table.foreign_key_constraints:
            free = tuple(c.name for c in one.columns if c.nullable and not c.primary_key)  # one empty part is enough
            yield Reference(table.name, free, one.referred_table.name, bool(free))


def _in_turn(tables: Sequence[str], deleted: Order, held: Sequence[Reference]) -> list[str]:
    """Every table, those that refer before those that they refer to: what a changed key takes along (`ON UPDATE
    CASCADE`) is found no more. Where a circle does not let rows go so, they go last, once what stays was changed.
    """
    every = deletion(tables, held).tables
    place = {name: at for at, name in enumerate(every)}
    free = [one for one in held if not set(one.columns) & set(deleted.loosened.get(one.table, ()))]
    goes = (one for one in free if one.table in place and one.to in deleted.tables)
    if not any(place[one.table] > place[one.to] for one in goes):
        return every
    return [*(name for name in every if name not in deleted.tables), *deleted.tables]


def _counted(
    connection: sa.Connection,
    described: Table,
    table: sa.Table,
    chosen: Sequence[Selector],
    loosened: Sequence[str],
) -> Work:
    work = Work(described, table, [where.bound for where in conditions(table, chosen)], 0)
    # A key is of one table: the rows of those that inherit from it, which it has, too, may have the same one.
    key = [] if INHERITED in table.info or _follows(table) else [column.name for column in table.primary_key]
    changed = {one.name for one in described.changed}
    if key and not changed & set(key) and (changed or loosened):
        work.keys = _keys(connection, work)
        work.rows = len(work.keys)
    else:
        work.rows = sum(count(connection, table, where) for where in work.where)
        if work.rows and set(loosened) & {name for one in chosen for name in one.names}:
            raise LinkedSystemUnavailable(
                f"{table.name} has no key, and stands in a circle of references that lead to its rows",
                hint="keep its rows in the description, or give the table a primary key",
            )
    return work


def _keys(connection: sa.Connection, work: Work) -> list[tuple[Any, ...]]:
    """The primary keys of the rows that are found now."""
    columns = [as_stored(column) for column in work.table.primary_key]
    return [tuple(row) for where in work.where for row in connection.execute(sa.select(*columns).where(where))]


def _follows(table: sa.Table) -> bool:
    """Whether its key changes with that of another table."""
    held = (one for one in table.foreign_key_constraints if (one.onupdate or "").upper() == "CASCADE")
    return any(column.primary_key for one in held for column in one.columns)


def _change(connection: sa.Connection, dataset: str, work: Work, stand_ins: StandIns) -> None:
    if work.keys is not None:
        work.made |= changing.by_key(connection, dataset, work.described, work.table, work.keys, stand_ins)
        return
    stood = list(brought_back.values(connection, work.described, work.table, work.where, stand_ins))
    changing.by_value(connection, dataset, work.described, work.table, work.where, stand_ins)
    work.gone += (Gone(name, where, count(connection, work.table, where)) for name, where in stood)
    work.still_led_to = sum(count(connection, work.table, where) for where in work.where)


def _delete(connection: sa.Connection, dataset: str, work: Work) -> None:
    done, there = 0, work.left(connection)  # what was changed before may have let a trigger write some
    for place in work.places() if there else ():
        with refusals.told(f"{dataset}.{work.table.name}"):
            counted = connection.execute(sa.delete(work.table).where(place)).rowcount
        done = done + counted if counted >= 0 and done >= 0 else -1  # some drivers do not know
    there = max(there, work.rows)  # what led to them may lead there no more, and they stay
    if 0 <= done != there and INHERITED not in work.table.info:  # whose rows may have gone with another table's
        raise LinkedSystemUnavailable(
            f"{dataset}.{work.table.name}: {there} rows were there, {done} were deleted; rolled back"
        )


def _until_nothing_is_written(
    connection: sa.Connection, dataset: str, works: Sequence[Work], stand_ins: StandIns, order: Order
) -> None:
    defers = connection.dialect.name == "postgresql"  # where triggers, too, may wait for the end of a transaction
    may_wait = defers
    for _ in range(ROUNDS):
        written = [_once_more(connection, dataset, work, stand_ins) for work in works]
        if any(written):
            may_wait |= defers and order.stuck  # what was done just now waits again
            continue
        if not may_wait:
            return
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        may_wait = False
        if order.stuck:
            _check_at_end(connection)
    raise LinkedSystemUnavailable(f"{dataset}: triggers write of this person without end; rolled back")


def _once_more(connection: sa.Connection, dataset: str, work: Work, stand_ins: StandIns) -> bool:
    """Do the same to rows that triggers wrote meanwhile: what they say is the person's; whether there were any."""
    if work.described.deletes:
        again = [where for where in work.where if count(connection, work.table, where)]
        for where in again:
            with refusals.told(f"{dataset}.{work.table.name}"):
                connection.execute(sa.delete(work.table).where(where))
        return bool(again)
    if not work.described.changed:
        return False
    if work.keys is None:
        if sum(count(connection, work.table, where) for where in work.where) <= work.still_led_to:
            return False
        _change(connection, dataset, work, stand_ins)
        return True
    known = set(map(repr, work.keys))  # a part of a key may be a list
    late = [key for key in _keys(connection, work) if repr(key) not in known]
    work.keys += late
    work.rows += len(late)
    late += brought_back.written_over(connection, work.described, work.table, work.made)
    if late:
        work.made |= changing.by_key(connection, dataset, work.described, work.table, late, stand_ins)
    return bool(late)


def _look(connection: sa.Connection, place: str, work: Work) -> None:
    brought_back.require_gone(connection, place, work.table, work.gone)
    left = work.left(connection)
    if work.described.deletes:
        if left:
            raise LinkedSystemUnavailable(f"{place}: {left} rows are still there after they were deleted; rolled back")
        return
    selecting_stays = not work.described.changed or work.keys is not None
    if selecting_stays and left != work.rows:
        gone = work.rows - left
        raise LinkedSystemUnavailable(f"{place}: {gone} rows that are kept went with others; rolled back")


def _check_at_end(connection: sa.Connection) -> None:
    """Let references be checked when the transaction ends, on an engine that can."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
