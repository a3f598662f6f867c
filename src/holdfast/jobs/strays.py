"""Removes bytes that no object names: left by crashes, by hang-ups, or by a process that died before it discarded them."""

from __future__ import annotations

import logging

from holdfast.engine.api import Engine
from holdfast.observe.metrics import Metrics

log = logging.getLogger(__name__)


async def sweep(engine: Engine, metrics: Metrics, age_s: float) -> None:
    """One sweep of strays older than `age_s`."""
    removed = await engine.sweep(age_s)
    if removed:
        metrics.add("strays_removed", removed)
        log.info("strays removed", extra={"count": removed})
