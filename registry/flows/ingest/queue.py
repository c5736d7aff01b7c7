"""Group commit: requests that come at the same time share one transaction, and one wait for the disk.

On SQLite one thread writes, since SQLite has one writer; on PostgreSQL several do. A group that
fails for a reason of its own is tried again delivery by delivery, so that nobody's batch is lost to
somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import Delivery
from registry.flows.ingest.pipeline import Receipt, ingest
from registry.flows.workspace import Workspaces
from registry.model.errors import Conflict, Overloaded, StoreUnavailable
from registry.model.ids import WorkspaceId

GROUP_EVENTS = 2_000
"""Events in one transaction: enough to share the disk's wait, few enough to be done within 100 ms."""

TRIES = 5
"""How often a delivery is taken up of which another writer stores a part at the same moment."""

QUEUE_EVENTS = 50_000
"""Events waiting before the answer is 429."""


@dataclass(slots=True)
class _Job:
    workspace_id: WorkspaceId
    delivery: Delivery
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Receipt]

    def settle(self, outcome: Receipt | BaseException) -> None:
        self.loop.call_soon_threadsafe(_settle, self.done, outcome)


def _settle(done: asyncio.Future[Receipt], outcome: Receipt | BaseException) -> None:
    if done.done():  # the request was cancelled while it waited
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


class Intake:
    """The queue before ingest, and the threads that empty it."""

    def __init__(self, deployment: Deployment, workspaces: Workspaces, *, writers: int) -> None:
        self._deployment = deployment
        self._workspaces = workspaces
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._lock = Lock()
        self._threads = [Thread(target=self._run, name=f"intake-{n}", daemon=True) for n in range(writers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Events that wait for a writer."""
        return self._waiting

    async def submit(self, workspace_id: WorkspaceId, delivery: Delivery) -> Receipt:
        """Take a delivery in; returns once it is durable.

        Raises:
            Overloaded: too many events wait already.
            StoreUnavailable, KmsUnavailable, KeyMissing: nothing of it was stored.
        """
        size = max(1, len(delivery.calls))
        with self._lock:
            if self._waiting + size > QUEUE_EVENTS:
                raise Overloaded("more events are waiting than the store can take now")
            self._waiting += size
        loop = asyncio.get_running_loop()
        job = _Job(workspace_id, delivery, loop, loop.create_future())
        self._queue.put(job)
        try:
            return await job.done
        finally:
            with self._lock:
                self._waiting -= size

    def close(self) -> None:
        """Finish what waits, then stop."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=30)

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            jobs, stop = self._group(first)
            for workspace_id in {job.workspace_id for job in jobs}:
                self._take(workspace_id, [job for job in jobs if job.workspace_id == workspace_id])
            if stop:
                return

    def _group(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs, size = [first], len(first.delivery.calls)
        while size < GROUP_EVENTS:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
            size += len(job.delivery.calls)
        return jobs, False

    def _take(self, workspace_id: WorkspaceId, jobs: Sequence[_Job], tries: int = TRIES) -> None:
        try:
            workspace = self._workspaces.open(workspace_id)
            receipts = ingest(self._deployment, workspace, [job.delivery for job in jobs])
        except StoreUnavailable as error:
            for job in jobs:
                job.settle(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, each sender gets an answer
            if len(jobs) > 1:
                for job in jobs:
                    self._take(workspace_id, [job])
            elif isinstance(error, Conflict) and tries > 1:
                # Another writer stored some of the same at this moment: it is found there now. Told of a conflict, a
                # sender would not come again, and what only this delivery holds would be lost.
                self._take(workspace_id, jobs, tries - 1)
            else:
                jobs[0].settle(error)
        else:
            for job, receipt in zip(jobs, receipts, strict=True):
                job.settle(receipt)
