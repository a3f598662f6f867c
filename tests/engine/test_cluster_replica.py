"""Listings from a replica: never without what was acknowledged before they were asked for, whatever the replica is at."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres
from holdfast.engine.api import ListQuery
from holdfast.engine.cluster import ClusterEngine, statements
from holdfast.engine.cluster.engine import prepare
from holdfast.engine.cluster.listing import NO_END
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.wire import int8
from holdfast.model.buckets import Bucket
from tests.cluster_servers import engine_url, started
from tests.engine.stored import put


@pytest.fixture
def server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="hf"))
    made = Postgres(folder / "pg")
    started(made)
    made.add_replica()
    yield made
    made.purge()
    shutil.rmtree(folder, ignore_errors=True)


async def of_the_replica_alone(engine: ClusterEngine, bucket: Bucket) -> int:
    replica = engine._database.lanes().replica
    assert replica is not None
    asked = replica.together((statements.LIVE_PAGE, (int8(bucket.id), b"", NO_END, int8(1000))))
    assert asked is not None
    return len(await asked[0])


async def test_a_listing_shows_what_was_acknowledged_although_the_replica_lags(server: Postgres) -> None:
    url = engine_url(server.dsn(), "/nowhere", "bodies", replica=server.dsn("replica"), timeout="3")
    prepare(url)
    engine = ClusterEngine.open(url, pools=lambda place: {"": MemoryPool()})
    try:
        bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="b", region="r", owner="alice"))

        async def listed() -> int:
            pages = [await engine.catalog.list(ListQuery(bucket_id=bucket.id, delimiter=delimiter)) for delimiter in ("", "/")]
            assert len({len(page.entries) for page in pages}) == 1
            return len(pages[0].entries)

        for number in range(20):
            await put(engine, bucket, f"k{number}")
            assert await listed() == number + 1
        deadline = time.monotonic() + 20
        while not engine._database.from_replica:  # it is asked once it has caught up
            assert time.monotonic() < deadline, "the replica was never asked"
            assert await listed() == 20
            await asyncio.sleep(0.05)
        server.sql("SELECT pg_wal_replay_pause()", "replica")
        answered = engine._database.from_replica
        await put(engine, bucket, "late")
        assert await listed() == 21
        assert engine._database.from_replica == answered
        assert await of_the_replica_alone(engine, bucket) == 20  # what it would have been without asking how far the replica is
        server.sql("SELECT pg_wal_replay_resume()", "replica")
        server.kill("replica")
        await asyncio.sleep(0.1)
        assert await listed() == 21
    finally:
        await engine.close()
