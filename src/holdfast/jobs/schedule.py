"""Runs jobs again and again on their own intervals, one run of a job at a time; a failing run is logged and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """`run` is done every `interval_s` (with 10 % of chance, so that stores started together drift apart); first after `delay_s`."""

    name: str
    run: Callable[[], Awaitable[None]]
    interval_s: float
    delay_s: float


async def run_jobs(jobs: list[Job], stopping: asyncio.Event) -> None:
    """Runs all jobs until `stopping` is set; a run that is under way is cancelled then."""
    tasks = [asyncio.create_task(_repeat(job), name=f"job {job.name}") for job in jobs]
    await stopping.wait()
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(job: Job) -> None:
    await asyncio.sleep(job.delay_s)
    while True:
        try:
            await job.run()
        except Exception:
            log.exception("a background job failed", extra={"job": job.name})
        await asyncio.sleep(job.interval_s * random.uniform(0.95, 1.05))  # noqa: S311 - spreading load, not a secret
