"""The parts of ingest, each beside the library that it stands on."""

from __future__ import annotations

import os
import random
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.row import Row, in_turn, rate
from benchmarks.world import order, registry
from registry import bootstrap
from registry.keys.envelope import DataKey, record_aad
from registry.keys.envelope import seal as seal_value
from registry.model.ids import EventId, FragmentId, MessageKey, SourceId
from registry.model.message import CallType, Message
from registry.model.stored import StoredEvent
from registry.plans.compile import compile_plan
from registry.store import events

COUNT = 20_000


def validate() -> Row:
    """A plan's whole verdict on a valid event, against the raw validator's yes or no."""
    plan = compile_plan(bootstrap.shipped("schemas", bootstrap.DEFAULT_PLAN))
    body: dict[str, Any] = order(random.Random(1), 10)
    message = Message(CallType.TRACK, "Order Completed", "m", body, 0, 0)
    rule = plan.rules[(CallType.TRACK, "Order Completed")]

    def ours() -> None:
        for _ in range(COUNT):
            plan.check(message, plan.enforcement)

    def reference() -> None:
        for _ in range(COUNT):
            rule.validator.is_valid(body)

    a, b = in_turn(3, lambda: rate(ours, COUNT), lambda: rate(reference, COUNT))
    return Row(a, b, "events/s", COUNT, "verdict with parts by purpose, against jsonschema-rs is_valid")


def seal() -> Row:
    """Sealing a 1 KB value with its record's identity, against raw AES-256-GCM with one key."""
    key, plain = DataKey.generate(), os.urandom(1024)
    raw, ids = AESGCM(os.urandom(32)), [os.urandom(16) for _ in range(COUNT)]

    def ours() -> None:
        for record in ids:
            seal_value(key, plain, record_aad(b"event", b"w" * 16, b"f" * 16, record, b"body"))

    def reference() -> None:
        for record in ids:
            raw.encrypt(os.urandom(12), plain, record)

    a, b = in_turn(3, lambda: rate(ours, COUNT), lambda: rate(reference, COUNT))
    return Row(a, b, "values/s", COUNT, "seal with associated data, against AESGCM.encrypt")


def append() -> Row:
    """Appending ready-made event rows through the store, against the driver's own executemany."""
    with registry() as (opened, _made, _dir):
        database = opened.deployment.data

        def rows() -> list[StoredEvent]:
            return [
                StoredEvent(
                    opened.workspaces.only().workspace_id,
                    FragmentId(os.urandom(16)),
                    EventId(os.urandom(16)),
                    MessageKey(os.urandom(16)),
                    "track",
                    "order_completed",
                    "ecommerce@1.0.0",
                    SourceId(b"s" * 16),
                    1,
                    1,
                    "service",
                    0,
                    "",
                    os.urandom(900),
                )
                for _ in range(COUNT)
            ]

        def through(insert: Any) -> float:
            ready = rows()

            def write() -> None:
                for start in range(0, COUNT, 100):
                    with database.write() as transaction:
                        insert(transaction, ready[start : start + 100])

            return rate(write, COUNT)

        sql = f"INSERT INTO event VALUES ({', '.join('?' * 14)})"

        def raw(transaction: Any, batch: list[StoredEvent]) -> None:
            transaction.connection.driver_connection.executemany(sql, batch)

        a, b = in_turn(3, lambda: through(events.append), lambda: through(raw))
    return Row(a, b, "rows/s", COUNT, "store append, against the driver's executemany, 100 a transaction")
