"""Writers of one process take turns in the order in which they came."""

from __future__ import annotations

import time
from threading import Thread

from registry.store.turns import Turns


def _until_waiting(turns: Turns, count: int) -> None:
    while turns.waiting < count:
        time.sleep(0.001)


def test_a_turn_goes_to_who_came_first_and_not_to_who_just_left() -> None:
    turns, order = Turns(), list[int]()

    def write(number: int) -> None:
        assert turns.take(60)
        order.append(number)
        turns.leave()

    assert turns.take(0)
    threads = []
    for number in range(5):
        threads.append(Thread(target=write, args=(number,)))
        threads[-1].start()
        _until_waiting(turns, number + 1)
    turns.leave()
    assert turns.take(60)  # whoever left stands at the end of the line
    order.append(99)
    turns.leave()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4, 99]


def test_who_gives_up_is_passed_over() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.leave()
    assert turns.take(0)
