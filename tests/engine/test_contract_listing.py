"""The contract of listings, run on every engine."""

from __future__ import annotations

import pytest

from holdfast.engine.api import Engine, ListPage, ListQuery
from holdfast.model.buckets import Bucket
from tests.engine.stored import mark, put

KEYS = ["a", "b/1", "b/2", "b/3/x", "b0", "c//d", "c/", "é/1", "\U0001f600"]


async def walk(engine: Engine, bucket: Bucket, limit: int, **query: object) -> tuple[list[tuple[str, str]], list[str]]:
    """All pages, each begun where the last one ended."""
    entries: list[tuple[str, str]] = []
    prefixes: list[str] = []
    after, after_version = str(query.pop("after", "")), ""
    for _ in range(1000):
        page: ListPage = await engine.catalog.list(
            ListQuery(bucket_id=bucket.id, limit=limit, after=after, after_version=after_version, **query)  # type: ignore[arg-type]
        )
        assert 0 < len(page.entries) + len(page.prefixes) <= limit or not page.truncated
        entries += [(entry.key, entry.version_id) for entry in page.entries]
        prefixes += page.prefixes
        if not page.truncated:
            return entries, prefixes
        after, after_version = page.last, page.last_version
    raise AssertionError("the listing does not end")


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_meet(engine: Engine, bucket: Bucket, limit: int) -> None:
    for key in KEYS:
        await put(engine, bucket, key)
    ordered = sorted(KEYS, key=str.encode)

    async def keys(**query: object) -> tuple[list[str], list[str]]:
        entries, prefixes = await walk(engine, bucket, limit, **query)
        return [key for key, _ in entries], prefixes

    assert await keys() == (ordered, [])
    assert await keys(delimiter="/") == (["a", "b0", "\U0001f600"], ["b/", "c/", "é/"])
    assert await keys(delimiter="/", prefix="b/") == (["b/1", "b/2"], ["b/3/"])
    assert await keys(delimiter="/", prefix="c/") == (["c/"], ["c//"])
    assert await keys(prefix="b") == (["b/1", "b/2", "b/3/x", "b0"], [])
    assert await keys(delimiter="/", after="b/") == (["b0", "\U0001f600"], ["c/", "é/"])
    assert await keys(delimiter="/", after="b/2") == (["b0", "\U0001f600"], ["b/", "c/", "é/"])
    assert await keys(after="b/2") == (ordered[3:], [])
    assert await keys(start="b/2") == (ordered[2:], [])
    assert await keys(start="b/2", delimiter="/") == (["b0", "\U0001f600"], ["b/", "c/", "é/"])
    assert await keys(prefix="zz") == ([], [])
    assert await keys(delimiter="/1") == (["a", "b/2", "b/3/x", "b0", "c/", "c//d", "\U0001f600"], ["b/1", "é/1"])


async def test_many_keys_below_one_prefix_are_passed_over(engine: Engine, bucket: Bucket) -> None:
    for number in range(60):
        await put(engine, bucket, f"{number % 3}/{number:03d}")
    await put(engine, bucket, "3")
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, delimiter="/"))
    assert page.prefixes == ["0/", "1/", "2/"] and [entry.key for entry in page.entries] == ["3"] and not page.truncated
    assert page.last == "3"


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_versions_newest_first(engine: Engine, bucket: Bucket, limit: int) -> None:
    await put(engine, bucket, "a", version_id="a1")
    await put(engine, bucket, "a", version_id="a2")
    await mark(engine, bucket, "a", "a3")
    await put(engine, bucket, "b/x")
    await put(engine, bucket, "b/x", version_id="x2")
    await mark(engine, bucket, "c", "c1")
    await put(engine, bucket, "c", version_id="c2")
    entries, _ = await walk(engine, bucket, limit, versions=True)
    assert entries == [("a", "a3"), ("a", "a2"), ("a", "a1"), ("b/x", "x2"), ("b/x", "null"), ("c", "c2"), ("c", "c1")]
    entries, prefixes = await walk(engine, bucket, limit, versions=True, delimiter="/")
    assert entries == [("a", "a3"), ("a", "a2"), ("a", "a1"), ("c", "c2"), ("c", "c1")] and prefixes == ["b/"]
    assert await walk(engine, bucket, limit) == ([("b/x", "x2"), ("c", "c2")], [])
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True))
    assert [(e.version_id, e.is_latest, e.is_delete_marker) for e in page.entries][:3] == [
        ("a3", True, True),
        ("a2", False, False),
        ("a1", False, False),
    ]
    assert page.entries[0].is_latest is True


async def test_a_marker_that_is_gone_leaves_nothing_out(engine: Engine, bucket: Bucket) -> None:
    for version_id in ("v1", "v2", "v3"):
        await put(engine, bucket, "k", version_id=version_id)
    await engine.catalog.expunge(bucket, "k", "v3")
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True, after="k", after_version="v3"))
    assert [entry.version_id for entry in page.entries] == ["v2", "v1"]
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True, after="k"))
    assert page.entries == []


async def test_an_entry_shows_its_columns(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"abc", etag="e", storage_class="GLACIER", modified_ms=77)
    (entry,) = (await engine.catalog.list(ListQuery(bucket_id=bucket.id))).entries
    assert entry == ("k", "null", 77, 3, "e", "GLACIER", "alice", "CRC32/FULL_OBJECT", False, True)


async def test_buckets_do_not_see_each_other(engine: Engine, bucket: Bucket) -> None:
    other = await engine.catalog.create_bucket(Bucket(namespace="ns", name="second", region="r", owner="bob"))
    await put(engine, bucket, "k1")
    await put(engine, other, "k2")
    assert (await walk(engine, bucket, 10))[0] == [("k1", "null")]
    assert (await walk(engine, other, 10, versions=True))[0] == [("k2", "null")]
    assert await engine.catalog.version(other.id, "k1") is None
