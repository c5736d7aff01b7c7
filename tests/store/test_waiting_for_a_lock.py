"""Whoever waits for a lock between processes has it as soon as it is free, or is told no in time, by one connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from registry.model.errors import StoreUnavailable
from registry.store.database import Database

HELD_S = 0.5


@pytest.fixture
def databases(database_url: str) -> Iterator[tuple[Database, Database]]:
    one, other = Database(database_url), Database(database_url)
    yield one, other
    one.close()
    other.close()


def test_it_is_had_once_it_is_free(databases: tuple[Database, Database]) -> None:
    one, other = databases
    inside, had = threading.Event(), list[tuple[bool, float]]()

    def hold() -> None:
        with one.sole("a name") as alone:
            assert alone
            inside.set()
            time.sleep(HELD_S)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(10)
    connections = list[object]()
    event.listen(other._own, "connect", lambda connection, _: connections.append(connection))
    begun = time.monotonic()
    with other.sole("another name") as alone:
        assert alone
    with other.sole("a name") as alone:
        assert not alone, "nobody is waited for unless it is asked for"
    before = len(connections)
    with other.sole("a name", within_s=20) as alone:
        had.append((alone, time.monotonic() - begun))
        with one.sole("a name") as both:
            assert not both
    holder.join(10)
    assert had[0][0]
    assert had[0][1] < 10
    assert len(connections) - before <= 1
    with one.sole("a name") as alone:
        assert alone, "it is given back"


def test_it_is_not_had_while_it_is_held(databases: tuple[Database, Database]) -> None:
    one, other = databases
    with one.sole("a name") as alone:
        assert alone
        begun = time.monotonic()
        with other.sole("a name", within_s=0.3) as had:
            assert not had
        assert 0.25 < time.monotonic() - begun < 5
    with other.sole("a name", within_s=0.3) as had:
        assert had


def test_an_error_within_gives_it_back(databases: tuple[Database, Database]) -> None:
    one, other = databases
    with pytest.raises(StoreUnavailable), one.sole("a name", within_s=1):
        raise StoreUnavailable("by the way")
    with other.sole("a name") as had:
        assert had
