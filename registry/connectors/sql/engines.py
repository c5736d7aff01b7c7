"""Engines for databases outside: nobody is waited for without end, and what a driver raises holds no value."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InvalidatePoolError

from registry.connectors.sql.standing import psycopg_reads, sqlite_text
from registry.model.errors import REFUSED, LinkedSystemUnavailable, RegistryError, SettingInvalid

CONNECT_S = 10
ANSWER_S = 300
"""Within which a server has to answer a statement: a search through every text of a large table takes a while."""
RECYCLE_S = 1800

IDLE_S = 0.25
"""For which a connection may have lain unused, and still counts as alive."""
_USED = "used"

KEPT = "kept"
"""The execution option of a statement that a PostgreSQL server keeps, planned, as long as a connection lives."""

SILENT_S = 60
"""After which a server that does not even confirm what it was sent counts as gone."""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "psycopg": {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": SILENT_S * 1000,
        "keepalives_idle": SILENT_S,
        "keepalives_interval": CONNECT_S,
        "keepalives_count": 3,
    },
    "pymysql": {"connect_timeout": CONNECT_S, "read_timeout": ANSWER_S, "write_timeout": ANSWER_S},
}


def opened(url: str, url_env: str) -> sa.Engine:
    """The engine of a URL; it connects when first used, and again after the server was away.

    Args:
        url_env: the variable of the environment that holds it, for errors.

    Raises:
        SettingInvalid: it is none, or its driver is not installed; what was wrong may be a part of the password.
    """
    try:
        made = sa.make_url(url)
        arguments = {
            name: value for name, value in _ARGUMENTS.get(made.get_driver_name(), {}).items() if name not in made.query
        }
        engine = sa.create_engine(made, hide_parameters=True, pool_recycle=RECYCLE_S, connect_args=arguments)
    except Exception as error:  # noqa: BLE001 - each part of SQLAlchemy has errors of its own for it
        raise SettingInvalid(
            f"{url_env} is no address of a database that can be used ({type(error).__name__})",
            hint="a SQLAlchemy URL, the signs :/@%? in its password percent-encoded, whose driver is installed",
            pointer=url_env,
        ) from None
    _ask_whether_it_lives(engine)
    if engine.driver == "psycopg":
        sa.event.listen(engine, "connect", _psycopg)
        sa.event.listen(engine, "do_execute", _kept)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _ask_whether_it_lives(engine: sa.Engine) -> None:
    """Ask a connection that lay idle before it is used, as SQLAlchemy's `pool_pre_ping` asks each.

    A look follows the last within a millisecond, and the message to ask takes as long as a small statement.
    """

    def note(_: Any, record: Any) -> None:
        record.info[_USED] = monotonic()

    def ask(connection: Any, record: Any, _: Any) -> None:
        used = record.info.get(_USED)  # of none that has just been made
        if used is None or monotonic() - used < IDLE_S:
            return
        try:
            lives = engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            lives = False
        if not lives:
            raise InvalidatePoolError

    sa.event.listen(engine, "checkin", note)
    sa.event.listen(engine, "checkout", ask)


def _sqlite(connection: Any, _: Any) -> None:
    """References hold, as on every other engine, a transaction begins where it says, and what is deleted is gone."""
    connection.isolation_level = None
    connection.text_factory = sqlite_text
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")


def _psycopg(connection: Any, _: Any) -> None:
    """Values are read as they stand, and no statement waits without end, unless the address says how long.

    The driver lets the server keep no statement by itself: one that reads a table fails once a column is widened.
    """
    psycopg_reads(connection)
    connection.prepare_threshold = sys.maxsize
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT set_config('statement_timeout', '{ANSWER_S}s', false) "
            "WHERE current_setting('statement_timeout') = '0'"
        )
    connection.commit()


def _kept(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Run what the server is to keep; False of everything else, which is run as always."""
    if not context.execution_options.get(KEPT):
        return False
    cursor.execute(statement, parameters, prepare=True)
    return True


def for_looks(engine: sa.Engine) -> sa.Engine:
    """The same connections, for looks that need no transaction around them.

    On PostgreSQL each statement of a transaction sees what is committed by then anyway: it saves two messages a look.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "postgresql" else engine


def for_erasures(engine: sa.Engine) -> sa.Engine:
    """The same connections, for a transaction that sees what stood there when it began, and what it wrote itself.

    So what turns up on the way was written by a trigger, and not by a shop that is open, of which more had to be asked.
    """
    if engine.dialect.name not in ("postgresql", "mysql", "mariadb"):  # SQLite's see nothing else anyway
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def reached(name: str) -> Iterator[None]:
    """Turn what a driver raises, whose text may hold values, into an error without any.

    Raises:
        LinkedSystemUnavailable: for whatever the database, or the way to it, did.
    """
    try:
        yield
    except RegistryError:
        raise
    except IntegrityError:
        raise LinkedSystemUnavailable(
            f"{name}: a constraint of the database refused it, and it was rolled back",
            hint="registry connectors check; rows that stay may refer to rows that go",
            extra={REFUSED: True},
        ) from None
    except Exception as error:  # noqa: BLE001 - drivers raise more than SQLAlchemy knows of
        raise LinkedSystemUnavailable(f"{name}: the database failed ({type(error).__name__})") from None
