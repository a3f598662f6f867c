"""The contract of moving a store: frozen for everybody at once, walked from end to end, and filled with what is given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.engine.api import ANYTHING, AlreadyExists, Conflict, Engine, Expect, Frozen, Gone, Unavailable
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.moving import Counters
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Facts, Part, Upload, Version
from tests.engine.stored import put
from tests.engine.test_contract_pars import par, token_of


async def written(engine: Engine, data: bytes) -> tuple[Any, ...]:
    writer = engine.blobs.writer(len(data))
    await writer.write(data)
    return await writer.finish()


async def changes_of(engine: Engine, bucket: Bucket) -> dict[str, Callable[[], Awaitable[object]]]:
    """Every step that would change something, on a store where each of them could."""
    catalog, registry = engine.catalog, engine.registry
    await put(engine, bucket, "k", b"x" * 5000)
    upload = Upload(upload_id="u", bucket_id=bucket.id, key="k", initiated_ms=1, owner="o", initiator="o")
    await catalog.start_upload(bucket, upload)
    part = Part(number=1, size=3, etag="e", modified_ms=1, blobs=(engine.blobs.inline(b"abc"),))
    await catalog.add_part(upload, part)
    empty = await catalog.create_bucket(Bucket(namespace="ns", name="empty", region="r", owner="o"))
    request = await catalog.create_par(par(bucket, "p", expires_ms=5))
    await registry.put("user", "ann", b"1")
    new = Version(key="k", etag="e", size=1, blobs=(engine.blobs.inline(b"y"),))
    whole = Version(key="k", etag="e-1", size=3, blobs=(await catalog.parts(upload))[0].blobs)
    return {
        "create_bucket": lambda: catalog.create_bucket(Bucket(namespace="ns", name="late", region="r", owner="o")),
        "change_bucket": lambda: catalog.change_bucket(bucket),
        "delete_bucket": lambda: catalog.delete_bucket(empty.id),
        "commit": lambda: catalog.commit(bucket, new),
        "marker": lambda: catalog.commit(bucket, Version(key="k", version_id="m", is_delete_marker=True)),
        "amend": lambda: catalog.amend(bucket, "k", None, Facts(tags={"a": "b"}), ANYTHING),
        "expunge": lambda: catalog.expunge(bucket, "k", "null"),
        "start_upload": lambda: catalog.start_upload(bucket, msgspec.structs.replace(upload, upload_id="v")),
        "add_part": lambda: catalog.add_part(upload, part),
        "finish_upload": lambda: catalog.finish_upload(bucket, upload, whole),
        "abort_upload": lambda: catalog.abort_upload(upload),
        "create_par": lambda: catalog.create_par(par(bucket, "q")),
        "delete_par": lambda: catalog.delete_par(bucket.id, "p"),
        "create_par_upload": lambda: catalog.create_par_upload(token_of(request, "u")),
        "purge_pars": lambda: catalog.purge_pars(100),
        "put": lambda: registry.put("user", "bob", b"2"),
        "put_all": lambda: registry.put_all([("user", "bob", b"2", None)]),
        "delete": lambda: registry.delete("user", "ann"),
    }


async def everything(engine: Engine, bucket: Bucket) -> list[object]:
    found: list[object] = [await engine.moving.documents(), await engine.moving.buckets(), await engine.moving.versions(bucket.id)]
    uploads = (await engine.catalog.uploads(bucket.id)).uploads
    return [*found, uploads, [await engine.catalog.parts(upload) for upload in uploads], await engine.catalog.pars(bucket.id)]


async def test_a_frozen_store_refuses_every_change_and_goes_on_reading(engine: Engine, bucket: Bucket) -> None:
    changes = await changes_of(engine, bucket)
    before = await everything(engine, bucket)
    assert await engine.moving.frozen() == ""
    await engine.moving.freeze("moved elsewhere")
    assert await engine.moving.frozen() == "moved elsewhere"
    for name, change in changes.items():
        with pytest.raises(Frozen):
            await change()
            raise AssertionError(f"{name} went through")
    assert isinstance(Frozen("x"), Unavailable)
    assert await everything(engine, bucket) == before
    version = await engine.catalog.version(bucket.id, "k", body=True)
    assert version is not None
    assert b"".join([piece async for piece in engine.blobs.read(version.blobs, 0, version.size)]) == b"x" * 5000
    assert await engine.check() == ""
    await engine.moving.release()
    assert await engine.moving.frozen() == ""
    await changes["finish_upload"]()
    assert (await engine.catalog.version(bucket.id, "k")) != version


async def test_a_step_that_changes_nothing_is_answered_on_a_frozen_store(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"x")
    await engine.moving.freeze("m")
    with pytest.raises((Conflict, Frozen)):
        await engine.catalog.commit(bucket, Version(key="k"), Expect(absent=True))
    with pytest.raises((Gone, Frozen)):
        await engine.catalog.commit(msgspec.structs.replace(bucket, id=99), Version(key="k"))
    await engine.blobs.discard(await written(engine, b"n" * 5000))


async def test_a_store_is_walked_from_end_to_end(engine: Engine, bucket: Bucket) -> None:
    other = await engine.catalog.create_bucket(Bucket(namespace="other/volume", name="first", region="r", owner="o"))
    for key in ("b", "a", "é", "\U0001f600", "b"):
        for version_id in ("1", "2", "null"):
            await engine.catalog.commit(bucket, Version(key=key, version_id=key + version_id, size=2, blobs=(engine.blobs.inline(b"zz"),)))
    await engine.catalog.commit(bucket, Version(key="b", version_id="m", is_delete_marker=True))
    await put(engine, other, "elsewhere", b"1")
    for kind, name in (("user", "b"), ("key", "z"), ("user", "a")):
        await engine.registry.put(kind, name, name.encode())
    await engine.registry.put("user", "a", b"again")
    request = await engine.catalog.create_par(par(bucket, "p"))
    for upload_id in ("1", "2", "3"):
        await engine.catalog.create_par_upload(token_of(request, upload_id))
    for limit in (1, 2, 1000):
        buckets = await walked(engine.moving.buckets, lambda b: b.id, 0, limit)
        assert buckets == [await engine.catalog.bucket("ns", "first"), other]
        documents = await walked(engine.moving.documents, lambda d: (d.kind, d.name), ("", ""), limit)
        assert documents == [Document("key", "z", b"z", 1), Document("user", "a", b"again", 2), Document("user", "b", b"b", 1)]
        versions = await walked(lambda **q: engine.moving.versions(bucket.id, **q), lambda v: (v.key, v.seq), ("", 0), limit)
        assert [v.key for v in versions] == ["a"] * 3 + ["b"] * 4 + ["é"] * 3 + ["\U0001f600"] * 3
        assert [v.version_id for v in versions[3:7]] == ["b1", "b2", "bnull", "m"] and versions[6].is_delete_marker
        assert all(one.seq < two.seq for one, two in pairwise(versions) if one.key == two.key)
        assert [sum(blob.size for blob in v.blobs) for v in versions] == [0 if v.is_delete_marker else 2 for v in versions]
        tokens = await walked(engine.moving.par_uploads, lambda t: t.digest, b"", limit)
        assert sorted(t.upload_id for t in tokens) == ["1", "2", "3"] and tokens == sorted(tokens, key=lambda t: t.digest)


async def walked(page: Callable[..., Any], place: Callable[[Any], Any], after: Any, limit: int) -> list[Any]:
    found: list[Any] = []
    while some := await page(after=after, limit=limit):
        assert len(some) <= limit
        found += some
        after = place(some[-1])
    return found


async def test_what_is_given_is_kept_in_a_store_that_is_filled(engine: Engine) -> None:
    moving, catalog = engine.moving, engine.catalog
    document, given = Document("user", "ann", b"value", 7), Bucket(id=41, namespace="n", name="b", region="r", owner="o", created_ms=5, revision=9)
    for place in (moving.place_document(document), moving.place_bucket(given)):
        with pytest.raises(Unavailable):  # only in a store that is being filled
            await place
    await moving.fill("from elsewhere")
    await moving.place_document(document)
    assert await engine.registry.get("user", "ann") == document
    await moving.place_bucket(given)
    assert await catalog.bucket("n", "b") == given
    with pytest.raises(AlreadyExists):
        await moving.place_bucket(msgspec.structs.replace(given, id=42))
    for seq, version_id in ((1000, "1"), (1003, "2")):
        stored = (await catalog.commit(given, Version(key="k", version_id=version_id, seq=seq, size=3, blobs=(engine.blobs.inline(b"abc"),)))).version
        assert stored is not None and stored.seq == seq
    changed = msgspec.structs.replace(given, revision=12, versioning="Enabled", settings={"tagging": "{}"}, compartment="c")
    await moving.place_bucket(changed)
    assert await catalog.bucket("n", "b") == changed
    live = await catalog.version(given.id, "k")
    assert live is not None and live.version_id == "2" and live.is_latest
    assert (await catalog.create_par(msgspec.structs.replace(par(changed, "p"), number=17))).number == 17
    await moving.raise_counters(Counters(50, 20, 2000))
    await moving.release()
    assert (await catalog.create_bucket(Bucket(namespace="n", name="c", region="r", owner="o"))).id > 50
    assert (await catalog.create_par(par(changed, "q"))).number > 20
    late = (await catalog.commit(changed, Version(key="k", version_id="3", seq=5))).version
    assert late is not None and late.seq > 2000
    counters = await moving.counters()
    assert counters.bucket_id > 50 and counters.par > 20 and counters.seq >= late.seq
    assert (await engine.registry.put("user", "ann", b"next", 7)).revision == 8


async def test_nothing_is_committed_after_freeze_returns_by_any_process(tmp_path: Path) -> None:
    """Other handles commit as fast as they can; what they were told is stored is there at the freeze, and nothing comes after it."""
    acknowledged, state = await storm_and_freeze(tmp_path, look=True)
    assert state[0] == state[1] == len(acknowledged) > 20


async def test_the_storm_would_notice_a_freeze_that_lets_one_through(tmp_path: Path) -> None:
    """The same with commits that do not look: the test above can fail."""
    _, state = await storm_and_freeze(tmp_path, look=False)
    assert state[1] > state[0]


async def storm_and_freeze(path: Path, *, look: bool) -> tuple[list[str], list[int]]:
    """The keys that were acknowledged, and how many there are at the freeze and a while later."""
    mover, *others = (EmbeddedEngine.open(path) for _ in range(4))
    bucket = await mover.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    if not look:
        for engine in others:
            for writer in engine._writers.values():
                writer.filling = True
    acknowledged: list[str] = []
    begun = asyncio.Event()

    async def client(engine: Engine, name: str) -> None:
        for number in range(3000):
            try:
                await engine.catalog.commit(bucket, Version(key=f"{name}/{number}", size=1, blobs=(engine.blobs.inline(b"x"),)))
                acknowledged.append(f"{name}/{number}")
                if len(acknowledged) == 200:
                    begun.set()
            except Frozen:
                return

    clients = [asyncio.create_task(client(engine, f"{at}{lane}")) for at, engine in enumerate(others) for lane in range(4)]
    await begun.wait()
    await mover.moving.freeze("moved")
    counts = []
    for wait in (0.0, 0.3):
        await asyncio.sleep(wait)
        counts.append(len(await mover.moving.versions(bucket.id, limit=100_000)))
    if not look:
        for task in clients:
            task.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    for engine in (mover, *others):
        await engine.close()
    return acknowledged, counts


async def test_a_freeze_outlives_restarts_and_is_seen_by_who_opens_later(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path)
    await engine.moving.freeze("moved")
    await engine.close()
    again = EmbeddedEngine.open(tmp_path)
    with pytest.raises(Frozen):
        await again.registry.put("user", "a", b"")
    other = EmbeddedEngine.open(tmp_path)
    await other.moving.fill("filled")
    await other.registry.put("user", "a", b"")
    with pytest.raises(Frozen):
        await again.registry.put("user", "b", b"")
    await other.moving.release()
    await again.registry.put("user", "b", b"")
    for one in (again, other):
        await one.close()


def test_looking_whether_it_is_frozen_costs_nothing(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path)
    generation = engine._generations["catalog"]
    best = min(_seconds(generation.frozen) for _ in range(20))
    asyncio.run(engine.close())
    assert best < 1e-6, f"{best * 1e9:.0f} ns"


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(1000):
        call()
    return (time.perf_counter() - begun) / 1000
