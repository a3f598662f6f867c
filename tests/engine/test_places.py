"""Small bodies live at places of the catalog that are given anew: whoever remembers a place never takes another's bytes for its own."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from holdfast.engine.api import Gone
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Part, Upload, Version
from tests.engine.stored import FACTS, body, put, stored


async def test_a_small_body_that_another_took_the_place_of_is_gone_and_never_copied(embedded: EmbeddedEngine) -> None:
    """A copy of several bodies names a small one by its place; the place is given anew once that body is overwritten."""
    engine = embedded
    bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))
    blobs = await stored(engine, b"a" * 5000) + await stored(engine, b"tail")
    await engine.catalog.commit(bucket, Version(key="source", size=5004, etag="e", modified_ms=1, owner="alice", facts=FACTS, blobs=blobs))
    source = await engine.catalog.version(bucket.id, "source", body=True)
    assert source is not None
    await engine.catalog.expunge(bucket, "source", source.version_id)
    keep = await engine.catalog.commit(bucket, msgspec.structs.replace(source, key="keep", blobs=await stored(engine, b"b" * 5000)))
    await put(engine, bucket, "other", b"else")
    only_the_tail = msgspec.structs.replace(source, key="copy", size=4, blobs=source.blobs[1:])
    assert keep.version is not None
    with pytest.raises(Gone):
        await engine.catalog.commit(bucket, only_the_tail)
    assert await engine.catalog.version(bucket.id, "copy") is None


async def test_a_part_that_took_another_ones_place_is_not_the_one_that_was_listed(embedded: EmbeddedEngine) -> None:
    """Between the look at the parts and the completion a small part is replaced, twice: its place holds other bytes now."""
    engine = embedded
    bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))
    upload = Upload(upload_id="u", bucket_id=bucket.id, key="k", initiated_ms=1, owner="alice", initiator="alice")
    await engine.catalog.start_upload(bucket, upload)

    async def add(data: bytes) -> None:
        blobs = await stored(engine, data)
        await engine.catalog.add_part(upload, Part(number=1, size=len(data), etag="e", modified_ms=1, blobs=blobs))

    await add(b"first")
    seen = (await engine.catalog.parts(upload))[0]
    await add(b"b" * 5000)
    await add(b"other")
    with pytest.raises(Gone):
        await engine.catalog.finish_upload(bucket, upload, Version(key="k", size=5, etag="e", modified_ms=1, owner="alice", blobs=seen.blobs))
    assert await engine.catalog.version(bucket.id, "k") is None


async def test_the_sweep_leaves_a_body_alone_while_somebody_writes_it(embedded: EmbeddedEngine, tmp_path: Path) -> None:
    """However slow the client: a body that was swept away between two of its pieces would be acknowledged and lost."""
    engine = embedded
    bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))
    writer = engine.blobs.writer(None)
    await writer.write(b"a" * (3 << 20))
    await writer.write(b"b" * (3 << 20))  # the first three are on their way to the file by now
    await writer.write(b"c" * (3 << 20))
    (file,) = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    os.utime(file, (1, 1))
    assert await engine.sweep(60) == 0
    blobs = await writer.finish()
    assert await engine.sweep(60) == 0
    await engine.catalog.commit(bucket, Version(key="k", size=9 << 20, etag="e", modified_ms=1, owner="alice", blobs=blobs))
    assert await body(engine, bucket, "k") == b"a" * (3 << 20) + b"b" * (3 << 20) + b"c" * (3 << 20)


async def test_the_sweep_removes_what_nobody_writes_any_more(embedded: EmbeddedEngine, tmp_path: Path) -> None:
    blobs = await stored(embedded, b"a" * 5000)
    (file,) = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    assert await embedded.sweep(60) == 0 and file.exists() and blobs
    os.utime(file, (1, 1))
    assert await embedded.sweep(60) == 1 and not file.exists()


async def test_a_download_outlives_its_object_also_where_the_last_part_is_small(embedded: EmbeddedEngine) -> None:
    """A multipart object whose small last part lives in the catalog is overwritten while somebody reads the large first one."""
    engine = embedded
    bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))
    blobs = await stored(engine, b"a" * (3 << 20)) + await stored(engine, b"tail")
    size = (3 << 20) + 4
    await engine.catalog.commit(bucket, Version(key="k", size=size, etag="e", modified_ms=1, owner="alice", facts=FACTS, blobs=blobs))
    found = await engine.catalog.version(bucket.id, "k", body=True)
    assert found is not None
    pieces = engine.blobs.read(found.blobs, 0, size)
    first = await anext(pieces)
    done = await put(engine, bucket, "k", b"other" * 1000)
    await engine.blobs.discard(done.unneeded)
    assert first + b"".join([piece async for piece in pieces]) == b"a" * (3 << 20) + b"tail"
