"""What is fuzzed: each reader takes any bytes, and may raise nothing but a `RegistryError`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.audit.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from registry.audit.entry import Entry
from registry.audit.tree import Frontier
from registry.documents import parse
from registry.keys.bundle import Bundle, bundle_aad
from registry.keys.envelope import DataKey, open_sealed, record_aad
from registry.keys.kek import Kek
from registry.keys.notes import verify_note
from registry.keys.parts import compartments_in, open_parts
from registry.keys.signing import verify_jwt
from registry.model.compartment import Compartment
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId

VECTORS = Path(__file__).parents[1] / "vectors"
WORKSPACE = WorkspaceId(bytes(range(16)))
KEY = DataKey(bytes(32))
AAD = record_aad(b"event", WORKSPACE, b"f" * 16, b"r" * 16, b"body")
ALL = OpenGrant(WORKSPACE, None, "fuzzing")


def _envelope(data: bytes) -> None:
    open_sealed(KEY, KEY.header + data[1:] if data[:1] == b"h" else data, AAD, ALL, "any")


def _parts(data: bytes) -> None:
    names = compartments_in(data)
    opened = open_parts(data, dict.fromkeys(names[1:], KEY), AAD, ALL)
    assert len(opened.shredded) <= 1


def _bundle(data: bytes) -> None:
    bundle = Bundle.decode(data)
    assert bundle.encode() == data  # one form only
    assert bundle.with_compartments([Compartment("another")])


def _wrapped(data: bytes) -> None:
    Kek(bytes(32), 7).unwrap(data, bundle_aad(WORKSPACE, FragmentId(b"f" * 16)))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _note(data: bytes) -> None:
    verify_note(_text(data), "registry.example/log", bytes(32))


def _checkpoint(data: bytes) -> None:
    stated = parse_checkpoint(_text(data))
    assert parse_checkpoint(checkpoint_text(stated)) == stated


def _entry(data: bytes) -> None:
    Entry.parse(data)


def _frontier(data: bytes) -> None:
    Frontier.decode(int.from_bytes(data[:8], "big"), data[8:]).root()


def _token(data: bytes) -> None:
    known = json.loads((VECTORS / "jwt.json").read_text(encoding="utf-8"))
    verify_jwt(_text(data), known["jwks"], known["typ"])


def _document(data: bytes) -> None:
    parse(_text(data), file="fuzzed.yaml")


READERS: dict[str, Callable[[bytes], None]] = {
    "envelope": _envelope,
    "parts": _parts,
    "bundle": _bundle,
    "wrapped": _wrapped,
    "note": _note,
    "checkpoint": _checkpoint,
    "entry": _entry,
    "frontier": _frontier,
    "token": _token,
    "document": _document,
}
"""Every reader, by the name that the command line knows it by."""


SOUND = {
    "bundle": [Bundle.create([Compartment("service"), Compartment("analytics+marketing")]).encode()],
    "checkpoint": [checkpoint_text(Checkpoint("registry.example/log", 3, bytes(32))).encode()],
    "entry": [Entry(1, "operator", "source:created", "done", fields={"source": "shop"}).canonical()],
    "frontier": [(5).to_bytes(8, "big") + bytes(64)],
}
"""Examples of what has no file of vectors, or whose vectors are sealed."""


def seeds(name: str) -> list[bytes]:
    """Sound examples to start from: the test vectors of the format, where it has some."""
    if name in ("envelope", "parts"):
        return [bytes.fromhex(vector["sealed"]) for vector in _vectors(name)]
    if name in SOUND:
        return SOUND[name]
    if name == "wrapped":
        return [bytes.fromhex(vector["wrapped"]) for vector in _vectors("bundle")]
    if name == "note":
        return [vector["note"].encode() for vector in _vectors("note")["vectors"]]
    if name == "token":
        return [vector["token"].encode() for vector in _vectors("jwt")["vectors"]]
    shipped = {"document": ["policies/identity.yaml", "schemas/plans/ecommerce.yaml"]}.get(name, [])
    return [(VECTORS.parents[1] / file).read_bytes()[:4000] for file in shipped]


def _vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
