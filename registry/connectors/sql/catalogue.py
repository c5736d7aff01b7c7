"""What stands in a database: its tables as they are now, read again whenever anything about them changed."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SAWarning

from registry.connectors.datasets import Dataset, Table
from registry.connectors.sql.columns import ANYTHING, AS_GIVEN, CHARSET, COLLATED, LARGE, LOOKED_THROUGH, UNKNOWN
from registry.connectors.sql.dictionary import (
    BESIDE,
    DOMAINS,
    FINGERPRINTS,
    FOREIGN,
    KINDS,
    LARGE_OBJECTS,
    MARIADB_CHARSETS,
    MARIADB_COLUMNS,
    MARIADB_JSON,
    MARIADB_REFERENCES,
    PARTIAL,
    PARTITIONS,
    REFERRED_FROM,
    REFERRING,
    SCHEMAS,
    SQLITE_COLLATED,
    SQLITE_DECLARED,
    SQLITE_UNIQUE,
    UNREAD,
)
from registry.connectors.sql.engines import KEPT

_MAKING = ("INT", "CHAR", "CLOB", "TEXT")
"""What in the name of a type lets SQLite make a number, or a text, of what is written."""


class Catalogue:
    """The tables of one database, by name. Safe to share between threads.

    Args:
        schema: the database's schema, where it is not the connection's own.
        views: the views that are described; others are only other ways to read the tables.
    """

    def __init__(self, schema: str | None, views: Collection[str]) -> None:
        self._schema = schema
        self._views = frozenset(views)
        self._lock = Lock()
        self._known: tuple[object, Mapping[str, sa.Table]] | None = None

    def lately(self, connection: sa.Connection) -> Mapping[str, sa.Table]:
        """Every table as it was when it was last looked at: enough to read by, since what is gone fails."""
        known = self.known
        return known if known is not None else self.tables(connection)

    @property
    def known(self) -> Mapping[str, sa.Table] | None:
        """Every table as it was when it was last looked at; None if none was."""
        with self._lock:
            return self._known[1] if self._known is not None else None

    def forget(self) -> None:
        """Look at every table anew before it is read again."""
        with self._lock:
            self._known = None

    def tables(self, connection: sa.Connection) -> Mapping[str, sa.Table]:
        """Every table, materialised view and described view, as it is now."""
        fingerprint = self._fingerprint(connection)
        with self._lock:
            if self._known is not None and fingerprint is not None and self._known[0] == fingerprint:
                return self._known[1]
        found = self._read(connection)
        with self._lock:
            self._known = (fingerprint, found)
        return found

    def _fingerprint(self, connection: sa.Connection) -> object:
        """What is equal as long as the tables are; None on an engine that has no such thing."""
        query = FINGERPRINTS.get(connection.dialect.name)
        if query is None:
            return None
        named: dict[str, Any] = {"schema": self._schema} if ":schema" in query else {}
        return connection.execute(_kept(query), named).all()

    def _read(self, connection: sa.Connection) -> Mapping[str, sa.Table]:
        inspector, metadata = sa.inspect(connection), sa.MetaData()
        foreign, partitions = list[str](), set[str]()
        names = set(inspector.get_table_names(self._schema))
        if connection.dialect.name == "postgresql":
            names |= set(inspector.get_materialized_view_names(self._schema))
            partitions = set(connection.execute(sa.text(PARTITIONS), {"schema": self._schema}).scalars())
            foreign = list(connection.execute(sa.text(FOREIGN), {"schema": self._schema}).scalars())
        names |= self._views & set(inspector.get_view_names(self._schema))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of types that SQLAlchemy does not know: they are read as text
            metadata.reflect(connection, self._schema, views=True, only=sorted(names - partitions))
            for name in foreign:  # of another database, which this one shows as its own
                sa.Table(name, metadata, autoload_with=connection, schema=self._schema)
        if partitions:
            _without_partial(metadata, connection.execute(sa.text(PARTIAL), {"schema": self._schema}).all())
        if connection.dialect.name == "sqlite":  # SQLAlchemy does not see every constraint that stands at a column
            for table, column in connection.exec_driver_sql(SQLITE_UNIQUE):
                if table in metadata.tables and column in metadata.tables[table].c:
                    metadata.tables[table].c[column].info["unique"] = True
            _note_anything(metadata, connection.exec_driver_sql(SQLITE_DECLARED).all())
        _settle_json(connection, self._schema, metadata.tables.values())
        if connection.dialect.name in ("mysql", "mariadb"):
            named = connection.execute(sa.text(MARIADB_COLUMNS), {"schema": self._schema}).all()
            metadata.info[UNREAD] = _unread(metadata, named)
            _add_references(metadata, connection.execute(sa.text(MARIADB_REFERENCES), {"schema": self._schema}).all())
            _note_charsets(metadata, connection.execute(sa.text(MARIADB_CHARSETS), {"schema": self._schema}).all())
        _note_collations(connection, metadata.tables.values())
        self._note_kinds(connection, metadata)
        has_large = connection.dialect.name == "postgresql" and connection.execute(sa.text(LARGE_OBJECTS)).scalar_one()
        if connection.dialect.name == "postgresql":
            _settle_domains(metadata, connection.execute(sa.text(DOMAINS), {"schema": self._schema}).all())
        for column in (column for table in metadata.tables.values() for column in table.c):
            if has_large and isinstance(column.type, postgresql.OID):
                column.info[LARGE] = True
            elif isinstance(column.type, sa.types.NullType) and connection.dialect.name in ("mysql", "mariadb"):
                column.info["concatenated"] = True  # a place on a map is no text to CAST, and is one to concat
        here = (one for one in metadata.tables.values() if one.schema == self._schema)
        return {str(one.name): one for one in here if one.name not in partitions}

    def _note_kinds(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        """Note what the tables themselves do not say: of which kind they are, and where a type is not known."""
        if connection.dialect.name != "sqlite":  # there a column may be of no type
            for column in (column for table in metadata.tables.values() for column in table.columns):
                if isinstance(column.type, sa.types.NullType):
                    column.info[UNKNOWN] = True
        here = {one.name: one for one in metadata.tables.values() if one.schema == self._schema}
        asked = connection.dialect.name
        beside = self._told(connection, SCHEMAS if asked == "postgresql" else None)
        metadata.info[BESIDE] = [(name, None if is_own else name) for name, is_own in beside]
        for name, kind in self._told(connection, KINDS.get(asked)):
            if name in here:
                here[name].info[kind] = True
        for name, schema, table in self._told(connection, REFERRING.get(asked)):
            if name in here:
                here[name].info.setdefault(REFERRED_FROM, []).append((schema, table))

    def _told(self, connection: sa.Connection, question: str | None) -> Sequence[Any]:
        return connection.execute(sa.text(question), {"schema": self._schema}).all() if question is not None else []


@cache
def _kept(query: str) -> sa.TextClause:
    """A statement that PostgreSQL plans once for a connection: that takes it four times as long as to answer."""
    return sa.text(query).execution_options(**{KEPT: True})


def _without_partial(metadata: sa.MetaData, partial: Sequence[Any]) -> None:
    """Leave out what a reference to a partitioned table becomes beside itself: one to each partition of it."""
    named = {(table, name) for table, name in partial}
    for table in metadata.tables.values():
        for key in [one for one in table.foreign_key_constraints if (table.name, one.name) in named]:
            table.constraints.discard(key)
            for element in key.elements:
                table.foreign_keys.discard(element)
                element.parent.foreign_keys.discard(element)


def _unread(metadata: sa.MetaData, named: Iterable[Any]) -> list[tuple[str, str]]:
    """What SQLAlchemy does not read of how MariaDB shows a table: columns with a line end or a backtick in the name."""
    known = {(one.name, column.name) for one in metadata.tables.values() for column in one.columns}
    return [(table, column) for table, column in named if (table, column) not in known]


def _add_references(metadata: sa.MetaData, told: Sequence[Any]) -> None:
    """Add what SQLAlchemy does not read of how MariaDB shows a table: references by names with a bracket."""
    tables = {one.name: one for one in metadata.tables.values()}
    for (name, table), rows in groupby(told, key=lambda row: (row[0], row[1])):
        columns = list(rows)
        *_, schema, there, _, rule = columns[0]
        ends = [(table, row[2]) for row in columns] + [(there, row[5]) for row in columns if schema is None]
        if any(one not in tables or column not in tables[one].c for one, column in ends):  # which is a finding
            continue
        if name in {key.name for key in tables[table].foreign_key_constraints}:
            continue
        place = f"{schema}.{there}" if schema is not None else there
        key = sa.ForeignKeyConstraint(
            [row[2] for row in columns], [f"{place}.{row[5]}" for row in columns], name=name, ondelete=rule
        )
        tables[table].append_constraint(key)


def _settle_json(connection: sa.Connection, schema: str | None, tables: Collection[sa.Table]) -> None:
    """Nothing in a JSON column is null, not JSON's null; MariaDB's are texts that a check holds to be JSON."""
    texts: set[tuple[str, str]] = set()
    if getattr(connection.dialect, "is_mariadb", False):
        texts = {(table, column) for table, column in connection.execute(sa.text(MARIADB_JSON), {"schema": schema})}
    for column in (column for table in tables for column in table.columns):
        if (column.table.name, f"json_valid(`{column.name}`)") in texts:
            column.type = sa.JSON(none_as_null=True)
        elif isinstance(column.type, sa.JSON):
            column.type.none_as_null = True


def _settle_domains(metadata: sa.MetaData, lengths: Iterable[Any]) -> None:
    """The values of a domain are those of the type that it, or the domain that it narrows itself, narrows."""
    most = {(table, name): length for table, name, length in lengths}
    for column in (column for table in metadata.tables.values() for column in table.columns):
        while isinstance(column.type, postgresql.DOMAIN):
            column.nullable = bool(column.nullable and not column.type.not_null)
            column.type = column.type.data_type
            if isinstance(column.type, sa.String) and not isinstance(column.type, sa.Enum):
                column.type.length = most.get((column.table.name, column.name))


def _note_anything(metadata: sa.MetaData, declared: Iterable[Any]) -> None:
    """Note columns of SQLite whose type says little of what stands there: `STRING` and `UUID`, which it takes for names
    of numbers, are of no type.
    """
    for table, name, kind in declared:
        column = metadata.tables[table].c.get(name) if table in metadata.tables else None
        if column is None:
            continue
        if kind.upper() in ("", "ANY") or ("BLOB" in kind.upper() and not any(one in kind.upper() for one in _MAKING)):
            column.info[AS_GIVEN] = True
        if type(column.type) is sa.NUMERIC and not kind.upper().startswith("NUMERIC"):
            column.type = sa.types.NullType()
        elif not isinstance(column.type, sa.String | sa.Boolean | sa.JSON | sa.types.NullType):
            column.info[ANYTHING] = True


def _note_charsets(metadata: sa.MetaData, told: Iterable[Any]) -> None:
    """Note texts of MariaDB that are in another character set than those that it is asked with."""
    columns = {(one.name, column.name): column for one in metadata.tables.values() for column in one.columns}
    for table, name, charset in told:
        if (table, name) in columns:
            columns[table, name].info[CHARSET] = charset


def _note_collations(connection: sa.Connection, tables: Collection[sa.Table]) -> None:
    """Note texts that a collation of their own compares: PostgreSQL says which, SQLite in which tables some may be."""
    if connection.dialect.name == "postgresql":
        for column in (column for table in tables for column in table.columns):
            kind = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
            if isinstance(kind, sa.String | postgresql.DOMAIN) and kind.collation not in (None, "default"):
                column.info[COLLATED] = column.info[LOOKED_THROUGH] = "C"
            elif isinstance(kind, sa.types.NullType):  # whose collation, if it has one, nobody says
                column.info[LOOKED_THROUGH] = "C"
    elif connection.dialect.name == "sqlite":
        named = set(connection.exec_driver_sql(SQLITE_COLLATED).scalars())
        for column in (column for table in tables if table.name in named for column in table.columns):
            if isinstance(column.type, sa.String | sa.types.NullType):
                column.info[COLLATED] = "BINARY"


def described_of(dataset: Dataset, tables: Mapping[str, sa.Table]) -> Iterator[tuple[Table, sa.Table]]:
    """The described tables that are there with all that is described of them; the others are findings."""
    for name, described in dataset.tables.items():
        table = tables.get(name)
        if table is not None and all(column in table.c for column in described.fields):
            yield described, table


def is_whole(dataset: Dataset, tables: Mapping[str, sa.Table]) -> bool:
    """Whether all that is described is there."""
    return sum(1 for _ in described_of(dataset, tables)) == len(dataset.tables)
