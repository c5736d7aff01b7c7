"""Rotations: bundles wrapped under another KEK and identifiers moved to another key, beside their ciphers alone."""

from __future__ import annotations

import hmac
import os
import random
from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.installation import installation
from benchmarks.row import Row, rate
from benchmarks.traffic import order
from registry.flows.upkeep import reindexing, rotation
from registry.flows.workspace import STORED_BEFORE_MOVE

PEOPLE = 4_000
ACTOR = "person:admin"
BUNDLE, IDENTIFIER = 200, 24
"""Bytes of a bundle and of an identifier, about."""


def measure() -> Iterator[tuple[str, Row]]:
    """Each once, durable, a page a transaction, while everything can be looked up."""
    chance = random.Random(31)
    with installation() as made, made.opened() as opened:
        opened.take(order(chance, person) for person in range(PEOPLE))
        deployment, workspace = opened.registry.deployment, opened.workspace
        bundles = sum(one.bundles for one in rotation.status(deployment, workspace.workspace_id).generations)
        ours = rate(lambda: rotation.rotate(deployment, workspace), bundles)
        what = "bundles rewrapped under another KEK, against AES-GCM decrypt and encrypt alone"
        yield "rotation-kek", Row(ours, _raw(bundles, BUNDLE, hashed=False), "bundles/s", bundles, what)
        reindexing.begin(deployment, workspace, actor=ACTOR)
        later = replace(deployment, clock=lambda: deployment.clock() + STORED_BEFORE_MOVE)
        moved: list[int] = []

        def move() -> None:
            reindexing.go_on(later, workspace.workspace_id, actor=ACTOR, progress=lambda done, _: moved.append(done))

        seconds = 1 / rate(move, 1)
        ours = moved[-1] / seconds
        what = "identifiers moved to another blind-index key, against AES-GCM decrypt and encrypt and an HMAC alone"
        yield "rotation-index", Row(ours, _raw(moved[-1], IDENTIFIER, hashed=True), "identifiers/s", moved[-1], what)


def _raw(count: int, size: int, *, hashed: bool) -> float:
    """How many values a second are opened under one key and sealed under another, and hashed if asked for."""
    old, new, secret = AESGCM(os.urandom(32)), AESGCM(os.urandom(32)), os.urandom(32)
    values = [(nonce, old.encrypt(nonce, os.urandom(size), None)) for nonce in (os.urandom(12) for _ in range(count))]

    def work() -> None:
        for nonce, sealed in values:
            plain = old.decrypt(nonce, sealed, None)
            if hashed:
                hmac.digest(secret, plain, "sha256")
            new.encrypt(os.urandom(12), plain, None)

    return rate(work, count)
