"""Runs jobs again and again on their own intervals, each on one gateway at a time; a failing run is logged and tried again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from holdfast.engine.api import EngineError

log = logging.getLogger(__name__)

LEASE_S = 30
"""A gateway that is not heard of for so long has lost its jobs to another one."""
RENEW_S = 8.0
ENDING_S = 1.5
"""A job that was told to end, and the end of its lease, are waited for so long."""

Lease = Callable[[str, int], Awaitable[bool]]
"""`Engine.lease`"""


class Job(NamedTuple):
    """`run` is done every `interval_s` (with 10 % of chance, so that stores started together drift apart); first after `delay_s`."""

    name: str
    run: Callable[[], Awaitable[None]]
    interval_s: float
    delay_s: float


async def run_jobs(jobs: list[Job], stopping: asyncio.Event, lease: Lease) -> None:
    """Runs all jobs until `stopping` is set; a run that is under way is cancelled then, and another gateway may have the job at once. Ends
    within some ENDING_S, whatever a job or the engine does: a lease that could not be given back ends by itself."""
    tasks = [asyncio.create_task(_repeat(job, lease, stopping), name=f"job {job.name}") for job in jobs]
    await stopping.wait()
    for task in tasks:
        task.cancel()
    await _ended(tasks, "background jobs do not end; they are left behind")
    await _ended([asyncio.create_task(_held(job, lease, 0)) for job in jobs], "leases of background jobs could not be given back in time")


async def _ended(tasks: list[asyncio.Task[Any]], otherwise: str) -> None:
    """Waits for tasks, ENDING_S at most; says `otherwise` in the log."""
    if not tasks:
        return
    done, left = await asyncio.wait(tasks, timeout=ENDING_S)
    if left:
        log.warning(otherwise)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            log.error("a background job ended", exc_info=task.exception())


async def _held(job: Job, lease: Lease, seconds: int = LEASE_S) -> bool:
    """Whether the job is this gateway's now. Who cannot ask does not have it."""
    try:
        return await lease(f"job {job.name}", seconds)
    except EngineError as error:
        log.info("the lease of a job could not be asked for", extra={"job": job.name, "error": str(error)})
        return False


async def _repeat(job: Job, lease: Lease, stopping: asyncio.Event) -> None:
    due = time.monotonic() + job.delay_s
    while not stopping.is_set():
        await asyncio.sleep(min(max(due - time.monotonic(), 0.0), RENEW_S))
        if not await _held(job, lease):
            await asyncio.sleep(RENEW_S)
        elif time.monotonic() >= due:
            await _run(job, lease)
            due = time.monotonic() + job.interval_s * random.uniform(0.95, 1.05)  # noqa: S311 - spreading load, not a secret


async def _run(job: Job, lease: Lease) -> None:
    """One run; it ends if the lease is lost meanwhile."""
    running = asyncio.ensure_future(job.run())
    try:
        while not (await asyncio.wait((running,), timeout=RENEW_S))[0]:
            if not await _held(job, lease):
                log.warning("a background job is given up: another gateway has it now", extra={"job": job.name})
                break
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))
    if not running.cancelled() and running.exception() is not None:
        log.error("a background job failed", extra={"job": job.name}, exc_info=running.exception())
