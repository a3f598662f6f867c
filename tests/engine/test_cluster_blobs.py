"""Bodies of the cluster engine, on the pool in memory and on a real Ceph: what is written is read, or refused; strays go, nothing else does."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time

import pytest

from deploy.local.ceph import Ceph
from holdfast.engine.api import Damaged, EngineError, Full, Gone, Unavailable
from holdfast.engine.cluster import reading, removal, stripes, writing
from holdfast.engine.cluster.blobs import ClusterBlobs
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.rados_pool import open_pools
from holdfast.engine.cluster.session import UNNEEDED, Session
from holdfast.engine.cluster.stripes import STRIPE_BYTES
from holdfast.model.objects import Blob

INLINE = 1024
BODY = random.Random(7).randbytes(9 << 20)


class Store:
    """Blobs on one pool, and the catalog that the test plays: `named` blobs, `bodies` of small ones, `alive` sessions."""

    def __init__(self, pool: Pool, *others: tuple[str, Pool], linger_s: float = 0) -> None:
        self.pool = pool
        self.named: set[bytes] = set()
        self.bodies: dict[int, bytes] = {}
        self.alive: dict[bytes, int] = {}
        self.asked: list[int] = []
        self.session = Session()
        pools = {"": pool} | dict(others)
        self.blobs = ClusterBlobs(pools, INLINE, self._inline, self._unnamed, self.session, linger_s=linger_s)

    async def _inline(self, number: int) -> bytes | None:
        return self.bodies.get(number)

    async def _unnamed(self, ids: list[bytes]) -> list[bytes]:
        self.asked.append(len(ids))
        await asyncio.sleep(0.001)
        return [found for found in ids if found not in self.named]

    async def _alive(self) -> dict[bytes, int]:
        return self.alive

    async def put(self, data: bytes, storage_class: str = "", piece: int = 300_000) -> tuple[Blob, ...]:
        writer = self.blobs.writer(len(data), storage_class)
        for at in range(0, len(data), piece):
            await writer.write(data[at : at + piece])
        return await writer.finish()

    async def get(self, blobs: tuple[Blob, ...], start: int = 0, length: int | None = None) -> bytes:
        size = sum(blob.size for blob in blobs)
        pieces = [piece async for piece in self.blobs.read(blobs, start, size - start if length is None else length)]
        assert all(pieces) and max(map(len, pieces), default=0) <= reading.PIECE_BYTES + 1
        return b"".join(pieces)

    async def sweep(self, older_than_s: float = -100) -> int:
        return await self.blobs.sweep(older_than_s, self._alive)


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


async def test_M121_what_is_written_is_read_in_any_range_and_swept_when_nobody_names_it(anywhere: Pool) -> None:
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
    assert time.monotonic() - begun < 2
    memory.lost = False
    await asyncio.sleep(0.2)
    assert await store.get(await store.put(BODY)) == BODY
    await store.blobs.check()


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


async def test_discard_asks_first_and_takes_all_objects(memory: MemoryPool) -> None:
    store = Store(memory)
    kept, gone, freed = await store.put(BODY), await store.put(BODY), await store.put(BODY[:5000])
    store.named = {kept[0].id, freed[0].id}
    await store.blobs.discard(kept + gone + (Blob(b"", 1, 0, b"x"), Blob(b"i" + bytes(8), 4)))
    await store.blobs.discard(gone)
    assert await store.get(kept) == BODY
    assert len(memory.objects) == 3 + 1
    store.asked.clear()
    await store.blobs.discard([Blob(freed[0].id, freed[0].size, UNNEEDED)])
    assert store.asked == [] and len(memory.objects) == 3
    with pytest.raises(Gone):
        await store.get(freed)


async def test_many_discards_ask_a_few_questions(memory: MemoryPool) -> None:
    store = Store(memory)
    many = [await store.put(BODY[:2000]) for _ in range(50)]
    await asyncio.gather(*[store.blobs.discard(blobs) for blobs in many])
    assert memory.objects == {} and len(store.asked) <= 3 and sum(store.asked) == 50


async def test_a_download_outlives_its_object_for_a_while(memory: MemoryPool) -> None:
    store = Store(memory, linger_s=0.2)
    blobs = await store.put(BODY)
    pieces = store.blobs.read(blobs, 0, len(BODY))
    first = await anext(pieces)
    await store.blobs.discard(blobs)
    assert first + b"".join([piece async for piece in pieces]) == BODY
    await asyncio.sleep(0.3)
    assert memory.objects == {}
    assert removal.LINGER_S >= 60


async def test_the_sweep_takes_what_dead_sessions_left_and_spares_the_living(memory: MemoryPool) -> None:
    dead, living, sweeping = Store(memory), Store(memory), Store(memory)
    left = await dead.put(BODY)
    writer = living.blobs.writer(None)
    await writer.write(BODY[: 5 << 20])
    finished = await living.put(BODY[:70_000])
    await asyncio.sleep(0.01)
    sweeping.alive = {dead.session.id: 0, living.session.id: living.session.oldest_open()}
    assert await sweeping.sweep() == 0
    del sweeping.alive[dead.session.id]
    assert await sweeping.sweep() == 3 and left
    await writer.abort()
    sweeping.alive = {living.session.id: living.session.oldest_open()}
    assert await sweeping.sweep() == 0, "finished, and perhaps about to be committed"
    del finished
    gc.collect()
    sweeping.alive = {living.session.id: living.session.oldest_open()}
    assert await sweeping.sweep() == 1
    memory.objects["not one of ours"] = memory.objects["zz" * 16 + ".0"] = memory.objects["00" * 16 + ".x"] = (b"", 0.0)
    assert await sweeping.sweep() == 0


async def test_the_sweep_of_many_objects_remembers_few(memory: MemoryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.engine.cluster import sweeping

    monkeypatch.setattr(sweeping, "NAMED_MAX", 50)
    monkeypatch.setattr(sweeping, "FOUND_MAX", 50)
    store = Store(memory)
    for number in range(3000):
        blob_id = stripes.blob_id(b"8 bytes!", 1, number)
        memory.objects[stripes.name_of(blob_id, 0)] = (b"", 0.0)
        if number % 2:
            store.named.add(blob_id)
    walk = sweeping.Sweep(memory, store._unnamed, store._alive, time.time(), 0.01)
    assert await walk.run() == 1500
    assert len(walk._named) <= 50 and not walk._found and max(store.asked) <= 100
    assert len(memory.objects) == 1500


async def test_storage_classes_go_to_their_pools_and_reading_needs_no_class(memory: MemoryPool) -> None:
    cold = MemoryPool(9)
    memory.siblings[9] = cold
    store = Store(memory, ("GLACIER_IR", cold))
    warm_blobs, cold_blobs = await store.put(BODY[:5000], "STANDARD"), await store.put(BODY[:6000], "GLACIER_IR")
    assert len(memory.objects) == 1 and len(cold.objects) == 1
    later = Store(memory)  # the class has no pool of its own any more
    assert await later.get(warm_blobs) == BODY[:5000] and await later.get(cold_blobs) == BODY[:6000]
    await later.blobs.discard(cold_blobs)
    assert cold.objects == {}
    await store.put(BODY[:6000], "GLACIER_IR")
    store.named.add(warm_blobs[0].id)
    del warm_blobs, cold_blobs  # what is not in anybody's hands any more may be a stray
    gc.collect()
    assert await store.sweep() == 1, "all pools are swept"


def test_a_session_knows_its_oldest_open_number() -> None:
    session = Session()
    assert session.oldest_open() == 1
    first, second = session.open(), session.open()
    assert session.oldest_open() == first
    session.close(first)
    assert session.oldest_open() == second
    session.close(second)
    session.close(second)
    assert session.oldest_open() == 3
    assert Session().id != session.id and len(session.id) == 8


def test_ids_say_where_a_blob_is() -> None:
    made = stripes.blob_id(os.urandom(8), 0xABCDEF, 0x1234567890)
    assert len(made) == 16 and stripes.pool_of(made) == 0xABCDEF and stripes.counter_of(made) == 0x1234567890
    assert [stripes.blob_of(name) for name in stripes.names_of(made, STRIPE_BYTES + 1)] == [made, made]
    with pytest.raises(OverflowError):
        stripes.blob_id(bytes(8), 1 << 24, 1)


