"""Prometheus metrics: counts and times, labelled with words of ours only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

METRICS = CollectorRegistry()
ProcessCollector(registry=METRICS)  # memory, processors' time, open files; on Linux

EVENTS = Counter("registry_events_total", "Messages taken in, by outcome.", ["outcome"], registry=METRICS)
DECISIONS = Counter(
    "registry_consent_decisions_total",
    "Consent decisions, by answer and reason.",
    ["allowed", "reason"],
    registry=METRICS,
)
REQUESTS = Counter(
    "registry_http_requests_total", "HTTP requests, by route and status.", ["route", "status"], registry=METRICS
)
SECONDS = Histogram(
    "registry_http_request_seconds",
    "Time to answer, by route.",
    ["route"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=METRICS,
)
WAITING = Gauge("registry_intake_waiting_events", "Events that wait for a writer.", registry=METRICS)

IN_MEMORY = Gauge("registry_people_in_memory", "People whose consent is held in memory.", registry=METRICS)

DELIVERED = Counter(
    "registry_deliveries_total", "What receivers outside took, by what it was.", ["what"], registry=METRICS
)
OUTGOING = Gauge(
    "registry_outgoing", "What is still to go out, or was given up, by what it is.", ["what"], registry=METRICS
)
LOCKED = Gauge("registry_locked_compartments", "Compartments without any lawful ground.", registry=METRICS)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition() -> bytes:
    """The metrics in Prometheus' text format."""
    return generate_latest(METRICS)


def measure_outgoing(*, waiting: int, dead: int, backlog: int, refused: int, locked: int) -> None:
    """Set the gauges of what goes out, and of what is locked."""
    OUTGOING.labels(what="webhook messages waiting").set(waiting)
    OUTGOING.labels(what="webhook messages given up").set(dead)
    OUTGOING.labels(what="events waiting for destinations").set(backlog)
    OUTGOING.labels(what="events refused by destinations").set(refused)
    LOCKED.set(locked)
