"""Semantic versions of plans, and the ranges that a source may be bound to.

A range is an exact version (`1.2.0`), a caret (`^1.2.0`: no breaking change), a tilde (`~1.2.0`: patches
only), `1.x` or `1.2.x`, or `*`. Plans have no pre-releases, so that five forms say everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_RANGE = re.compile(r"\*|[\^~]?[0-9.]+|[0-9]+\.x|[0-9]+\.[0-9]+\.x")


class Version(NamedTuple):
    """A semantic version (semver.org): ordered as numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that a text states.

        Raises:
            ValueError: it states none.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError("no version of three numbers")
        return cls(*(int(number) for number in match.groups()))

    def next_major(self) -> Version:
        """The first version that may break what kept this one."""
        return Version(self.major + 1, 0, 0)

    def next_minor(self) -> Version:
        """The first version that may add to this one."""
        return Version(self.major, self.minor + 1, 0)

    def next_patch(self) -> Version:
        """The next version after this one."""
        return Version(self.major, self.minor, self.patch + 1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def is_range(text: str) -> bool:
    """Whether a text is an exact version or a range of versions."""
    if not _RANGE.fullmatch(text):
        return False
    try:
        _bounds(text)
    except ValueError:
        return False
    return True


def is_exact(text: str) -> bool:
    """Whether a range allows one version only."""
    return _VERSION.fullmatch(text) is not None


def allows(range_: str, version: str) -> bool:
    """Whether a range allows a version; nothing is allowed by what is no range."""
    try:
        low, high = _bounds(range_)
        return low <= Version.parse(version) < high
    except ValueError:
        return False


def newest(range_: str, versions: Iterable[str]) -> str | None:
    """The newest of these versions that a range allows; None when it allows none of them."""
    return max((version for version in versions if allows(range_, version)), key=Version.parse, default=None)


def _bounds(range_: str) -> tuple[Version, Version]:
    """From (included) and to (not included)."""
    if range_ == "*":
        return Version(0, 0, 0), Version(10**9, 0, 0)
    if range_.endswith(".x"):
        low = Version.parse(range_.replace("x", "0") if range_.count(".") == 2 else f"{range_[:-1]}0.0")
        return low, low.next_major() if range_.count(".") == 1 else low.next_minor()
    low = Version.parse(range_.lstrip("^~"))
    if range_.startswith("~"):
        return low, low.next_minor()
    if range_.startswith("^"):  # below 1.0.0 a minor version may break (semver.org, section 4)
        return low, low.next_major() if low.major else low.next_minor()
    return low, low.next_patch()
