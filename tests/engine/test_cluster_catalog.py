"""What the cluster's catalog and registry promise beyond the contract: across processes, across faults of the database, and in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from deploy.local.postgres import Postgres
from holdfast.engine.api import Conflict, EngineError, Expect, Gone, ListQuery, NotEmpty, Stale, Unavailable
from holdfast.engine.cluster import ClusterEngine
from holdfast.engine.cluster.connection import Statement
from holdfast.engine.cluster.engine import prepare
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.place import place_of
from holdfast.model.buckets import Bucket
from tests.cluster_servers import engine_url
from tests.engine.stored import body, put

Opener = Callable[[], ClusterEngine]


@pytest.fixture
def opener(postgres: Postgres, schema: str) -> Opener:
    """Opens the same store once more, as another gateway does; bodies are in memory, for all of them."""
    url = engine_url(postgres.dsn(), "/nowhere", "bodies", schema=schema, inline="64", timeout="3")
    prepare(url)
    pool = MemoryPool()
    return lambda: ClusterEngine.open(url, pools=lambda place: {"": pool})


@asynccontextmanager
async def opened(opener: Opener, count: int = 2) -> AsyncIterator[list[ClusterEngine]]:
    engines = [opener() for _ in range(count)]
    try:
        yield engines
    finally:
        for engine in engines:
            await engine.close()


async def new_bucket(engine: ClusterEngine, name: str = "b") -> Bucket:
    return await engine.catalog.create_bucket(Bucket(namespace="ns", name=name, region="r", owner="alice"))


async def settled(*awaitables: object) -> list[object]:
    return await asyncio.gather(*awaitables, return_exceptions=True)  # type: ignore[call-overload, no-any-return]


async def test_of_many_who_write_only_what_is_absent_one_wins(opener: Opener) -> None:
    async with opened(opener, 3) as engines:
        bucket = await new_bucket(engines[0])
        for key in ("a", "b", "c"):
            tries = [put(engine, bucket, key, str(n).encode(), Expect(absent=True)) for n in range(5) for engine in engines]
            done = await settled(*tries)
            assert [type(outcome) for outcome in done if isinstance(outcome, Exception)] == [Conflict] * 14
            assert len(await body(engines[1], bucket, key)) == 1


async def test_a_bucket_is_either_deleted_or_written_to(opener: Opener) -> None:
    """Beside ten writers of two gateways that go on, a third one tries to delete it."""
    async with opened(opener, 3) as engines:
        for round_number in range(6):
            bucket = await new_bucket(engines[0], f"b{round_number}")
            writers = [put(engines[n % 2], bucket, f"k{n}") for n in range(10)]
            deleted, *written = await settled(engines[2].catalog.delete_bucket(bucket.id), *writers)
            left = await engines[2].catalog.list(ListQuery(bucket_id=bucket.id))
            if isinstance(deleted, Exception):
                assert isinstance(deleted, NotEmpty)
                assert len(left.entries) == 10 and not any(isinstance(outcome, Exception) for outcome in written)
            else:
                assert all(isinstance(outcome, Gone) for outcome in written) and not left.entries


async def test_what_one_gateway_wrote_every_other_one_sees_at_once(opener: Opener) -> None:
    async with opened(opener, 2) as (one, other):
        bucket = await new_bucket(one)
        assert await other.catalog.bucket("ns", "b") == bucket
        for number in range(30):
            await put(one, bucket, "k", b"%d" % number)
            assert await body(other, bucket, "k") == b"%d" % number
        changed = await one.catalog.change_bucket(bucket)
        assert await other.catalog.bucket("ns", "b") == changed
        with pytest.raises(Stale):
            await put(other, bucket, "k")
        await one.catalog.expunge(changed, "k", "null")
        await one.catalog.delete_bucket(changed.id)
        assert await other.catalog.bucket("ns", "b") is None


async def test_a_step_that_breaks_takes_no_other_with_it(opener: Opener) -> None:
    """A statement that fails aborts the transaction that it shares; the others are done again without it."""
    async with opened(opener, 1) as (engine,):
        bucket = await new_bucket(engine)
        poison = engine._database.step(BROKEN, (), (bucket.id, 0))
        good = [put(engine, bucket, f"k{n}") for n in range(20)]
        failed, *rest = await settled(poison, *good)
        assert isinstance(failed, Unavailable) and not any(isinstance(outcome, Exception) for outcome in rest)
        assert len((await engine.catalog.list(ListQuery(bucket_id=bucket.id))).entries) == 20


BROKEN = Statement("create_bucket", "")
"""Sent with no parameters, which PostgreSQL refuses."""


async def test_a_revocation_is_heard_by_all_within_a_second(opener: Opener) -> None:
    async with opened(opener, 2) as (one, other):
        await one.registry.put("key", "k", b"1")
        await until(lambda: other.registry.generation() == other.registry.generation())
        for number in range(5):
            before = other.registry.generation()
            await one.registry.put("key", "k", b"%d" % number)
            await until(lambda before=before: other.registry.generation() != before, 1.0)
            found = await other.registry.get("key", "k")
            assert found is not None and found.value == b"%d" % number


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


async def test_who_cannot_ask_caches_nothing_and_says_so_once(
    opener: Opener, postgres: Postgres, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "holdfast.engine")
    async with opened(opener, 1) as (engine,):
        await until(lambda: engine.registry.generation() == engine.registry.generation())
        dsn, engine._watcher._dsn = engine._watcher._dsn, "host=127.0.0.1 port=1 connect_timeout=1"
        cut_off(postgres, schema)
        await until(lambda: engine.registry.generation() != engine.registry.generation(), 3.0)
        await asyncio.sleep(1.5)  # it goes on trying several times a second
        engine._watcher._dsn = dsn
        await until(lambda: engine.registry.generation() == engine.registry.generation(), 3.0)
    said = [record.message for record in caplog.records if "heard" in record.message]
    assert len(said) == 2 and "is not heard" in said[0] and "is heard again, after" in said[1], said


async def test_a_database_without_a_store_of_this_release_is_said_to_be_one(postgres: Postgres, schema: str) -> None:
    engine = ClusterEngine.open(engine_url(postgres.dsn(), "/nowhere", "bodies", schema=schema), pools=lambda place: {"": MemoryPool()})
    try:
        with pytest.raises(Unavailable, match=r"of another release: start holdfast serve of this release on it \(PostgreSQL: [^:]*\)$"):
            await engine.registry.get("key", "k")
    finally:
        await engine.close()


def cut_off(postgres: Postgres, schema: str) -> None:
    """Ends every connection to the schema."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND usename = current_user", (f"holdfast {schema}",)
        )


async def test_connections_that_are_cut_come_back(opener: Opener, postgres: Postgres, schema: str) -> None:
    async with opened(opener, 1) as (engine,):
        bucket = await new_bucket(engine)
        await put(engine, bucket, "k", b"kept")
        for _ in range(3):
            cut_off(postgres, schema)
            assert await body(engine, bucket, "k") == b"kept"
            try:
                await put(engine, bucket, "k", b"kept")
            except Unavailable:  # cut in the middle: nobody knows, so it is said
                await put(engine, bucket, "k", b"kept")
        assert await engine.catalog.list(ListQuery(bucket_id=bucket.id))


async def test_a_database_that_is_away_is_said_in_bounded_time(opener: Opener, postgres: Postgres, schema: str) -> None:
    url = engine_url("host=127.0.0.1 port=1", "/nowhere", "bodies", schema=schema, timeout="3")
    engine = ClusterEngine.open(url, pools=lambda place: {"": MemoryPool()})
    try:
        for _ in range(2):
            async with asyncio.timeout(8):
                with pytest.raises(Unavailable):
                    await engine.catalog.bucket("ns", "b")
                with pytest.raises(Unavailable):
                    await new_bucket(engine)
                assert "PostgreSQL" in await engine.check()
        with pytest.raises(EngineError):
            prepare(url)
    finally:
        await engine.close()


async def test_a_job_is_leased_to_one_and_passes_on(opener: Opener) -> None:
    async with opened(opener, 2) as (one, other):
        assert await one.lease("sweep", 30) and not await other.lease("sweep", 30)
        assert await one.lease("sweep", 1)
        assert await other.lease("pars", 30)
        await asyncio.sleep(1.2)
        assert await other.lease("sweep", 30) and not await one.lease("sweep", 30)
        assert await other.lease("sweep", 0)
        assert await one.lease("sweep", 30)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("cluster://host/?postgres=x", "an engine is given as"),
        ("cluster://?postgres=x&ceph=c", "lacks pool"),
        ("cluster://?postgres=x&ceph=c&pool=p&colour=red", "colour"),
        ("cluster://?postgres=x&ceph=c&pool=p&pool=q", "twice"),
        ("cluster://?postgres=x&ceph=c&pool=p&inline=-1", "inline"),
        ("cluster://?postgres=x&ceph=c&pool=p&schema=a;b", "schema"),
    ],
)
def test_a_url_that_means_nothing_is_told_why(url: str, why: str) -> None:
    with pytest.raises(EngineError, match=why):
        place_of(url)
