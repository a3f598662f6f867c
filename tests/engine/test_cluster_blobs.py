"""Bodies of the cluster engine, on the pool in memory and on a real Ceph: what is written is read, or refused; strays go, nothing else does."""

from __future__ import annotations

import asyncio
import gc
import random
import time

import pytest

from deploy.local.ceph import Ceph
from holdfast.engine.api import Damaged, EngineError, Full, Gone, Unavailable
from holdfast.engine.cluster import held, reading, stripes, writing
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.rados_pool import open_pools
from holdfast.engine.cluster.stripes import STRIPE_BYTES
from holdfast.model.objects import Blob
from tests.engine.cluster_store import BODY, INLINE, Store


@pytest.fixture
def memory() -> MemoryPool:
    return MemoryPool()


@pytest.fixture(params=["memory", "ceph"])
def anywhere(request: pytest.FixtureRequest) -> Pool:
    if request.param == "memory":
        return MemoryPool()
    ceph: Ceph = request.getfixturevalue("ceph")
    return open_pools(str(ceph.conf), "holdfast", request.getfixturevalue("pool"), {}, 10)[""]


async def names(pool: Pool) -> list[str]:
    return sorted([name async for batch in pool.walk() for name in batch])


SIZES = (INLINE + 1, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1, STRIPE_BYTES - 1, STRIPE_BYTES, STRIPE_BYTES + 1, len(BODY))


async def test_what_is_written_is_read_in_any_range_and_swept_when_nobody_names_it(anywhere: Pool) -> None:
    store = Store(anywhere)
    chance = random.Random(1)
    for size in SIZES:
        data = BODY[:size]
        blobs = await store.put(data, piece=chance.choice((1000, 65536, 300_001, 5 << 20)))
        assert [len(blob.id) for blob in blobs] == [16]
        assert await store.get(blobs) == data
        for _ in range(6):
            start = chance.randrange(size)
            length = chance.randrange(size - start) + 1
            assert await store.get(blobs, start, length) == data[start : start + length]
        assert await store.sweep() == 0, "the blob is still in our hands"
        store.named.add(blobs[0].id)
        del blobs
        gc.collect()
        assert await store.sweep() == 0, "a version names it"
        store.named.clear()
        assert await store.sweep(3600) == 0, "it is not old enough"
        assert await store.sweep() == -(-size // STRIPE_BYTES)
    assert await names(anywhere) == []
    await store.blobs.close()


async def test_a_small_body_costs_one_operation_each_way(memory: MemoryPool) -> None:
    store = Store(memory)
    for size in (INLINE + 1, 65536, 1 << 20):
        blobs = await store.put(BODY[:size])
        assert [operation for operation, _ in memory.calls] == ["write"]
        await store.get(blobs)
        await store.get(blobs, 10, 20)
        assert [operation for operation, _ in memory.calls] == ["write", "read", "read"]
        memory.calls.clear()
    blobs = await store.put(BODY[:STRIPE_BYTES])
    memory.calls.clear()
    await store.get(blobs, 3 << 20, 1000)
    assert [operation for operation, _ in memory.calls] == ["read", "read"], "the range, and beside it the checks"


async def test_bodies_of_at_most_inline_max_never_reach_the_pool(memory: MemoryPool) -> None:
    store = Store(memory)
    (blob,) = await store.put(BODY[:INLINE], piece=10)
    assert blob.inline == BODY[:INLINE] == store.blobs.inline(BODY[:INLINE]).inline and blob.id == b""
    assert await store.get((blob,)) == BODY[:INLINE]
    assert await store.put(b"") == ()
    assert memory.calls == []


async def test_a_run_of_stored_and_small_blobs_is_read_in_any_range(memory: MemoryPool) -> None:
    store = Store(memory)
    one, two = await store.put(BODY[: 5 << 20]), await store.put(BODY[:100_000])
    tail = store.blobs.inline(b"tail")
    store.bodies[77] = b"tail"
    stored = Blob(b"i" + (77).to_bytes(8, "big"), 4, tail.check)
    run, whole = one + two + (stored,), BODY[: 5 << 20] + BODY[:100_000] + b"tail"
    assert await store.get(run) == whole
    for start, length in ((0, 1), (len(whole) - 5, 5), (len(whole) - 2, 2), ((5 << 20) - 3, 6), (4 << 20, (1 << 20) + 100_002)):
        assert await store.get(run, start, length) == whole[start : start + length]
    pieces = store.blobs.read(run, 0, len(whole))
    first = await anext(pieces)
    store.bodies.clear()  # it goes with its row when the object is replaced
    assert first + b"".join([piece async for piece in pieces]) == whole
    with pytest.raises(Gone):
        await store.get(run)
    store.bodies[77] = b"liat"
    with pytest.raises(Damaged):
        await store.get(run)


async def test_several_objects_are_in_flight_and_no_more_than_agreed() -> None:
    memory = MemoryPool(latency_s=0.01)
    store = Store(memory)
    data = BODY * 8
    blobs = await store.put(data, piece=1 << 20)
    assert 2 <= memory.in_flight_most <= writing.IN_FLIGHT_MAX
    memory.in_flight_most = 0
    assert await store.get(blobs) == data
    assert 4 <= memory.in_flight_most <= reading.AHEAD_MAX


async def test_a_flipped_bit_anywhere_in_an_object_is_never_given(memory: MemoryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(memory)
    size = STRIPE_BYTES + 100_000
    blobs = await store.put(BODY[:size])
    chance = random.Random(5)
    for name, (data, written) in list(memory.objects.items()):
        head = stripes.head_bytes(STRIPE_BYTES if name.endswith(".0") else 100_000)
        for place in [*range(0, head, 3), *[chance.randrange(len(data)) for _ in range(15)]]:
            flipped = bytearray(data)
            flipped[place] ^= 1 << chance.randrange(8)
            memory.objects[name] = (bytes(flipped), written)
            with pytest.raises(Damaged):
                await store.get(blobs)
        memory.objects[name] = (data, written)
    assert await store.get(blobs) == BODY[:size]
    # the control: without the checks the same flip comes out
    name = stripes.name_of(blobs[0].id, 0)
    flipped = bytearray(memory.objects[name][0])
    flipped[1_000_000] ^= 1
    memory.objects[name] = (bytes(flipped), 0.0)
    with pytest.raises(Damaged):
        await store.get(blobs)
    assert await store.get(blobs, 2 << 20, 1 << 20) == BODY[2 << 20 : 3 << 20], "a range beside the damage is given"
    monkeypatch.setattr(reading, "verify", lambda *_: None)
    assert await store.get(blobs) != BODY[:size]


async def test_missing_truncated_and_exchanged_objects_are_told(memory: MemoryPool) -> None:
    store = Store(memory)
    one, two = await store.put(BODY[: len(BODY)]), await store.put(bytes(len(BODY)))
    name, other = stripes.name_of(one[0].id, 2), stripes.name_of(two[0].id, 2)
    kept = memory.objects.copy()
    del memory.objects[name]
    with pytest.raises(Gone):  # told before the first byte
        await anext(store.blobs.read(one, 0, len(BODY)))
    for length in (0, 5, 300, 600_000, len(kept[name][0]) - 1):
        memory.objects[name] = (kept[name][0][:length], 0.0)
        with pytest.raises(Damaged):
            await store.get(one)
    memory.objects[name] = kept[other]
    with pytest.raises(Damaged):
        await store.get(one)
    memory.objects[name] = kept[stripes.name_of(one[0].id, 1)]
    with pytest.raises(Damaged):
        await store.get(one)
    memory.objects[name] = kept[name]
    assert await store.get(one) == BODY


@pytest.mark.parametrize(("error", "told"), [(Full("full"), Full), (Unavailable("lost"), Unavailable)])
async def test_a_write_that_fails_is_refused_and_leaves_nothing(memory: MemoryPool, error: EngineError, told: type[EngineError]) -> None:
    store = Store(memory)
    for fails_at in range(3):
        memory.plan["write"] = [None] * fails_at + [error]
        with pytest.raises(told):
            await store.put(BODY)
        await asyncio.sleep(0.01)
        gc.collect()
        assert memory.objects == {}
        assert store.session.oldest_open() == store.session._next
    assert await store.get(await store.put(BODY)) == BODY


async def test_a_pool_that_does_not_answer_is_unavailable_in_bounded_time_and_works_again(memory: MemoryPool) -> None:
    store = Store(memory)
    blobs = await store.put(BODY)
    memory.lost = True
    begun = time.monotonic()
    for call in (store.put(BODY), store.get(blobs), store.blobs.check(), store.put(BODY[:5000])):
        with pytest.raises(Unavailable):
            await call
    await store.blobs.discard(blobs)  # never raises for what it cannot remove
    assert time.monotonic() - begun < 10
    memory.lost = False
    await asyncio.sleep(0.2)
    assert await store.get(await store.put(BODY)) == BODY
    await store.blobs.check()


async def test_who_writes_where_nothing_answers_waits_once_and_not_again_for_the_removal(memory: MemoryPool) -> None:
    store = Store(memory)
    memory.lost, memory.timeout_s = True, 0.6
    for body in (BODY[:5000], BODY):
        begun = time.monotonic()
        writer = store.blobs.writer(None)
        with pytest.raises(Unavailable):
            await writer.write(body)
            await writer.finish()
        await writer.abort()  # as whoever receives a body does
        assert time.monotonic() - begun < 1.0, len(body)
    await asyncio.sleep(0.8)
    assert store.session.oldest_open() == store.session._next


async def test_a_quota_is_full_and_removing_makes_room(memory: MemoryPool) -> None:
    store = Store(memory)
    blobs = await store.put(BODY)
    memory.quota_bytes = 12 << 20
    with pytest.raises(Full):
        await store.put(BODY)
    assert await store.get(blobs) == BODY
    await store.blobs.discard(blobs)
    assert await store.get(await store.put(BODY)) == BODY


async def test_writers_abort_and_end(memory: MemoryPool) -> None:
    store = Store(memory)
    writer = store.blobs.writer(None)
    await writer.write(BODY)
    await writer.abort()
    await writer.abort()
    for call in (writer.write(b"x"), writer.finish()):
        with pytest.raises(Unavailable, match="closed"):
            await call
    assert memory.objects == {} and store.session.oldest_open() == store.session._next
    writer = store.blobs.writer(None)
    await writer.write(BODY)
    task = asyncio.create_task(writer.finish())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.abort()
    assert memory.objects == {}


async def test_many_writers_make_do_with_little_each(memory: MemoryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "HELD_BYTES_MAX", 8 << 20)
    memory.latency_s = 0.005
    store = Store(memory)
    most = 0

    async def upload() -> tuple[Blob, ...]:
        nonlocal most
        writer = store.blobs.writer(None)
        for at in range(0, len(BODY), 100_000):
            await writer.write(BODY[at : at + 100_000])
            most = max(most, store.blobs._held.bytes)
        return await writer.finish()

    blobs = await asyncio.gather(*[upload() for _ in range(20)])
    assert most < (8 << 20) + 20 * (2 * writing.SMALL_BYTES + 200_000)
    assert sum(len(run) > 1 for run in blobs) > 10
    for run in blobs:
        assert await store.get(run) == BODY
    assert store.blobs._held.bytes == 0
    (single,) = await store.put(BODY)
    aborted = store.blobs.writer(None)
    await aborted.write(BODY)
    await aborted.abort()
    dropped = store.blobs.writer(None)
    await dropped.write(BODY[:2_000_000])
    del dropped
    assert store.blobs._held.bytes == 0 and single.size == len(BODY)
    names_left = {stripes.blob_of(name) for name in memory.objects}
    assert names_left == {blob.id for run in blobs for blob in run} | {single.id}


async def test_many_downloads_make_do_with_little_each(memory: MemoryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(memory)
    blobs = await store.put(BODY)
    monkeypatch.setattr(held, "HELD_BYTES_MAX", 16 << 20)
    readings = [store.blobs.read(blobs, 0, len(BODY)) for _ in range(20)]
    begun = [await anext(pieces) for pieces in readings]  # and then nobody takes more for a while
    assert store.blobs._ahead.bytes < (16 << 20) + 21 * (reading.PIECE_BYTES + 1000)
    for first, pieces in zip(begun[:15], readings[:15], strict=True):
        assert first + b"".join([piece async for piece in pieces]) == BODY
    del readings, pieces
    gc.collect()
    assert store.blobs._ahead.bytes == 0


async def test_operations_in_flight_are_never_garbage(ceph: Ceph, shared_pool: str) -> None:
    """librados knows an operation by an address alone; what holds the object there is its pool's context, one for each connection."""
    pool = open_pools(str(ceph.conf), "holdfast", shared_pool, {}, 10, namespace="held")[""]
    try:
        names = [f"{number}.0" for number in range(24)]
        written = asyncio.gather(*[pool.write(name, [b"x" * 9000], 9000) for name in names])
        while not written.done():
            gc.collect()
            await asyncio.sleep(0)
        await written
        held = pool._cluster._contexts
        assert len(held) == 1 and held[0] is pool._io
        for name in names:
            await pool.remove(name)
    finally:
        await pool.close()
    assert not pool._cluster._contexts
