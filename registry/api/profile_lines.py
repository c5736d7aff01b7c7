"""Profile references as NDJSON by the million: from ids to lines and back, whole pages at a time.

The one form of a line is that in which a list writes it; what is written otherwise is read one line after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LINE = b'{"profile_id":"00000000-0000-0000-0000-000000000000"}\n'
_TEXT = LINE.index(b"0")
_LENGTH = 36
_DIGITS = ((0, 8, 0), (9, 13, 8), (14, 18, 12), (19, 23, 16), (24, 36, 20))
"""Parts of the text of a UUID (RFC 9562): from and to, and which hexadecimal digit each begins with."""


def texts_of(ids: bytes) -> NDArray[np.bytes_]:
    """The text of each 16-byte id, as `text_id` writes it."""
    import numpy as np

    rows = np.full((len(ids) // 16, _LENGTH), ord("-"), np.uint8)
    _write(ids, rows)
    return rows.view(f"S{_LENGTH}")[:, 0]


def lines_of(ids: bytes) -> bytes:
    """A line for each 16-byte id."""
    import numpy as np

    rows = np.tile(np.frombuffer(LINE, np.uint8), (len(ids) // 16, 1))
    _write(ids, rows[:, _TEXT : _TEXT + _LENGTH])
    return rows.tobytes()


def ids_of(lines: bytes) -> bytes | None:
    """The ids of lines of that one form; None where a line is of another."""
    import numpy as np

    if len(lines) % len(LINE) or not lines.startswith(LINE[:_TEXT]):
        return None
    rows = _rows(lines)
    digits = np.empty((len(rows), 32), np.uint8)
    for start, end, first in _DIGITS:
        digits[:, first : first + end - start] = rows[:, _TEXT + start : _TEXT + end]
    try:
        ids = bytes.fromhex(digits.tobytes().decode("ascii"))
    except ValueError:
        return None
    return ids if lines_of(ids) == lines else None


def chosen(lines: bytes, flags: bytes) -> bytes:
    """The lines of that form whose flag is 1, a byte each."""
    import numpy as np

    kept: Any = _rows(lines)[np.frombuffer(flags, bool)]
    return bytes(kept.tobytes())


def _write(ids: bytes, texts: NDArray[np.uint8]) -> None:
    """Put the digits of ids into texts, a row each."""
    import numpy as np

    digits = np.frombuffer(ids.hex().encode(), np.uint8).reshape(-1, 32)
    for start, end, first in _DIGITS:
        texts[:, start:end] = digits[:, first : first + end - start]


def _rows(lines: bytes) -> NDArray[np.uint8]:
    import numpy as np

    return np.frombuffer(lines, np.uint8).reshape(-1, len(LINE))
