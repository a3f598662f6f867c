"""Removes pre-authenticated requests a day after they expired, and the tokens of uploads that ended a day ago."""

from __future__ import annotations

import logging

from holdfast.engine.api import Engine
from holdfast.observe.metrics import Metrics

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600
"""Until then people still see in a list what has ended, and an upload that is committed twice is told so."""


async def purge(engine: Engine, metrics: Metrics, now_s: float) -> int:
    """Removes what ended more than KEPT_S ago; how many requests and tokens that were. Safe to run beside clients and beside itself."""
    removed = 0
    while some := await engine.catalog.purge_pars(int((now_s - KEPT_S) * 1000)):
        removed += some
    if removed:
        metrics.add("pars_purged", removed)
        log.info("expired pre-authenticated requests removed", extra={"count": removed})
    return removed
