"""What the server does by itself, on APScheduler: deliveries, alerts, retention, requests that wait.

Every server of a deployment runs the same schedule; locks of the database see to it that one at a time
does each job. What a job raises is logged by its type: its text may hold what a row held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.background import BackgroundScheduler

from registry.api.metrics import DELIVERED, measure_outgoing
from registry.bootstrap import Registry
from registry.flows.deployment import Deployment
from registry.flows.dsr import acknowledged, callbacks, escalation, kept, letters, lifecycle, passing_on
from registry.flows.ingest import recounting
from registry.flows.outgoing import alerts, delivery, destinations, forwarding, webhooks
from registry.flows.profiles import quality
from registry.flows.retention import reports, sweeping
from registry.flows.upkeep import ageing, standing_changes
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND, to_datetime
from registry.model.errors import Conflict, LinkedSystemUnavailable, RegistryError
from registry.model.ids import FragmentId, text_id
from registry.model.origins import origin
from registry.store import administration

ACTOR = "registry"
LOOK_EVERY_S = 1
ALERT_EVERY_S = 30
LETTERS_EVERY_S = 2
"""Somebody may be waiting for a code."""
RETENTION_EVERY_S = 600
QUALITY_EVERY_S = 3600
EXPIRY_EVERY_S = 5
"""How often keys that may not be used any more are dropped from memory."""
KEYS_EVERY_S = 300
RECOUNT_EVERY_S = 30
RECOUNT_PAGES = 50
"""Pages that are counted back at a time, so that whoever writes is not held up for long."""
REQUESTS_EVERY_S = 30
TRIM_EVERY_S = 60
SENDERS = 8
"""Addresses that are sent to at the same time: a slow one holds up itself only."""

NOTHING: Mapping[str, str] = MappingProxyType({})

_log = structlog.get_logger("registry.schedule")


def start(registry: Registry) -> BackgroundScheduler:
    """Start the schedule of one server process; the caller shuts it down."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # it would write errors' texts
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(4), "senders": ThreadPoolExecutor(SENDERS)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    deployment, settings = registry.deployment, registry.settings
    hours = settings.retention_every_hours * 3600 * SECOND

    def warn(workspace: OpenWorkspace) -> None:
        alerts.violation_rates(deployment, workspace, settings.violation_alert_per_minute)
        escalation.warn(deployment, workspace)
        alerts.runaways(deployment, workspace)
        told = webhooks.listed(deployment, workspace.workspace_id)
        passed = destinations.listed(deployment, workspace.workspace_id)
        measure_outgoing(
            waiting=sum(seen.waiting for seen in told),
            dead=sum(seen.dead for seen in told),
            backlog=sum(seen.backlog for seen in passed),
            refused=sum(seen.refused for seen in passed),
            locked=sum(count for _, _, count, _ in reports.locked(deployment, workspace)),
        )

    def send(workspace: OpenWorkspace) -> None:
        for webhook_id in delivery.due(deployment, workspace):
            _once(scheduler, "webhook", delivery.deliver, deployment, workspace, webhook_id)
        for destination_id in forwarding.due(deployment, workspace):
            _once(scheduler, "destination", forwarding.forward, deployment, workspace, destination_id)
        for holder_id in callbacks.due(deployment, workspace):
            _once(scheduler, "controller", callbacks.tell, deployment, workspace, holder_id)
        for destination_id in passing_on.due(deployment, workspace):
            _once(scheduler, "erasure", acknowledged.tell, deployment, workspace, destination_id)

    def note(workspace: OpenWorkspace) -> None:
        quality.note_day(deployment, workspace)

    def recount(workspace: OpenWorkspace) -> None:
        with suppress(Conflict):  # another server does
            recounting.recount(deployment, workspace, pages=RECOUNT_PAGES, actor=ACTOR)

    for name, seconds, job in (
        ("requests", REQUESTS_EVERY_S, partial(_go_on, deployment)),
        ("deliveries", LOOK_EVERY_S, send),
        ("letters", LETTERS_EVERY_S, partial(letters.send_due, deployment)),
        ("alerts", ALERT_EVERY_S, warn),
        ("retention", RETENTION_EVERY_S, partial(_sweep, deployment, hours)),
        ("quality", QUALITY_EVERY_S, note),
        ("keys", KEYS_EVERY_S, partial(_keep_keys, deployment)),
        ("recount", RECOUNT_EVERY_S, recount),
        ("changes", TRIM_EVERY_S, partial(standing_changes.trim, deployment)),
    ):
        first = to_datetime(deployment.clock()) + timedelta(seconds=min(seconds, 5))
        scheduler.add_job(_each, "interval", [registry, name, job], seconds=seconds, next_run_time=first, id=name)
    scheduler.add_job(_logged, "interval", ["expiry", deployment.keyring.expire], seconds=EXPIRY_EVERY_S, id="expiry")
    scheduler.start()
    return scheduler


def _keep_keys(deployment: Deployment, workspace: OpenWorkspace) -> None:
    ageing.keep(deployment, workspace, actor=ACTOR)


def _go_on(deployment: Deployment, workspace: OpenWorkspace) -> None:
    """Try again what waited, finish erasures that a hold or duty had deferred, forget whom answered requests named."""
    for request in lifecycle.due(deployment, workspace):
        name = text_id(request.request_id)
        _logged("request", lifecycle.go_on, deployment, workspace, request, about={"request": name})
    _logged("retained", kept.end_due, deployment, workspace, actor=ACTOR, at_once=False)
    lifecycle.forget_answered(deployment, workspace)


def _sweep(deployment: Deployment, every: int, workspace: OpenWorkspace) -> None:
    """Let go of what is kept for long enough, and look for certificates that do not say what recipients said since."""
    sweeping.sweep_if_due(deployment, workspace, every, actor=ACTOR)
    acknowledged.renew_left(deployment, workspace)


def _each(registry: Registry, name: str, job: Callable[[OpenWorkspace], None]) -> None:
    """Do a job for every workspace."""

    def every() -> None:
        with registry.deployment.data.directory() as transaction:
            known = administration.workspaces(transaction)
        for row in known:
            _logged(name, job, registry.workspaces.open(row.workspace_id))

    _logged(name, every)


def _once(
    scheduler: BackgroundScheduler,
    what: str,
    job: Callable[[Deployment, OpenWorkspace, FragmentId], int],
    deployment: Deployment,
    workspace: OpenWorkspace,
    endpoint_id: FragmentId,
) -> None:
    """Let a sender send to an address now, unless it is waiting for one already."""

    def send() -> None:
        DELIVERED.labels(what=what).inc(job(deployment, workspace, endpoint_id))

    name = f"{what} {endpoint_id.hex()}"
    with suppress(ConflictingIdError):
        scheduler.add_job(_logged, args=[name, send], id=name, executor="senders")


def _logged(
    name: str, job: Callable[..., Any], *arguments: Any, about: Mapping[str, str] = NOTHING, **named: Any
) -> None:
    try:
        job(*arguments, **named)
    except RegistryError as error:  # it is tried again when its turn comes
        told = {"code": error.code} | origin(error)
        if isinstance(error, LinkedSystemUnavailable) and error.waiting is not None:  # words that the request has, too
            told |= {"system": error.waiting, "cause": error.detail}
        _log.error("job failed", job=name, **about, **told)
    except Exception as error:
        _log.error("job failed", job=name, **about, error=type(error).__name__)
