"""The key services: what holds the key-encrypting keys (KEKs), behind one small protocol.

A workspace has numbered KEK generations; the newest wraps, the older ones still unwrap until they
are destroyed. Destroying one ends every wrapped key of it that was not rewrapped, in every backup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from registry.model.clock import Micros
from registry.model.errors import Conflict, NotFound, SealBroken
from registry.model.ids import WorkspaceId


class GenerationState(StrEnum):
    """What a KEK generation may still do."""

    CURRENT = "current"
    """Wraps and unwraps; the newest one."""
    RETIRED = "retired"
    """Unwraps; rotation is moving its bundles away."""
    DESTROYED = "destroyed"
    """Gone: nothing wrapped under it opens again."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One KEK generation of a workspace; numbers start at 1 and are never used twice.

    `created_at` is None for a destroyed one of which the service keeps nothing.
    """

    number: int
    created_at: Micros | None
    state: GenerationState


class KeyProvider(Protocol):
    """A key service. Every method may raise KmsUnavailable; the batches go in one round trip.

    `scheme` is that of its URL (`file`, `transit+http`, `aws-kms`), for metrics and messages.
    """

    @property
    def scheme(self) -> str:
        """The scheme of its URL."""

    def create_generation(self, workspace: WorkspaceId) -> int:
        """Create the next KEK generation, durably, and give its number."""

    def generations(self, workspace: WorkspaceId) -> list[Generation]:
        """Every generation, oldest first; empty for a workspace that has none."""

    def wrap_many(self, workspace: WorkspaceId, generation: int, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Wrap each `(plaintext, aad)`.

        Raises:
            KeyMissing: there is no such generation, or it was destroyed.
        """

    def unwrap_many(self, workspace: WorkspaceId, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Unwrap each `(wrapped, aad)`; the generation stands in `wrapped`.

        Raises:
            KeyMissing: there is no such generation, or it was destroyed.
            SealBroken: altered, or wrapped for another `aad` or workspace.
        """

    def destroy(self, workspace: WorkspaceId, generation: int) -> None:
        """Destroy a generation; done again, it does nothing.

        Raises:
            NotFound: there never was such a generation.
            Conflict: it is the current one, or an older one is not destroyed yet.
        """

    def check(self) -> None:
        """Raise (KmsUnavailable, KeyFileInsecure) unless the service can be used now."""


def require_destructible(generations: Sequence[Generation], number: int) -> bool:
    """Whether a generation is still to be destroyed; the oldest goes first, the current one never.

    Raises:
        NotFound, Conflict: as `KeyProvider.destroy` says.
    """
    states = {generation.number: generation.state for generation in generations}
    if number not in states:
        raise NotFound("this workspace has no such KEK generation")
    if states[number] is GenerationState.DESTROYED:
        return False
    if states[number] is GenerationState.CURRENT:
        raise Conflict("this KEK generation is current", hint="create the next generation first")
    if any(state is not GenerationState.DESTROYED for other, state in states.items() if other < number):
        raise Conflict("an older KEK generation is not destroyed yet", hint="destroy the oldest first")
    return True


GENERATION_BYTES = 4
WRAPPED_HEADER_BYTES = 1 + GENERATION_BYTES


def wrapped_header(version: bytes, generation: int) -> bytes:
    """The first five bytes of a wrapped value: version byte, generation (big-endian)."""
    return version + generation.to_bytes(GENERATION_BYTES, "big")


def generation_of(wrapped: bytes) -> int:
    """The KEK generation that a value was wrapped under, from its header.

    Raises:
        SealBroken: it is too short to have a header.
    """
    if len(wrapped) <= WRAPPED_HEADER_BYTES:
        raise SealBroken("the wrapped key is cut short", extra={"failure": "truncated"})
    return int.from_bytes(wrapped[1:WRAPPED_HEADER_BYTES], "big")
