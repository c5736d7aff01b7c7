"""Checkpoints: the text that is signed over a tree's size and root (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
from typing import NamedTuple

from registry.audit.tree import HASH_BYTES
from registry.model.errors import InvalidInput

LINES = 3
MAX_DIGITS = 20
"""Of a size: more than any log has entries."""


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
        InvalidInput: the text is no checkpoint, or not as `checkpoint_text` would spell it.
    """
    lines = text.split("\n")
    if len(lines) <= LINES or lines[-1]:
        raise InvalidInput("the note is not a checkpoint")
    try:
        stated = Checkpoint(lines[0], int(lines[1][:MAX_DIGITS]), base64.b64decode(lines[2], validate=True))
    except ValueError:
        raise InvalidInput("the note is not a checkpoint") from None
    spelt_so = checkpoint_text(stated).split("\n")[:LINES] == lines[:LINES]
    if not stated.origin or stated.size < 0 or len(stated.root) != HASH_BYTES or not spelt_so:
        raise InvalidInput("the note is not a checkpoint")
    return stated
