"""What a warm consent check costs inside an app."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.consent_http import fill
from benchmarks.installation import installation
from benchmarks.row import Row, in_turn, rate
from registry.client import Registry, user_id

CHECKS = 50_000
ROUNDS = 5
TARGET_US = 5.0


def measure() -> Iterator[tuple[str, Row]]:
    """`check` of `registry.client` for one person again and again, answered from its cache."""
    with installation() as made:
        fill(made, 10)
        with (
            made.served() as port,
            Registry(f"http://127.0.0.1:{port}", made.made.app_key, cache_ttl=3600) as client,
        ):
            who = user_id("user-1")

            def ask() -> None:
                for _ in range(CHECKS):
                    client.check(who, "marketing")

            client.check(who, "marketing")
            [each] = in_turn(ROUNDS, lambda: 1e6 / rate(ask, CHECKS))
    yield (
        "consent-client",
        Row(each, TARGET_US, "µs", CHECKS, "warm check in registry.client, against the target; less is better", "≤ 1"),
    )
