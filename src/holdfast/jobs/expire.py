"""The job that ends what has outlived its time: multipart uploads that nobody finished."""

from __future__ import annotations

import time

from holdfast.engine.api import Engine
from holdfast.objects.uploads import UPLOAD_AGE_S, expire_uploads


async def expire(engine: Engine, *, upload_age_s: float = UPLOAD_AGE_S, now_ms: int | None = None) -> int:
    """One round: aborts uploads older than `upload_age_s` (0: never); how many. `now_ms` is the clock, for tests."""
    if upload_age_s <= 0:
        return 0
    return await expire_uploads(engine, int(time.time() * 1000) if now_ms is None else now_ms, upload_age_s)
