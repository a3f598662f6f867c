"""Which background jobs a server has, and how often."""

from __future__ import annotations

import time

from holdfast.config.settings import Settings
from holdfast.engine.api import Engine
from holdfast.jobs import journals, pars, strays, uploads
from holdfast.jobs.schedule import Job
from holdfast.observe.metrics import Metrics


def planned(engine: Engine, metrics: Metrics, settings: Settings) -> list[Job]:
    """The jobs as the settings want them."""

    async def sweep() -> None:
        await strays.sweep(engine, metrics, settings.sweep_age_s)

    async def purge_pars() -> None:
        await pars.purge(engine, metrics, time.time())

    async def expire_uploads() -> None:
        await uploads.expire(engine, metrics, settings.upload_expiry_s, time.time())

    async def end_journals() -> None:
        await journals.end(engine, time.time())

    jobs = [
        Job("sweep", sweep, settings.sweep_interval_s, settings.sweep_interval_s / 10),
        Job("pars", purge_pars, 3600.0, 2.0),
        Job("journals", end_journals, 3600.0, 3.0),
    ]
    if settings.upload_expiry_s:
        jobs.append(Job("uploads", expire_uploads, min(3600.0, settings.upload_expiry_s), 1.0))
    return jobs
