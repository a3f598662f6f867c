"""What ended is kept for a day and then removed."""

from __future__ import annotations

import asyncio

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.jobs.pars import KEPT_S, purge
from holdfast.model.buckets import Bucket
from holdfast.model.pars import Par
from holdfast.observe.metrics import Metrics


def test_requests_are_removed_a_day_after_they_expired() -> None:
    async def run() -> None:
        engine = MemoryEngine()
        bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
        for number in range(2500):
            await engine.catalog.create_par(
                Par(id=str(number), bucket_id=bucket.id, namespace="n", bucket="b", name="p", access="AnyObjectRead", creator="u",
                    created_ms=0, expires_ms=number * 1000, digest=number.to_bytes(32, "big"))
            )  # fmt: skip
        metrics = Metrics(("GetObject",), (), 1)
        metrics.use(0)
        assert await purge(engine, metrics, KEPT_S) == 0
        assert await purge(engine, metrics, KEPT_S + 2000) == 2000
        assert await purge(engine, metrics, KEPT_S + 2000) == 0
        left = await engine.catalog.pars(bucket.id, limit=1000)
        assert [par.id for par in left] == [str(number) for number in range(2000, 2500)]

    asyncio.run(run())
