"""A database outside as a linked system of requests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Key, Table
from registry.connectors.key_values import fitted
from registry.connectors.sql import changing, looking, mentions
from registry.connectors.sql.accounts import accounts_of
from registry.connectors.sql.catalogue import Catalogue, described_of, is_whole
from registry.connectors.sql.columns import python_type
from registry.connectors.sql.engines import for_erasures, for_looks, opened, reached
from registry.connectors.sql.erasing import erase
from registry.connectors.sql.findings import Elsewhere, Finding, findings, named_few
from registry.connectors.sql.holding import concerned, keeping
from registry.connectors.sql.leading import Leading
from registry.connectors.sql.naming import tells
from registry.connectors.sql.neighbours import Neighbour, of_others, table_of
from registry.connectors.sql.selecting import Selecting, conditions, count, counts
from registry.connectors.sql.streams import given, require_writable
from registry.dsr.accounting import FieldAccount
from registry.dsr.held import Held
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.identity.belonging import Belonging, Record, is_key
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier


class SqlSystem:
    """One described database. Safe to share between threads.

    Args:
        dataset: the reviewed description, which has been held against the others.
        url: its SQLAlchemy URL; never logged, and in no error.
        leading: the keys that lead on, wherever they stand: what is found at one of this database is told.
        rules: by what people are told apart.
        elsewhere: the tables that other descriptions have, each with its schema.
        anybodys: those of the keys that rows of others may have as well.

    Attributes:
        held: the legal holds that stand on whomever it is asked about.
        neighbours: the other described databases, by name: which keys they have, they know.
    """

    def __init__(
        self,
        dataset: Dataset,
        url: str,
        leading: Collection[Key],
        rules: IdentityRules,
        elsewhere: Collection[Elsewhere] = (),
        anybodys: Collection[Key] = (),
    ) -> None:
        self._elsewhere = elsewhere
        self._dataset = dataset
        self.held: Sequence[Held] = ()
        self.neighbours: Mapping[str, Neighbour] = {}
        self._rules = rules
        self._leading = Leading(dataset, leading, rules, anybodys)
        self._engine = opened(url, dataset.url_env)
        self._looking = for_looks(self._engine)
        self._catalogue = Catalogue(dataset.schema, dataset.tables)

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._dataset.name

    @property
    def declared(self) -> list[tuple[str, str, str | None]]:
        """What its description says of every field, whether it answers or not."""
        return [(one.table, one.name, one.category) for one in self._dataset.fields]

    @property
    def traits(self) -> frozenset[str]:
        """The traits that its description says its fields hold."""
        return frozenset(one.trait for one in self._dataset.fields if one.trait is not None)

    def holding(self, held: Sequence[Held]) -> SqlSystem:
        """The same database, over the same connections, where an erasure keeps what these holds cover."""
        made = copy(self)
        made.held = held
        return made

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def findings(self) -> list[Finding]:
        """Every field that somebody has to decide on, and why.

        Raises:
            LinkedSystemUnavailable: the database does not answer.
        """
        with reached(self.name), self._looking.connect() as connection:
            return self._findings(self._catalogue.tables(connection))

    def _findings(self, tables: Mapping[str, sa.Table]) -> list[Finding]:
        others, there = self._of_others(), partial(table_of, self.neighbours)
        found = findings(self._dataset, tables, self._leading.keys, self._elsewhere, there)
        return [one for one in found if one.table not in others]

    def _of_others(self) -> set[str]:
        """The tables that other files describe; asked over a connection, which knows its own schema."""
        return of_others(self, self.neighbours, self._looking.dialect.default_schema_name)

    @property
    def place(self) -> tuple[sa.URL, str | None]:
        """Its address, and the schema whose tables it has."""
        return self._engine.url, self._dataset.schema

    @property
    def described(self) -> Collection[str]:
        """The tables that its file describes."""
        return self._dataset.tables.keys()

    def tables(self) -> Mapping[str, sa.Table]:
        """Every table as it was when it was last looked at."""
        if self._catalogue.known is None:
            with self._connected() as (_, tables):
                return tables
        return self._catalogue.known

    def undecided(self) -> list[tuple[str, str]]:
        """Every (table, field) that somebody has to decide on."""
        return [(one.table, one.field) for one in self.findings()]

    @property
    def rules(self) -> IdentityRules:
        """By what this system tells people apart."""
        return self._rules

    def records(self, people: Sequence[Identifier], known: Sequence[Identifier] = ()) -> Iterator[Record]:
        """What the records carry that these lead to, whoever's they are.

        Args:
            known: by what else the person is known: one of these in other letters, which tell nothing, is it.

        Raises:
            LinkedSystemUnavailable: the database does not answer.
        """
        if not self._leading.may_lead(people):
            return
        with self._connected(lately=True) as (connection, tables):
            yield from self._leading.asked(connection, tables, people, known)

    def leads(self, people: Sequence[Identifier]) -> list[Identifier]:
        """By what else these people are known, as rows of theirs say: identifiers, and keys that lead on."""
        return Belonging(self._rules, people).take(self.records(people))

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What a request of this kind would do here; changes nothing."""
        return self._planned(kind, people)[0]

    def _planned(self, kind: Kind, people: Sequence[Identifier], *, reads: bool = False) -> tuple[SystemPlan, Dataset]:
        """The plan, and the description by which it was made: what is done then is what the plan says.

        Args:
            reads: whether what an access gives out is read, and not only counted.
        """
        with self._connected(self._engine if reads else None) as (connection, tables):
            undecided = [(one.table, one.field) for one in self._findings(tables)]
            if reads and not undecided:
                self._leading.require_nothing_new(connection, tables, people)
            selecting = Selecting(connection, people, self._rules)
            self._leading.require_no_others(connection, tables, selecting)
            standing = self._standing(connection, tables, selecting)
            here = list(described_of(standing, tables))
            there = self._counted(connection, here, selecting, reads=reads and not undecided)
            others = {described.name: selecting.others(table, described) for described, table in here}
            erases = EFFECTS[kind] is Effect.ERASE
            pointing = {one.name: mentions.others(connection, one, table, selecting) for one, table in here if erases}
            accounts: list[FieldAccount] = []
            for name, described in standing.tables.items():
                rows = pointing.get(name, {})
                told = accounts_of(self.name, kind, described, there.get(name, 0), others.get(name, 0))
                accounts += (mentions.accounted(described, one, rows.get(one.field, 0)) for one in told)
        categories = {(one.table, one.name): one.category for one in self._dataset.fields if one.category is not None}
        traits = {(one.table, one.name): one.trait for one in self._dataset.fields if one.trait is not None}
        return SystemPlan(self.name, accounts, undecided, categories=categories, traits=traits), standing

    def _counted(
        self, connection: sa.Connection, here: Sequence[tuple[Table, sa.Table]], selecting: Selecting, *, reads: bool
    ) -> dict[str, int]:
        """How many rows of the person's each table has: what is read is counted by that, the others in one message."""
        rows = {
            described.name: require_writable(self._given(connection, described, table, selecting), self._at(described))
            for described, table in here
            if reads and described.given_out
        }
        silent = {table: selecting.own(table, described) for described, table in here if described.name not in rows}
        return rows | {str(table.name): found for table, found in counts(connection, silent).items()}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(table, row) of everything that an access gives out; many are streamed from the server.

        Raises:
            LinkedSystemUnavailable: the database does not answer, or lacks something that is described.
        """
        with self._connected(self._engine, lately=True) as (connection, tables):  # a stream lives in a transaction
            if not is_whole(self._dataset, tables):
                raise LinkedSystemUnavailable(
                    f"{self.name}: what is described is not all there", hint="registry connectors check says what"
                )
            self._leading.require_nothing_new(connection, tables, people)
            selecting = Selecting(connection, people, self._rules)
            self._leading.require_no_others(connection, tables, selecting)
            for described, table in described_of(self._dataset, tables):
                for row in self._given(connection, described, table, selecting):
                    yield described.name, row

    def _given(
        self, connection: sa.Connection, described: Table, table: sa.Table, selecting: Selecting
    ) -> Iterator[dict[str, Any]]:
        for where in conditions(table, selecting.own(table, described)) if described.given_out else ():
            yield from given(connection, self._at(described), where, described.given_out)

    def _at(self, described: Table) -> str:
        return f"{self.name}.{described.name}"

    def run(
        self,
        request_id: str,  # noqa: ARG002 - what is done here is the same for whichever request
        kind: Kind,
        people: Sequence[Identifier],
        corrections: Mapping[str, object],
    ) -> Sequence[FieldAccount]:
        """Do it, in one transaction; every row counted, and looked at again before it is committed.

        Raises:
            LinkedSystemUnavailable: the database does not answer, a field is undecided, or the counts do not
                agree; everything is rolled back.
        """
        # Of what gives out, the package is written later: what could not stand in it is found out now.
        planned, standing = self._planned(kind, people, reads=EFFECTS[kind] is Effect.GIVE)
        if planned.undecided:
            raise LinkedSystemUnavailable(
                f"{self.name}: fields that nobody has decided on: {named_few(planned.undecided)}",
                hint="declare them in the system's file: registry connectors check says why of each",
            )
        match EFFECTS[kind]:
            case Effect.ERASE:
                return self._erased(planned.accounts, standing, people)
            case Effect.CORRECT:
                return self._corrected(kind, people, corrections, planned.others)
            case Effect.GIVE | Effect.RECORD:
                pass
        return planned.accounts

    def _erased(
        self, planned: Sequence[FieldAccount], standing: Dataset, people: Sequence[Identifier]
    ) -> list[FieldAccount]:
        """Erase, and account for the rows that there were then: some may have come, or gone, since it was planned."""
        with reached(self.name), for_erasures(self._engine).begin() as connection:
            tables = self._catalogue.tables(connection)
            rows = erase(
                connection, standing, tables, people, self._rules, lambda: self._leading.new(connection, tables, people)
            )
        return [account._replace(rows=rows.get(account.table, account.rows)) for account in planned]

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """After an erasure: rows that still are, or name, the person, in any table that the database has."""
        if EFFECTS[kind] is not Effect.ERASE:
            return {}
        with self._connected() as (connection, tables):
            selecting = Selecting(connection, people, self._rules)
            standing = self._standing(connection, tables, selecting)
            own = {name: tables[name] for name in tables.keys() - self._of_others()}
            found = looking.remaining(connection, standing, own, people, self._rules)
            for described, table in described_of(standing, tables):
                for name, rows in mentions.left(connection, described, table, selecting).items():
                    place = f"{described.name}.{name}"
                    found[place] = max(found.get(place, 0), rows)
            return found

    def looked_for_where_described(self, people: Sequence[Identifier]) -> list[str]:
        """Kinds whose identifiers are too short to be told by text alone: the second look goes by the description."""
        return sorted({one.kind for one in people if not is_key(one) and not tells(one.value)})

    def _corrected(
        self,
        kind: Kind,
        people: Sequence[Identifier],
        corrections: Mapping[str, object],
        others: Mapping[str, int],
    ) -> list[FieldAccount]:
        """Write what the person corrected into the fields that hold those traits."""
        accounts: list[FieldAccount] = []
        with reached(self.name), self._engine.begin() as connection:
            tables, selecting = self._catalogue.tables(connection), Selecting(connection, people, self._rules)
            self._leading.require_nothing_new(connection, tables, people)
            self._leading.require_no_others(connection, tables, selecting)
            for described, table in described_of(self._dataset, tables):
                new: dict[str, Any] = {}
                for name, field in described.fields.items():
                    if field.trait is not None and field.trait in corrections:
                        new[name] = self._taken(table.c[name], corrections[field.trait])
                rows = 0
                for where in conditions(table, selecting.own(table, described)):
                    rows += count(connection, table, where.bound)
                    if new:
                        changing.write(connection, self._at(described), table, where.bound, new)
                accounts += accounts_of(self.name, kind, described, rows, others.get(described.name, 0), written=new)
        return accounts

    def _standing(self, connection: sa.Connection, tables: Mapping[str, sa.Table], selecting: Selecting) -> Dataset:
        """The description as holds that stand on the person make it."""
        if not self.held:
            return self._dataset
        there = set(concerned(connection, described_of(self._dataset, tables), selecting))
        return keeping(self._dataset, tables, self.held, there)

    def _taken(self, column: sa.Column[Any], value: Any) -> Any:
        if value is None:
            return None
        taken = fitted(value, python_type(column))
        if taken is None:
            raise LinkedSystemUnavailable(f"{self.name}.{column.table.name}.{column.name} does not take such a value")
        return taken

    @contextmanager
    def _connected(
        self, engine: sa.Engine | None = None, *, lately: bool = False
    ) -> Iterator[tuple[sa.Connection, Mapping[str, sa.Table]]]:
        with reached(self.name), (engine or self._looking).connect() as connection:
            try:
                tables = self._catalogue.lately(connection) if lately else None
                if tables is None or not is_whole(self._dataset, tables):  # what was not there then may be by now
                    tables = self._catalogue.tables(connection)
                yield connection, tables
                connection.commit()  # of nothing: after a rollback the driver lets the server keep no statement
            except sa.exc.SQLAlchemyError:
                self._catalogue.forget()
                raise
