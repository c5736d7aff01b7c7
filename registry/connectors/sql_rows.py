"""Rows of a database that SQLAlchemy reaches, one at a time, in the order of one column."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from registry.connectors.rows import Progress, Row
from registry.model.errors import InvalidInput

AT_ONCE = 1000
"""Rows that are fetched together."""


def of_database(url: str, *, table: str | None, query: str | None, order: str) -> tuple[Iterator[Row], Progress]:
    """The rows of a table or query, which is only read; and how far it is, which nobody knows.

    Args:
        url: SQLAlchemy's; never logged, and in no error.
        order: the column that names a row: read in its order, the rows come alike each time.

    Raises:
        InvalidInput: it cannot be reached or read. While the rows are read.
    """
    return _rows(url, table, query, order), lambda: (0, 0)


def _rows(url: str, table: str | None, query: str | None, order: str) -> Iterator[Row]:
    try:
        engine = sa.create_engine(url, hide_parameters=True)
    except (SQLAlchemyError, ImportError) as error:
        raise InvalidInput(f"the database's URL cannot be used ({type(error).__name__})") from None
    try:
        with engine.connect().execution_options(stream_results=True, yield_per=AT_ONCE) as connection:
            named = sa.table(table) if table is not None else sa.text(query or "").columns().subquery()
            chosen = sa.select(sa.text("*")).select_from(named).order_by(sa.column(order))
            for number, row in enumerate(connection.execute(chosen).mappings(), 1):
                yield Row(number, dict(row))
    except SQLAlchemyError as error:
        raise InvalidInput(
            f"the database cannot be read ({type(error).__name__})",
            hint="check the URL, the table or query, and the mapping's row_id",
        ) from None
    finally:
        engine.dispose()
