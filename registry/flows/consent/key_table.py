"""Millions of 16-byte keys, each with a number, in 20 bytes a key: sorted arrays, and a dict of what came since.

A dict alone takes some 150 bytes a key. One is found in about a microsecond, many at once in a quarter of that each.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""The number of a key that is not there."""

FEW = 256
"""Keys that are rather fetched than counted again by halves."""

Numbers = NDArray[np.int32]
_Halves = NDArray[np.uint64]


class _Sorted:
    """Keys in their order, as two halves, and their numbers."""

    def __init__(self, high: _Halves, low: _Halves, numbers: Numbers) -> None:
        order = np.lexsort((low, high))
        self.high, self.low, self.numbers = high[order], low[order], numbers[order]
        self._runs = bool((self.high[1:] == self.high[:-1]).any())
        self._high, self._low = self.high.data, self.low.data  # whose items are Python's own numbers

    def before(self, key: bytes) -> int:
        """How many keys come before this one."""
        high, low = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:16], "big")
        start = bisect_left(self._high, high)
        if start == len(self._high) or self._high[start] != high:
            return start
        return bisect_left(self._low, low, start, bisect_right(self._high, high, start))

    def get(self, key: bytes) -> int:
        """The number of a key."""
        place = self.before(key)
        return int(self.numbers[place]) if place < len(self._high) and self.key(place) == key else NONE

    def places(self, high: _Halves, low: _Halves) -> NDArray[np.int64]:
        """Where each of many keys stands; `NONE` for those that are not there."""
        if not len(self.high):
            return np.full(len(high), NONE)
        place = np.searchsorted(self.high, high)
        if self._runs:  # ids of one moment have their first half in common
            end = np.searchsorted(self.high, high, "right")
            while (open_ := place < end).any():
                middle = (place + end) // 2
                less = self.low[np.where(open_, middle, 0)] < low
                place = np.where(open_ & less, middle + 1, place)
                end = np.where(open_ & ~less, middle, end)
        place[place == len(self.high)] = 0
        place[(self.high[place] != high) | (self.low[place] != low)] = NONE
        return place

    def key(self, place: int) -> bytes:
        """The key at a place."""
        return self._high[place].to_bytes(8, "big") + self._low[place].to_bytes(8, "big")


class KeyTable:
    """Keys and their numbers. Not safe between threads: who holds it locks."""

    def __init__(self) -> None:
        self._sorted = _sorted({})
        self._later: dict[bytes, int] = {}
        self._later_sorted: _Sorted | None = None

    @property
    def later(self) -> int:
        """How many keys came, or went, since the arrays were made."""
        return len(self._later)

    def get(self, key: bytes) -> int:
        """The number of a key."""
        found = self._later.get(key)
        return found if found is not None else self._sorted.get(key)

    def put(self, key: bytes, number: int) -> None:
        """Give a key a number, whether it was there or not; `NONE` takes it away."""
        self._later[key] = number
        self._later_sorted = None

    def get_many(self, keys: bytes) -> Numbers:
        """The numbers of keys that are written one after the other."""
        high, low = _halves(keys)
        place = self._sorted.places(high, low)
        found = np.full(len(place), NONE, np.int32)
        hit = place != NONE
        found[hit] = self._sorted.numbers[place[hit]]
        if self._later:
            if self._later_sorted is None:
                self._later_sorted = _sorted(self._later)
            place = self._later_sorted.places(high, low)
            hit = place != NONE
            found[hit] = self._later_sorted.numbers[place[hit]]
        return found

    def fold(self) -> None:
        """Put what came since into the arrays."""
        if not self._later:
            return
        high, low = _halves(b"".join(self._later))
        numbers = np.fromiter(self._later.values(), np.int32, len(self._later))
        stays, comes = np.ones(len(self._sorted.high), bool), numbers != NONE
        place = self._sorted.places(high, low)
        stays[place[place != NONE]] = False
        self._sorted = _Sorted(
            np.concatenate((self._sorted.high[stays], high[comes])),
            np.concatenate((self._sorted.low[stays], low[comes])),
            np.concatenate((self._sorted.numbers[stays], numbers[comes])),
        )
        self._later, self._later_sorted = {}, None

    def numbers_after(self, key: bytes) -> Numbers:
        """The numbers of all keys after one, in the order of the keys."""
        self.fold()
        start = self._sorted.before(key) if key else 0
        found = bool(key) and start < len(self._sorted.high) and self._sorted.key(start) == key
        return self._sorted.numbers[start + found :]

    def missing(
        self, count: Callable[[bytes, bytes], int], there: Callable[[bytes, bytes], Iterable[bytes]]
    ) -> list[bytes]:
        """The keys that are here and not in a store, which has no others: told by counting, in halves.

        Args:
            count: how many keys the store has from one key to another.
            there: which.
        """
        self.fold()
        rows, gone = self._sorted, list[bytes]()
        ranges = [(0, len(rows.high))] if len(rows.high) else []
        while ranges:
            start, end = ranges.pop()
            low, high = rows.key(start), rows.key(end - 1)
            if count(low, high) == end - start:
                continue
            if end - start <= FEW:
                gone += {rows.key(place) for place in range(start, end)}.difference(there(low, high))
            else:
                middle = (start + end) // 2
                ranges += [(start, middle), (middle, end)]
        return gone


def _sorted(keys: dict[bytes, int]) -> _Sorted:
    return _Sorted(*_halves(b"".join(keys)), np.fromiter(keys.values(), np.int32, len(keys)))


def _halves(keys: bytes) -> tuple[_Halves, _Halves]:
    pairs = np.frombuffer(keys, ">u8").reshape(-1, 2).astype(np.uint64)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
