"""The contract of versions, run on every engine."""

from __future__ import annotations

import contextlib

import pytest

from holdfast.engine.api import Conflict, Engine, Expect, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version
from tests.engine.stored import FACTS, body, mark, put, stored


async def test_a_commit_is_read_back_whole(engine: Engine, bucket: Bucket) -> None:
    for size in (0, 1, 1024, 1025, 65536, 65537, 3_000_000):
        content = bytes(range(256)) * (size // 256 + 1)
        done = await put(engine, bucket, f"k{size}", content[:size])
        assert done.version is not None and done.replaced is None and done.unneeded == ()
        found = await engine.catalog.version(bucket.id, f"k{size}")
        assert found is not None
        assert (found.size, found.etag, found.owner, found.facts, found.seq) == (size, f"e{size}", "alice", FACTS, done.version.seq)
        assert found.blobs == () and found.is_latest and not found.is_delete_marker
        assert await body(engine, bucket, f"k{size}") == content[:size]


async def test_any_range_is_the_range(engine: Engine, bucket: Bucket) -> None:
    content = bytes(i * 7 % 251 for i in range(2_500_000))
    await put(engine, bucket, "big", content)
    for start, length in ((0, 1), (65535, 2), (1 << 20, 1 << 20), (2_499_999, 1), (100_000, 2_000_000), (1_048_575, 3), (5, 0)):
        assert await body(engine, bucket, "big", None, start, length) == content[start : start + length]


async def test_keys_are_any_text(engine: Engine, bucket: Bucket) -> None:
    keys = ["a", "a\0b", "a\0", "\u007f", "é", "\ud7ff", "\ue000", "\uffff", "\U0001f600", "\U0010ffff", "%41", "../../etc/passwd", "k" * 1024]
    for key in keys:
        await put(engine, bucket, key, key.encode())
    for key in keys:
        assert await body(engine, bucket, key) == key.encode()


async def test_replacing_the_null_version_frees_its_body(engine: Engine, bucket: Bucket) -> None:
    first = await put(engine, bucket, "k", b"a" * 5000)
    second = await put(engine, bucket, "k", b"b" * 6000)
    assert second.replaced is not None and second.version is not None and first.version is not None
    assert second.replaced.seq == first.version.seq < second.version.seq
    assert [blob.size for blob in second.unneeded] == [5000]
    await engine.blobs.discard(second.unneeded)
    await engine.blobs.discard(second.unneeded)
    assert await body(engine, bucket, "k") == b"b" * 6000


async def test_versions_stack_and_the_next_newest_is_promoted(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"null")
    await put(engine, bucket, "k", b"one", version_id="v1")
    await put(engine, bucket, "k", b"two", version_id="v2")
    await mark(engine, bucket, "k", "m1")
    latest = await engine.catalog.version(bucket.id, "k")
    assert latest is not None and latest.is_delete_marker and latest.is_latest and latest.version_id == "m1"
    for version_id, content in (("null", b"null"), ("v1", b"one"), ("v2", b"two")):
        named = await engine.catalog.version(bucket.id, "k", version_id)
        assert named is not None and not named.is_latest
        assert await body(engine, bucket, "k", version_id) == content
    gone = await engine.catalog.expunge(bucket, "k", "m1")
    assert gone.replaced is not None and gone.replaced.is_delete_marker and gone.replaced.is_latest
    assert await body(engine, bucket, "k") == b"two"
    await engine.catalog.expunge(bucket, "k", "v1")
    latest = await engine.catalog.version(bucket.id, "k", "v2")
    assert latest is not None and latest.is_latest
    await engine.catalog.expunge(bucket, "k", "v2")
    assert await body(engine, bucket, "k") == b"null"
    await engine.catalog.expunge(bucket, "k", "null")
    assert await engine.catalog.version(bucket.id, "k") is None
    await engine.catalog.delete_bucket(bucket.id)


async def test_a_null_version_below_others_is_replaced_where_it_is(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"old null")
    await put(engine, bucket, "k", b"one", version_id="v1")
    done = await put(engine, bucket, "k", b"new null")
    assert done.replaced is not None and done.replaced.size == 8 and not done.replaced.is_latest
    assert await body(engine, bucket, "k") == b"new null"
    assert await body(engine, bucket, "k", "v1") == b"one"
    done = await mark(engine, bucket, "k", "null")
    assert done.replaced is not None and not done.replaced.is_delete_marker
    done = await put(engine, bucket, "k", b"again")
    assert done.replaced is not None and done.replaced.is_delete_marker and done.replaced.is_latest
    assert await body(engine, bucket, "k") == b"again"


async def test_a_marker_on_nothing_is_a_version(engine: Engine, bucket: Bucket) -> None:
    await mark(engine, bucket, "k", "null")
    found = await engine.catalog.version(bucket.id, "k", "null")
    assert found is not None and found.is_delete_marker and found.is_latest
    await engine.catalog.expunge(bucket, "k", "null")
    assert await engine.catalog.version(bucket.id, "k") is None


LIVE = {"etag": "e", "size": 3, "modified_ms": 5_400}


@pytest.mark.parametrize(
    ("expect", "with_live", "without"),
    [
        (Expect(), True, True),
        (Expect(absent=True), False, True),
        (Expect(present=True), True, False),
        (Expect(etags=("x", "e")), True, False),
        (Expect(etags=("x",)), False, False),
        (Expect(not_etags=("e",)), False, True),
        (Expect(not_etags=("x",)), True, True),
        (Expect(size=3), True, False),
        (Expect(size=4), False, False),
        (Expect(modified_ms=5_999), True, False),
        (Expect(modified_ms=6_000), False, False),
        (Expect(seq=0), False, False),
    ],
)
async def test_preconditions(engine: Engine, bucket: Bucket, expect: Expect, with_live: bool, without: bool) -> None:
    async def holds(step: object) -> bool:
        try:
            await step  # type: ignore[misc]
        except Conflict as conflict:
            assert conflict.current is None or conflict.current.etag == "e"
            return False
        return True

    await put(engine, bucket, "there", b"abc", etag="e", modified_ms=5_400)
    assert await holds(put(engine, bucket, "new", b"1", expect)) is without
    assert await holds(put(engine, bucket, "there", b"abc", expect, etag="e", modified_ms=5_400)) is with_live
    assert await holds(engine.catalog.amend(bucket, "there", None, FACTS, expect)) is with_live
    assert await holds(engine.catalog.expunge(bucket, "there", "null", expect)) is with_live
    assert await holds(engine.catalog.expunge(bucket, "never", "null", expect)) is without


async def test_a_delete_marker_is_no_live_version(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"1", version_id="v1")
    await mark(engine, bucket, "k", "m1")
    with pytest.raises(Conflict) as caught:
        await put(engine, bucket, "k", b"2", Expect(present=True), version_id="v2")
    assert caught.value.current is None
    await put(engine, bucket, "k", b"2", Expect(absent=True), version_id="v2")


async def test_compare_and_set_by_seq(engine: Engine, bucket: Bucket) -> None:
    done = await put(engine, bucket, "k", b"1")
    assert done.version is not None
    await put(engine, bucket, "k", b"2", Expect(seq=done.version.seq))
    with pytest.raises(Conflict) as caught:
        await put(engine, bucket, "k", b"33", Expect(seq=done.version.seq))
    assert caught.value.current is not None and caught.value.current.size == 1
    assert await body(engine, bucket, "k") == b"2"


async def test_stale_and_gone_buckets(engine: Engine, bucket: Bucket) -> None:
    changed = await engine.catalog.change_bucket(bucket)
    for step in (
        put(engine, bucket, "k"),
        engine.catalog.amend(bucket, "k", None, FACTS, Expect()),
        engine.catalog.expunge(bucket, "k", "null"),
    ):
        with pytest.raises(Stale):
            await step
    assert await engine.catalog.version(bucket.id, "k") is None
    await engine.catalog.delete_bucket(bucket.id)
    for step in (
        put(engine, changed, "k"),
        engine.catalog.amend(changed, "k", None, FACTS, Expect()),
        engine.catalog.expunge(changed, "k", "null"),
    ):
        with pytest.raises(Gone):
            await step


async def test_amend_changes_facts_and_nothing_else(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"old" * 1000, version_id="v1")
    await put(engine, bucket, "k", b"new", version_id="v2")
    for version_id in ("v1", "v2", None):
        before = await engine.catalog.version(bucket.id, "k", version_id)
        facts = Facts(tags={"t": str(version_id)})
        after = await engine.catalog.amend(bucket, "k", version_id, facts, Expect())
        assert before is not None and after.facts == facts
        found = await engine.catalog.version(bucket.id, "k", version_id)
        assert found is not None and found.facts == facts
        assert (found.seq, found.etag, found.is_latest) == (before.seq, before.etag, before.is_latest)
    assert await body(engine, bucket, "k", "v1") == b"old" * 1000
    for key, version_id in (("k", "v9"), ("other", None)):
        with pytest.raises(Gone):
            await engine.catalog.amend(bucket, key, version_id, FACTS, Expect())


async def test_a_copy_shares_the_body_until_the_last_one_goes(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "a", b"z" * 5000)
    source = await engine.catalog.version(bucket.id, "a", body=True)
    assert source is not None
    await engine.catalog.commit(bucket, Version(key="b", size=5000, etag="c", blobs=source.blobs))
    assert (await engine.catalog.expunge(bucket, "a", "null")).unneeded == ()
    assert await body(engine, bucket, "b") == b"z" * 5000
    last = await engine.catalog.expunge(bucket, "b", "null")
    assert len(last.unneeded) == 1
    with pytest.raises(Gone):
        await engine.catalog.commit(bucket, Version(key="c", size=5000, etag="c", blobs=source.blobs))
    assert await engine.catalog.version(bucket.id, "c") is None
    await engine.blobs.discard(last.unneeded)
    with pytest.raises(Gone):
        async for _ in engine.blobs.read(source.blobs, 0, 5000):
            pass


async def test_a_copy_onto_itself_keeps_the_body(engine: Engine, bucket: Bucket) -> None:
    for size in (10, 5000):
        await put(engine, bucket, "a", b"z" * size)
        source = await engine.catalog.version(bucket.id, "a", body=True)
        assert source is not None
        done = await engine.catalog.commit(bucket, Version(key="a", size=size, etag="c", blobs=source.blobs))
        assert done.unneeded == ()
        assert await body(engine, bucket, "a") == b"z" * size


async def test_discard_spares_what_a_version_names(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "a", b"z" * 5000)
    version = await engine.catalog.version(bucket.id, "a", body=True)
    assert version is not None
    await engine.blobs.discard(version.blobs)
    assert await body(engine, bucket, "a") == b"z" * 5000


async def test_a_writer_aborts_and_ends(engine: Engine) -> None:
    writer = engine.blobs.writer(None)
    await writer.write(b"a" * 3_000_000)
    await writer.abort()
    await writer.abort()
    for call in (writer.write(b"x"), writer.finish()):
        with pytest.raises(Exception, match="closed"):
            await call
    empty = engine.blobs.writer(0)
    assert sum(blob.size for blob in await empty.finish()) == 0
    assert await engine.sweep(-1) == 0


async def test_small_bodies_are_inline_whichever_way_they_come(engine: Engine, bucket: Bucket) -> None:
    writer = engine.blobs.writer(None)
    for _ in range(engine.blobs.inline_max()):
        await writer.write(b"x")
    (blob,) = await writer.finish()
    assert blob.inline == b"x" * engine.blobs.inline_max() == engine.blobs.inline(blob.inline or b"").inline
    await engine.catalog.commit(bucket, Version(key="k", size=blob.size, blobs=(blob,)))
    found = await engine.catalog.version(bucket.id, "k", body=True)
    assert found is not None and found.blobs[0].inline == blob.inline


async def test_sweep_takes_strays_and_nothing_else(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "kept", b"k" * 5000)
    stray = engine.blobs.writer(5000)
    await stray.write(b"s" * 5000)
    await stray.finish()
    assert await engine.sweep(-1) == 1
    assert await engine.sweep(-1) == 0
    assert await body(engine, bucket, "kept") == b"k" * 5000


async def test_check_and_scrub_of_a_sound_store(engine: Engine, bucket: Bucket) -> None:
    for number in range(5):
        await put(engine, bucket, f"k{number}", b"k" * (number * 1000))
        await put(engine, bucket, f"k{number}", b"k" * (number * 1000), version_id="v")
    assert await engine.check() == ""
    place = ""
    for _ in range(50):
        damage, place = await engine.scrub(3, place)
        assert damage == []
        if not place:
            return
    raise AssertionError("the scrub does not end")


async def test_a_body_in_small_parts_that_is_removed_while_it_is_read_never_becomes_another(engine: Engine, bucket: Bucket) -> None:
    upload = Upload(upload_id="u", bucket_id=bucket.id, key="k", initiated_ms=1, owner="alice", initiator="alice")
    await engine.catalog.start_upload(bucket, upload)
    for number in (1, 2):
        part = Part(number=number, size=100, etag="e", modified_ms=1, blobs=await stored(engine, bytes([number]) * 100))
        await engine.catalog.add_part(upload, part)
    blobs = tuple(blob for part in await engine.catalog.parts(upload) for blob in part.blobs)
    await engine.catalog.finish_upload(bucket, upload, Version(key="k", size=200, blobs=blobs))
    found = await engine.catalog.version(bucket.id, "k", body=True)
    assert found is not None
    await engine.catalog.expunge(bucket, "k", found.version_id)
    for key in ("a", "b"):
        await put(engine, bucket, key, b"other" * 20)
    with contextlib.suppress(Gone):
        assert b"".join([piece async for piece in engine.blobs.read(found.blobs, 0, 200)]) == b"\1" * 100 + b"\2" * 100
