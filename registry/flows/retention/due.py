"""What of a person's data is due to go."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId

FOREVER: Micros = 2**63 - 1


class Due(NamedTuple):
    """What of one compartment of one fragment is to go: everything, with its key, or what is older than `before`.

    The empty compartment is the bare trace of messages of which nothing was kept.
    """

    fragment_id: FragmentId
    compartment: str
    reason: str
    before: Micros
    whole: bool
