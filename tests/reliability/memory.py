"""Searches the memory of a running process for bytes that should have left it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

CHUNK = 32 * 1024 * 1024


def copies(pid: int, secrets: Mapping[str, bytes]) -> dict[str, int]:
    """How often each of some secrets stands in a process's memory; those that do not are left out (proc(5))."""
    found: dict[str, int] = {}
    longest = max(map(len, secrets.values()))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for low, high in _readable(pid):
            for start in range(low, high, CHUNK):
                end = min(start + CHUNK + longest - 1, high)  # what lies across two chunks is seen in the first
                try:
                    memory.seek(start)
                    held = memory.read(end - start)
                except OSError:  # unmapped meanwhile
                    break
                for name, secret in secrets.items():
                    if count := held.count(secret):
                        found[name] = found.get(name, 0) + count
    return found


def _readable(pid: int) -> Iterator[tuple[int, int]]:
    """The address ranges that hold data of the process."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *_ = line.split()
        if rights.startswith("r") and not line.endswith(("[vvar]", "[vvar_vclock]", "[vsyscall]")):
            low, high = (int(address, 16) for address in place.split("-"))
            yield low, high
