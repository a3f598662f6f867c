"""Aborts multipart uploads that nobody finished within the configured time."""

from __future__ import annotations

import logging

from holdfast.engine.api import Engine
from holdfast.objects.uploads import expire_uploads
from holdfast.observe.metrics import Metrics

log = logging.getLogger(__name__)


async def expire(engine: Engine, metrics: Metrics, expiry_s: float, now_s: float) -> int:
    """Aborts every upload initiated more than `expiry_s` before `now_s`; returns how many. Uploads that end meanwhile are let go."""
    expired = await expire_uploads(engine, int(now_s * 1000), expiry_s)
    if expired:
        metrics.add("uploads_expired", expired)
        log.info("expired uploads aborted", extra={"count": expired})
    return expired
