"""The bits of one base64url segment of a consent string, read from the front and to the end."""

from __future__ import annotations

import re

from registry.model.errors import InvalidInput

MAX_CHARS = 8192
"""Of a whole consent string: four times what one with every vendor there is takes."""

PADDING_BITS = 24
"""Encoders fill up to whole characters and whole bytes: fewer bits than these may follow, all zero."""

Ranges = tuple[tuple[int, int], ...]
"""Ids as ascending ranges that do not touch each other, both ends included."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BITS_OF = {character: f"{value:06b}" for value, character in enumerate(_ALPHABET)}
_FIBONACCI = [1, 2]
while len(_FIBONACCI) < 24:
    _FIBONACCI.append(_FIBONACCI[-1] + _FIBONACCI[-2])


class Bits:
    """A reader of one segment; `name` stands in for it in errors, which never hold the string itself."""

    __slots__ = ("_at", "_bits", "name")

    def __init__(self, segment: str, name: str) -> None:
        try:
            self._bits = "".join([_BITS_OF[character] for character in segment])
        except KeyError:
            raise InvalidInput(f"{name}: a character is not base64url") from None
        self._at = 0
        self.name = name

    def take(self, count: int) -> str:
        """The next bits as `0` and `1`.

        Raises:
            InvalidInput: the segment ends before.
        """
        end = self._at + count
        if end > len(self._bits):
            raise InvalidInput(f"{self.name}: cut off")
        taken, self._at = self._bits[self._at : end], end
        return taken

    def number(self, count: int) -> int:
        """The next bits as an unsigned number, the highest bit first."""
        return int(self.take(count), 2)

    def flag(self) -> bool:
        """The next bit."""
        return self.take(1) == "1"

    def letters(self) -> str:
        """Two letters of six bits each, A being 0."""
        numbers = self.number(6), self.number(6)
        if max(numbers) > 25:
            raise InvalidInput(f"{self.name}: a letter lies beyond Z")
        return "".join(chr(ord("A") + number) for number in numbers)

    def numbered(self, count: int) -> frozenset[int]:
        """The places, counted from 1, of the set ones among the next bits."""
        return frozenset(place for place, bit in enumerate(self.take(count), 1) if bit == "1")

    def ids(self) -> Ranges:
        """Vendor ids as TCF writes them: the highest one, then a bit for each or a list of ranges."""
        highest = self.number(16)
        if self.flag():
            return self.ranges(highest)
        return tuple((found.start() + 1, found.end()) for found in re.finditer("1+", self.take(highest)))

    def ranges(self, highest: int = 0xFFFF) -> Ranges:
        """A list of single ids and ranges of them.

        Raises:
            InvalidInput: they do not ascend, or go beyond the highest: two readers could take them differently.
        """
        found: list[tuple[int, int]] = []
        last = 0
        for _ in range(self.number(12)):
            pair = self.flag()
            start = self.number(16)
            end = self.number(16) if pair else start
            if not last < start <= end <= highest:
                raise InvalidInput(f"{self.name}: ids do not ascend, or lie beyond the highest one")
            found.append((start, end))
            last = end
        return tuple(found)

    def fibonacci(self) -> int:
        """A number in Fibonacci coding, which two set bits end."""
        bits = ""
        while not bits.endswith("11"):
            if len(bits) > len(_FIBONACCI):
                raise InvalidInput(f"{self.name}: a number is too large")
            bits += self.take(1)
        return sum(value for value, bit in zip(_FIBONACCI, bits[:-1], strict=False) if bit == "1")

    def end(self) -> None:
        """Make sure that nothing but padding is left.

        Raises:
            InvalidInput: set bits, or more than padding, follow: it was made for another layout.
        """
        rest = self._bits[self._at :]
        if "1" in rest or len(rest) >= PADDING_BITS:
            raise InvalidInput(f"{self.name}: more follows than its layout has")
