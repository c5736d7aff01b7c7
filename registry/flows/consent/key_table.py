"""Millions of 16-byte keys, each with a number, in 20 to 24 bytes a key: sorted arrays, and a dict of what came since.

A dict alone takes some 150 bytes a key. One is found in a few microseconds, many at once in a tenth of that each.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from struct import Struct

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""The number of a key that is not there."""

FEW = 256
"""Keys that are rather fetched than counted again by halves."""

MOST_ALIKE = 32
"""Keys whose first bits are the same, as many of them as tell all keys apart, that are still called evenly spread: of
millions of hashes no more than a dozen are."""

_TWO = Struct(">QQ")

Numbers = NDArray[np.int32]
_Halves = NDArray[np.uint64]


class _Sorted:
    """Keys in their order, as two halves, and their numbers.

    Hashes are spread evenly, so that their first bits tell nearly where one stands: `_starts` says where the keys that
    begin so begin. Ids of one time have their first bits in common, and are looked for by halves.
    """

    def __init__(self, high: _Halves, low: _Halves, numbers: Numbers) -> None:
        order = np.lexsort((low, high))
        self.high, self.low, self.numbers = high[order], low[order], numbers[order]
        self._runs = bool((self.high[1:] == self.high[:-1]).any())
        self._shift = 65 - len(high).bit_length()  # one or two keys a beginning
        self._starts = _starts(self.high, self._shift)
        # Their items are Python's own numbers.
        self._high, self._low, self._numbers = self.high.data, self.low.data, self.numbers.data
        self._first = self._starts.data if self._starts is not None else None

    def before(self, key: bytes) -> int:
        """How many keys come before this one."""
        return self._place(*_TWO.unpack(key))

    def get(self, key: bytes) -> int:
        """The number of a key."""
        high, low = _TWO.unpack(key)
        place = self._place(high, low)
        if place < len(self._high) and self._high[place] == high and self._low[place] == low:
            return self._numbers[place]
        return NONE

    def places(self, high: _Halves, low: _Halves) -> NDArray[np.int64]:
        """Where each of many keys stands; `NONE` for those that are not there."""
        if not len(self.high):
            return np.full(len(high), NONE)
        if self._starts is not None:
            bucket = (high >> np.uint64(self._shift)).astype(np.int64)
            place, end = self._starts[bucket].astype(np.int64), self._starts[bucket + 1].astype(np.int64)
        else:
            place = np.searchsorted(self.high, high)
            end = np.searchsorted(self.high, high, "right") if self._runs else place
        while (open_ := place < end).any():
            middle = np.where(open_, (place + end) // 2, 0)
            there = self.high[middle]
            less = (there < high) | ((there == high) & (self.low[middle] < low))
            place = np.where(open_ & less, middle + 1, place)
            end = np.where(open_ & ~less, middle, end)
        place[place == len(self.high)] = 0
        place[(self.high[place] != high) | (self.low[place] != low)] = NONE
        return place

    def key(self, place: int) -> bytes:
        """The key at a place."""
        return _TWO.pack(self._high[place], self._low[place])

    def _place(self, high: int, low: int) -> int:
        start, end = 0, len(self._high)
        if self._first is not None:
            bucket = high >> self._shift
            start, end = self._first[bucket], self._first[bucket + 1]
        place = bisect_left(self._high, high, start, end)
        if place == end or self._high[place] != high:
            return place
        return bisect_left(
            self._low, low, place, bisect_right(self._high, high, place, end) if self._runs else place + 1
        )


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


def _starts(high: _Halves, shift: int) -> NDArray[np.int32] | None:
    """Where the keys of each beginning start, and where all end; None where many begin alike, or there are but few."""
    if len(high) < FEW:
        return None
    counts = np.bincount((high >> np.uint64(shift)).astype(np.int64), minlength=1 << (64 - shift))
    if counts.max() > MOST_ALIKE:
        return None
    return np.concatenate((np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)))


def _halves(keys: bytes) -> tuple[_Halves, _Halves]:
    pairs = np.frombuffer(keys, ">u8").reshape(-1, 2).astype(np.uint64)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
