"""Bodies of answers from outside, bounded as they are once they are unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_PACKED_ONCE: tuple[list[str], ...] = ([], ["gzip"], ["deflate"])
"""What an answer may be packed by: each makes at most a thousand bytes of one."""


def bounded(response: httpx.Response, most: int) -> bytes | None:
    """The body of an answer that is being streamed; None where it is longer than that, or packed more than once, by
    which a few KiB would fill the memory before anybody could count.
    """
    told = response.headers.get("content-encoding", "").lower().split(",")
    if [one.strip() for one in told if one.strip() not in ("", "identity")] not in _PACKED_ONCE:
        return None
    read = bytearray()
    for chunk in response.iter_bytes():
        read += chunk
        if len(read) > most:
            return None
    return bytes(read)
