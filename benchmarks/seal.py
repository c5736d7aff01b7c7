"""Sealing and opening a value of 1 KB for its record, beside raw AES-256-GCM."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.row import Row, in_turn, rate
from registry.keys.envelope import DataKey, open_sealed, record_aad, seal
from registry.model.compartment import Compartment
from registry.model.grants import OpenGrant
from registry.model.ids import WorkspaceId

COUNT = 10_000
ROUNDS = 5
SIZE = 1024
COMPARTMENT = Compartment("service")
WORKSPACE = WorkspaceId(b"w" * 16)


def measure() -> Iterator[tuple[str, Row]]:
    """The reference draws a nonce and binds the record's id too, as any careful use of AES-GCM must."""
    key, raw, plain = DataKey.generate(), AESGCM(os.urandom(32)), os.urandom(SIZE)
    records = [os.urandom(16) for _ in range(COUNT)]
    grant = OpenGrant(WORKSPACE, frozenset({COMPARTMENT}), "benchmark")

    def aad(record: bytes) -> bytes:
        return record_aad(b"event", WORKSPACE, b"f" * 16, record, b"body")

    def raw_seal(record: bytes) -> tuple[bytes, bytes]:
        nonce = os.urandom(12)
        return nonce, raw.encrypt(nonce, plain, record)

    sealed = [(record, seal(key, plain, aad(record))) for record in records]
    closed = [(record, *raw_seal(record)) for record in records]
    a, b = in_turn(
        ROUNDS,
        lambda: rate(lambda: [seal(key, plain, aad(record)) for record in records], COUNT),
        lambda: rate(lambda: [raw_seal(record) for record in records], COUNT),
    )
    yield "seal", Row(a, b, "values/s", COUNT, "seal 1 KB for its record, against AESGCM.encrypt")
    a, b = in_turn(
        ROUNDS,
        lambda: rate(lambda: [open_sealed(key, s, aad(r), grant, COMPARTMENT) for r, s in sealed], COUNT),
        lambda: rate(lambda: [raw.decrypt(nonce, data, record) for record, nonce, data in closed], COUNT),
    )
    yield "open", Row(a, b, "values/s", COUNT, "open 1 KB under a grant, against AESGCM.decrypt")
