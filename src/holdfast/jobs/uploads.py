"""Aborts multipart uploads that nobody finished within the configured time."""

from __future__ import annotations

import logging

from holdfast.engine.api import Engine, Gone
from holdfast.observe.metrics import Metrics

log = logging.getLogger(__name__)
BATCH = 100


async def expire(engine: Engine, metrics: Metrics, expiry_s: float, now_s: float) -> int:
    """Aborts every upload initiated more than `expiry_s` before `now_s`; returns how many. Uploads that end meanwhile are let go."""
    expired = 0
    while True:
        uploads = await engine.catalog.stale_uploads(int((now_s - expiry_s) * 1000), BATCH)
        for upload in uploads:
            try:
                done = await engine.catalog.abort_upload(upload)
            except Gone:
                continue
            await engine.blobs.discard(done.unneeded)
            expired += 1
        if len(uploads) < BATCH:
            break
    if expired:
        metrics.add("uploads_expired", expired)
        log.info("expired uploads aborted", extra={"count": expired})
    return expired
