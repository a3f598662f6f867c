"""The contract of buckets, uploads and registry, run on every engine."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.engine.api import AlreadyExists, Conflict, Engine, Expect, Gone, NotEmpty, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version
from tests.engine.stored import body, mark, put, stored


async def test_buckets_come_change_and_go(engine: Engine, bucket: Bucket) -> None:
    assert bucket.revision == 1 and bucket.id > 0
    assert await engine.catalog.bucket("ns", "first") == bucket
    assert await engine.catalog.bucket("other", "first") is None
    with pytest.raises(AlreadyExists) as caught:
        await engine.catalog.create_bucket(msgspec.structs.replace(bucket, owner="bob"))
    assert caught.value.existing == bucket
    changed = await engine.catalog.change_bucket(msgspec.structs.replace(bucket, versioning="Enabled", settings={"cors": "<x/>"}, owner="no"))
    assert (changed.revision, changed.versioning, changed.settings, changed.owner) == (2, "Enabled", {"cors": "<x/>"}, "alice")
    assert await engine.catalog.bucket("ns", "first") == changed
    with pytest.raises(Stale):
        await engine.catalog.change_bucket(bucket)
    await engine.catalog.delete_bucket(bucket.id)
    assert await engine.catalog.bucket("ns", "first") is None
    for step in (engine.catalog.delete_bucket(bucket.id), engine.catalog.change_bucket(changed)):
        with pytest.raises(Gone):
            await step
    again = await engine.catalog.create_bucket(bucket)
    assert again.id != bucket.id and again.revision == 1


async def test_buckets_are_listed_in_order(engine: Engine, bucket: Bucket) -> None:
    for name, owner in (("b1", "bob"), ("b3", "alice"), ("b2", "bob"), ("c1", "bob")):
        await engine.catalog.create_bucket(Bucket(namespace="ns", name=name, region="r", owner=owner))
    await engine.catalog.create_bucket(Bucket(namespace="other", name="b0", region="r", owner="bob"))

    async def names(**query: object) -> list[str]:
        return [found.name for found in await engine.catalog.buckets("ns", **query)]  # type: ignore[arg-type]

    assert await names() == ["b1", "b2", "b3", "c1", "first"]
    assert await names(owner="bob") == ["b1", "b2", "c1"]
    assert await names(prefix="b", after="b1") == ["b2", "b3"]
    assert await names(owner="bob", limit=2) == ["b1", "b2"]
    assert await names(after="zzz") == []


async def test_only_an_empty_bucket_goes(engine: Engine, bucket: Bucket) -> None:
    for put_in, take_out in (
        (put(engine, bucket, "k"), engine.catalog.expunge(bucket, "k", "null")),
        (mark(engine, bucket, "k", "m"), engine.catalog.expunge(bucket, "k", "m")),
    ):
        await put_in
        with pytest.raises(NotEmpty):
            await engine.catalog.delete_bucket(bucket.id)
        await take_out
    await engine.catalog.delete_bucket(bucket.id)


async def part(engine: Engine, number: int, data: bytes) -> Part:
    return Part(number=number, size=len(data), etag=f"p{len(data)}", modified_ms=number, checksum="c", blobs=await stored(engine, data))


async def start(engine: Engine, bucket: Bucket, key: str, upload_id: str, initiated_ms: int = 1) -> Upload:
    facts = Facts(content_type="a/b", tags={"t": "1"})
    upload = Upload(upload_id=upload_id, bucket_id=bucket.id, key=key, initiated_ms=initiated_ms, owner="o", initiator="i", facts=facts)
    await engine.catalog.start_upload(bucket, upload)
    return upload


async def test_a_bucket_goes_with_its_uploads_or_nothing_goes(engine: Engine, bucket: Bucket) -> None:
    other = await engine.catalog.create_bucket(msgspec.structs.replace(bucket, name="second"))
    kept = await start(engine, other, "k", "kept")
    await engine.catalog.add_part(kept, await part(engine, 1, b"k" * 7000))
    uploads = [await start(engine, bucket, key, key * 3) for key in ("a", "b", "c")]
    for upload in uploads[:2]:
        for number, size in ((1, 5000), (2, 10), (3, 6000)):
            await engine.catalog.add_part(upload, await part(engine, number, b"1" * size))
    shared = (await engine.catalog.parts(kept))[0].blobs
    await engine.catalog.add_part(uploads[0], Part(number=4, size=7000, etag="s", modified_ms=1, blobs=shared))
    for put_in, take_out in (
        (put(engine, bucket, "k"), engine.catalog.expunge(bucket, "k", "null")),
        (mark(engine, bucket, "k", "m"), engine.catalog.expunge(bucket, "k", "m")),
    ):
        await put_in
        with pytest.raises(NotEmpty):
            await engine.catalog.delete_bucket(bucket.id)
        assert (await engine.catalog.uploads(bucket.id)).uploads == uploads
        assert [len(await engine.catalog.parts(upload)) for upload in uploads] == [4, 3, 0]
        await take_out
    done = await engine.catalog.delete_bucket(bucket.id)
    assert sorted(blob.size for blob in done.unneeded) == [5000, 5000, 6000, 6000]
    await engine.blobs.discard(done.unneeded)
    assert await engine.catalog.bucket("ns", "first") is None
    for upload in uploads:
        assert await engine.catalog.upload(bucket.id, upload.key, upload.upload_id) is None
        assert await engine.catalog.parts(upload) == []
        with pytest.raises(Gone):
            await engine.catalog.add_part(upload, await part(engine, 9, b"9"))
    assert await engine.catalog.stale_uploads(1_000) == [kept]
    (left,) = await engine.catalog.parts(kept)
    assert b"".join([piece async for piece in engine.blobs.read(left.blobs, 0, 7000)]) == b"k" * 7000
    assert await engine.sweep(-1) == 0


async def test_an_upload_becomes_a_version_without_copying(engine: Engine, bucket: Bucket) -> None:
    upload = await start(engine, bucket, "k", "u1")
    assert await engine.catalog.upload(bucket.id, "k", "u1") == upload
    assert await engine.catalog.upload(bucket.id, "other", "u1") is None
    await engine.catalog.add_part(upload, await part(engine, 1, b"1" * 5000))
    await engine.catalog.add_part(upload, await part(engine, 2, b"x" * 4000))
    replaced = await engine.catalog.add_part(upload, await part(engine, 2, b"2" * 6000))
    assert [blob.size for blob in replaced.unneeded] == [4000]
    await engine.catalog.add_part(upload, await part(engine, 3, b"unused" * 1000))
    await engine.catalog.add_part(upload, await part(engine, 7, b"7" * 10))
    await engine.catalog.add_part(upload, await part(engine, 9, b"9" * 10))
    parts = await engine.catalog.parts(upload)
    assert [(p.number, p.size, p.etag, p.modified_ms, p.checksum) for p in parts][1] == (2, 6000, "p6000", 2, "c")
    assert [p.number for p in await engine.catalog.parts(upload, after=1, limit=2)] == [2, 3]
    blobs = parts[0].blobs + parts[1].blobs + parts[3].blobs
    done = await engine.catalog.finish_upload(bucket, upload, Version(key="k", size=11010, etag="m-3", blobs=blobs))
    assert sorted(blob.size for blob in done.unneeded) == [6000]
    await engine.blobs.discard(done.unneeded)
    assert await body(engine, bucket, "k") == b"1" * 5000 + b"2" * 6000 + b"7" * 10
    assert await body(engine, bucket, "k", None, 10_995, 10) == b"2222277777"
    assert await engine.catalog.upload(bucket.id, "k", "u1") is None
    assert await engine.catalog.parts(upload) == []
    for step in (
        engine.catalog.finish_upload(bucket, upload, Version(key="k")),
        engine.catalog.abort_upload(upload),
        engine.catalog.add_part(upload, await part(engine, 1, b"1")),
    ):
        with pytest.raises(Gone):
            await step
    source = await engine.catalog.version(bucket.id, "k", body=True)
    assert source is not None
    await engine.catalog.commit(bucket, Version(key="copy", size=source.size, blobs=source.blobs))
    gone = await engine.catalog.expunge(bucket, "k", "null")
    assert gone.unneeded == ()
    assert await body(engine, bucket, "copy") == b"1" * 5000 + b"2" * 6000 + b"7" * 10


async def test_a_refused_completion_leaves_the_upload(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"there")
    upload = await start(engine, bucket, "k", "u1")
    await engine.catalog.add_part(upload, await part(engine, 1, b"1" * 5000))
    (only,) = await engine.catalog.parts(upload)
    new = Version(key="k", size=5000, blobs=only.blobs)
    with pytest.raises(Conflict):
        await engine.catalog.finish_upload(bucket, upload, new, Expect(absent=True))
    changed = await engine.catalog.change_bucket(bucket)
    with pytest.raises(Stale):
        await engine.catalog.finish_upload(bucket, upload, new)
    assert await engine.catalog.parts(upload) == [only]
    done = await engine.catalog.finish_upload(changed, upload, new)
    assert done.replaced is not None and done.replaced.size == 5
    assert await body(engine, changed, "k") == b"1" * 5000


async def test_an_aborted_upload_frees_its_parts(engine: Engine, bucket: Bucket) -> None:
    upload = await start(engine, bucket, "k", "u1")
    for number in (1, 2):
        await engine.catalog.add_part(upload, await part(engine, number, b"1" * 5000))
    ended = await engine.catalog.abort_upload(upload)
    assert len(ended.unneeded) == 2
    await engine.blobs.discard(ended.unneeded)
    assert await engine.sweep(-1) == 0


async def test_uploads_need_a_current_bucket(engine: Engine, bucket: Bucket) -> None:
    await engine.catalog.change_bucket(bucket)
    with pytest.raises(Stale):
        await start(engine, bucket, "k", "u1")
    with pytest.raises(Gone):
        await start(engine, msgspec.structs.replace(bucket, id=99), "k", "u1")


async def test_uploads_are_listed_in_order(engine: Engine, bucket: Bucket) -> None:
    for key, upload_id, initiated_ms in (("b", "u3", 5), ("b", "u1", 7), ("a/x", "u2", 9), ("a/y", "u4", 1), ("c", "u5", 2), ("b", "u0", 7)):
        await start(engine, bucket, key, upload_id, initiated_ms)

    async def ids(**query: object) -> tuple[list[str], list[str], bool]:
        page = await engine.catalog.uploads(bucket.id, **query)  # type: ignore[arg-type]
        return [upload.upload_id for upload in page.uploads], page.prefixes, page.truncated

    assert await ids() == (["u2", "u4", "u3", "u0", "u1", "u5"], [], False)
    assert await ids(delimiter="/") == (["u3", "u0", "u1", "u5"], ["a/"], False)
    assert await ids(delimiter="/", limit=2) == (["u3"], ["a/"], True)
    assert await ids(delimiter="/", after_key="a/") == (["u3", "u0", "u1", "u5"], [], False)
    assert await ids(after_key="b", after_upload="u3") == (["u0", "u1", "u5"], [], False)
    assert await ids(after_key="b") == (["u5"], [], False)
    assert await ids(after_key="b", after_upload="gone") == (["u3", "u0", "u1", "u5"], [], False)
    assert await ids(prefix="a/", limit=1) == (["u2"], [], True)
    assert [upload.upload_id for upload in await engine.catalog.stale_uploads(6)] == ["u4", "u5", "u3"]
    assert [upload.upload_id for upload in await engine.catalog.stale_uploads(6, 1)] == ["u4"]


async def test_registry(engine: Engine) -> None:
    registry = engine.registry
    seen = {registry.generation()}
    first = await registry.put("key", "a", b"1", 0)
    assert (first.revision, first.value) == (1, b"1")
    seen.add(registry.generation())
    with pytest.raises(AlreadyExists):
        await registry.put("key", "a", b"2", 0)
    for name in ("a", "b"):
        with pytest.raises(Stale):
            await registry.put("key", name, b"2", 5)
    second = await registry.put("key", "a", b"2", 1)
    assert second.revision == 2 and await registry.get("key", "a") == second
    seen.add(registry.generation())
    for refused, puts in (
        (AlreadyExists, [("key", "z", b"1", 0), ("key", "a", b"1", 0)]),
        (Stale, [("key", "z", b"1", None), ("key", "a", b"1", 1)]),
    ):
        with pytest.raises(refused):
            await registry.put_all(puts)
        assert await registry.get("key", "z") is None, "all or none"
    await registry.put_all([("key", "c", b"0", 0), ("pair", "c", b"0", None)])
    seen.add(registry.generation())
    assert await registry.delete("key", "c") and await registry.delete("pair", "c")
    assert (await registry.put("key", "c", b"3")).revision == 1
    await registry.put("user", "a", b"u")
    assert [found.name for found in await registry.all("key")] == ["a", "c"]
    assert [found.name for found in await registry.all("key", after="a", limit=1)] == ["c"]
    seen.add(registry.generation())
    assert await registry.delete("key", "a") is True
    assert await registry.delete("key", "a") is False
    assert await registry.get("key", "a") is None
    seen.add(registry.generation())
    assert len(seen) == 6 and registry.generation() == max(seen)
