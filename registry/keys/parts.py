"""Parts: one stored value whose pieces are sealed under the keys of several compartments.

One event row then serves every purpose: a reader opens only what its grant covers, and a shredded
compartment stays closed while the others open. Layout: docs/reference/formats.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from registry.keys.envelope import OVERHEAD_BYTES, DataKey, open_envelope, require_workspace, seal
from registry.model.compartment import Compartment
from registry.model.errors import InvalidInput, KeyMissing, SealBroken
from registry.model.grants import OpenGrant

PARTS_VERSION = b"\x11"

_PRELUDE = Struct(">BHI")
"""Version, number of parts, bytes of the table of contents."""
_NAME_LENGTH = Struct(">H")
_ENVELOPE_LENGTH = Struct(">I")


@dataclass(frozen=True, slots=True, repr=False)
class OpenedParts:
    """What a reader got: plaintext by compartment, and what stayed closed and why. The `repr` hides it.

    Attributes:
        opened: the plaintext of each compartment that the grant covers and whose key is there.
        withheld: compartments that the grant does not cover.
        shredded: compartments that it covers, whose key is gone.
    """

    opened: dict[Compartment, bytes]
    withheld: tuple[Compartment, ...]
    shredded: tuple[Compartment, ...]

    def __repr__(self) -> str:
        counts = f"{len(self.opened)} opened, {len(self.withheld)} withheld, {len(self.shredded)} shredded"
        return f"OpenedParts({counts})"


def seal_parts(keys: Mapping[Compartment, DataKey], parts: Sequence[tuple[Compartment, bytes]], aad: bytes) -> bytes:
    """One value holding every part sealed under its compartment's key.

    The table of contents is associated data of each part: a part that is dropped, added, renamed or
    put elsewhere is found by whoever opens any other.

    Raises:
        InvalidInput: a compartment comes twice, or there are more than 65,535 parts.
        KeyMissing: there is no key for a compartment.
    """
    if len(parts) > 0xFFFF or len({name for name, _ in parts}) != len(parts):
        raise InvalidInput("each compartment stands once, and at most 65535 times in all")
    contents = b"".join([_entry(name.encode(), len(plaintext) + OVERHEAD_BYTES) for name, plaintext in parts])
    prelude = _PRELUDE.pack(PARTS_VERSION[0], len(parts), len(contents)) + contents
    # The record's data and the prelude state their own lengths, so no other reading gives these bytes.
    frame = aad + prelude
    sealed: list[bytes] = [prelude]
    for name, plaintext in parts:
        key = keys.get(name)
        if key is None:
            raise KeyMissing("there is no data key for a compartment", extra={"compartment": name})
        sealed.append(seal(key, plaintext, frame + name.encode()))
    return b"".join(sealed)


def open_parts(blob: bytes, keys: Mapping[Compartment, DataKey], aad: bytes, grant: OpenGrant) -> OpenedParts:
    """Open what the grant covers and the keys allow.

    Raises:
        Forbidden: the grant is of another workspace than the record.
        SealBroken: the frame or any part that should open is altered, truncated, moved or under
            another key; `extra["failure"]` says which (`malformed` for the frame).
    """
    require_workspace(grant, aad)
    prelude, entries = _read_contents(blob)
    frame = aad + prelude
    opened: dict[Compartment, bytes] = {}
    withheld: list[Compartment] = []
    shredded: list[Compartment] = []
    for name, start, end in entries:
        if not grant.covers(name):
            withheld.append(name)
        elif (key := keys.get(name)) is None:
            shredded.append(name)
        else:
            opened[name] = open_envelope(key, blob[start:end], frame + name.encode())
    return OpenedParts(opened, tuple(withheld), tuple(shredded))


def compartments_in(blob: bytes) -> tuple[Compartment, ...]:
    """The compartments of a sealed value, in their stored order; no key is needed.

    Raises:
        SealBroken: the frame cannot be read.
    """
    return tuple(name for name, _, _ in _read_contents(blob)[1])


def _entry(name: bytes, envelope_length: int) -> bytes:
    if not 0 < len(name) <= 0xFFFF:
        raise InvalidInput("a compartment's name is 1 to 65535 bytes long")
    return _NAME_LENGTH.pack(len(name)) + name + _ENVELOPE_LENGTH.pack(envelope_length)


def _malformed() -> SealBroken:
    return SealBroken("the sealed parts cannot be read", extra={"failure": "malformed"})


def _cut_short() -> SealBroken:
    return SealBroken("the sealed parts are cut short", extra={"failure": "truncated"})


def _read_contents(blob: bytes) -> tuple[bytes, list[tuple[Compartment, int, int]]]:
    """The authenticated prelude, and each part's name with where its envelope starts and ends."""
    if blob[:1] != PARTS_VERSION:
        failure = "unknown-version" if blob else "truncated"
        raise SealBroken("the sealed parts are of an unknown version", extra={"failure": failure})
    if len(blob) < _PRELUDE.size:
        raise _cut_short()
    _, count, contents_length = _PRELUDE.unpack_from(blob)
    position, contents_end = _PRELUDE.size, _PRELUDE.size + contents_length
    if contents_end > len(blob):
        raise _cut_short()
    start = contents_end
    entries: list[tuple[Compartment, int, int]] = []
    for _ in range(count):
        if position + _NAME_LENGTH.size > contents_end:
            raise _malformed()
        (name_length,) = _NAME_LENGTH.unpack_from(blob, position)
        name_start = position + _NAME_LENGTH.size
        position = name_start + name_length + _ENVELOPE_LENGTH.size
        if not name_length or position > contents_end:
            raise _malformed()
        try:
            name = Compartment(blob[name_start : name_start + name_length].decode())
        except UnicodeDecodeError:
            raise _malformed() from None
        (length,) = _ENVELOPE_LENGTH.unpack_from(blob, position - _ENVELOPE_LENGTH.size)
        entries.append((name, start, start + length))
        start += length
    if start > len(blob):
        raise _cut_short()
    if position != contents_end or start != len(blob) or len({name for name, _, _ in entries}) != count:
        raise _malformed()
    return blob[:contents_end], entries
