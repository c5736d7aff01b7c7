"""A lock between processes: an advisory one of PostgreSQL, dropped with the connection that took it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

_NOT_IN_TIME = frozenset({"55P03", "57014"})
"""What PostgreSQL says when the lock was not had in time: by this wait, or by the role's own limit of a statement."""
_OF = "(hashtext('sole'), hashtext(:name))"


@contextmanager
def held_on_server(engine: Engine, name: str, within_s: float) -> Iterator[bool]:
    """Whether the lock of this name was had, for as long as the block lasts.

    Args:
        engine: of connections that nobody else uses afterwards.
        within_s: for how long it is waited for, on the one connection; 0 for not at all.
    """
    key = {"name": f"registry:{name}"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        if within_s <= 0:
            held = bool(own.execute(text(f"SELECT pg_try_advisory_lock{_OF}"), key).scalar())
        else:
            wait = {"within": f"{max(int(within_s * 1000), 1)}ms"}
            own.execute(text("SELECT set_config('lock_timeout', :within, false)"), wait)
            try:
                own.execute(text(f"SELECT pg_advisory_lock{_OF}"), key)
                held = True
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _NOT_IN_TIME:
                    raise
                held = False
        try:
            yield held
        finally:
            if held:
                own.execute(text(f"SELECT pg_advisory_unlock{_OF}"), key)
