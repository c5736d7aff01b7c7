"""Checkpoints: the text that is signed over a tree's size and root (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from registry.audit.tree import HASH_BYTES
from registry.model.errors import InvalidInput


class Checkpoint(NamedTuple):
    """What an auditor keeps: `origin` names the log, `root` is its RFC 6962 root at `size` entries."""

    origin: str
    size: int
    root: bytes


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The three lines to be signed as a note."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text; further lines are extensions, and are passed over.

    Raises:
        InvalidInput: the text is no checkpoint.
    """
    lines = text.split("\n")
    try:
        origin, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    except (IndexError, binascii.Error):
        raise InvalidInput("the note is not a checkpoint") from None
    if not origin or not size.isascii() or not size.isdigit() or str(int(size)) != size or len(root) != HASH_BYTES:
        raise InvalidInput("the note is not a checkpoint")
    return Checkpoint(origin, int(size), root)
