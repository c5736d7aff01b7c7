"""A request of access by Registry and by Fides, by turns, over the same tables of the same PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.access import CUSTOMERS, ROUNDS, WHAT, access, email, linked_shop
from benchmarks.peer import PEER, fides, server
from benchmarks.row import Row, in_turn

TARGET = "≤ 0.1"


def measure() -> Iterator[tuple[str, Row]]:
    """Each round another customer, of each; the first of each, who connects, is not counted.

    Customer 0 is left out: Fides finds no orders of a customer whose key is 0, and completes.
    """
    with server() as url, linked_shop(url) as opened, fides(url) as theirs:
        theirs(email(CUSTOMERS - 1))
        ours, people = iter(range(1, CUSTOMERS)), iter(range(1, CUSTOMERS))
        mine, peers = in_turn(ROUNDS, lambda: access(opened, next(ours)), lambda: theirs(email(next(people))))
        yield "access-peer", Row(mine, peers, "ms", 4, f"{WHAT}, against {PEER} by its own stamps", TARGET)
