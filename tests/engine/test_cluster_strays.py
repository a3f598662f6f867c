"""What becomes of bodies in a pool that nobody names any more: discarded, swept, or in use a little longer; and where each lies."""

from __future__ import annotations

import asyncio
import gc
import os
import time

import pytest

from holdfast.engine.api import Gone
from holdfast.engine.cluster import removal, stripes
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.session import UNNEEDED, Session
from holdfast.engine.cluster.stripes import STRIPE_BYTES
from holdfast.model.objects import Blob
from tests.engine.cluster_store import BODY, Store


@pytest.fixture
def memory() -> MemoryPool:
    return MemoryPool()


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




async def test_a_blob_belongs_to_the_classes_of_its_pool(memory: MemoryPool) -> None:
    store = Store(memory, ("GLACIER_IR", MemoryPool(9)))
    cold, warm = await store.put(BODY[:5000], "GLACIER_IR"), await store.put(BODY[:5000])
    small = store.blobs.inline(b"small")
    assert store.blobs.belongs(cold, "GLACIER_IR") and not store.blobs.belongs(cold, "STANDARD") and not store.blobs.belongs(warm + cold, "STANDARD")
    assert store.blobs.belongs((*warm, small), "STANDARD") and store.blobs.belongs((small,), "GLACIER_IR")
    assert Store(memory).blobs.belongs(cold, "STANDARD"), "with one pool all belong there"
