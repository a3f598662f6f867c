"""The contract under names made to break it, run on every engine: SQL, NULs, the last code point, long keys, odd delimiters, and many of each."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from holdfast.engine.api import Conflict, Engine, Expect, Gone, ListQuery
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version
from tests.engine.stored import body, put, stored

HOSTILE = [
    "'", "''", "\"", "\\", "\\x00", "\\'", "$1", "$$", "%", "_", "%s", "?", ":a", "--", "/*", "*/", ";", "E'\\\\000'", "NULL", "\u0130",
    "'; DROP TABLE live CASCADE; --", "' OR '1'='1", "') ON CONFLICT DO NOTHING; --", "a\nb", "a\rb", "a\tb", "\u202e", "\ufeff", "\ufffd", "a\u0301",
    "\u00e1",
]  # fmt: skip
WITH_NUL = ["\0", "a\0", "a\0b", "\0'; DROP TABLE live; --"]
LAST = "\U0010ffff"
LONGEST = LAST * 256
"""1024 bytes, the last key of all."""


async def keys_of(engine: Engine, bucket: Bucket, **query: object) -> list[str]:
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, **query))  # type: ignore[arg-type]
    assert not page.truncated
    return [entry.key for entry in page.entries]


async def test_keys_that_are_statements_are_keys(engine: Engine, bucket: Bucket) -> None:
    keys = HOSTILE + WITH_NUL + [LAST, LAST * 2, LONGEST, "k" * 1024, "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000"]
    for key in keys:
        await put(engine, bucket, key, key.encode()[:900], etag=key.replace("\0", ""))
    ordered = sorted(keys, key=str.encode)
    assert await keys_of(engine, bucket) == ordered
    for place, key in enumerate(ordered):
        assert await body(engine, bucket, key) == key.encode()[:900]
        assert await keys_of(engine, bucket, prefix=key) == [other for other in ordered if other.startswith(key)]
        assert await keys_of(engine, bucket, after=key) == ordered[place + 1 :]
        assert await keys_of(engine, bucket, start=key, versions=True) == ordered[place:]
        page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, delimiter=key))
        assert page.prefixes == sorted({other[: other.index(key)] + key for other in keys if key in other}, key=str.encode)
        assert [entry.key for entry in page.entries] == [other for other in ordered if key not in other]
    for key in keys:
        await engine.catalog.expunge(bucket, key, "null")
    assert await keys_of(engine, bucket, versions=True) == []


async def test_ids_that_are_statements_find_nothing_and_break_nothing(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"kept", version_id="v1")
    upload = Upload(upload_id="u1", bucket_id=bucket.id, key="k", initiated_ms=1, owner="o", initiator="i")
    await engine.catalog.start_upload(bucket, upload)
    for name in [*HOSTILE, *WITH_NUL, LONGEST, "v" * 5000, "v1\0", "u1\0"]:
        assert await engine.catalog.version(bucket.id, "k", name, body=True) is None
        assert (await engine.catalog.expunge(bucket, "k", name)).replaced is None
        with pytest.raises(Gone):
            await engine.catalog.amend(bucket, "k", name, Facts(), Expect())
        with pytest.raises(Conflict):
            await engine.catalog.commit(bucket, Version(key="k"), Expect(etags=(name,)))
        assert await engine.catalog.upload(bucket.id, "k", name) is None
        ghost = msgspec.structs.replace(upload, upload_id=name)
        with pytest.raises(Gone):
            await engine.catalog.add_part(ghost, Part(number=1, size=0, etag="e", modified_ms=1))
        with pytest.raises(Gone):
            await engine.catalog.finish_upload(bucket, ghost, Version(key="k"))
        with pytest.raises(Gone):
            await engine.catalog.abort_upload(ghost)
        assert await engine.catalog.parts(ghost) == []
        await engine.catalog.uploads(bucket.id, after_key="k", after_upload=name)
        page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True, after="k", after_version=name))
        assert [entry.version_id for entry in page.entries] == ["v1"]  # no such marker any more: rather twice than never
        assert await engine.catalog.bucket("ns", name) is None
        assert await engine.catalog.bucket(name, "first") is None
        assert await engine.catalog.buckets(name) == []
        assert await engine.catalog.buckets("ns", owner=name) == []
        assert await engine.catalog.par(bucket.id, name) is None
        assert await engine.registry.get("kind", name) is None
        assert await engine.registry.get(name, "name") is None
        assert not await engine.registry.delete("kind", name)
    assert await body(engine, bucket, "k") == b"kept"
    assert await engine.catalog.upload(bucket.id, "k", "u1") == upload
    assert await engine.catalog.bucket("ns", "first") == bucket


async def test_names_that_are_statements_are_stored_as_they_are(engine: Engine) -> None:
    made = [await engine.catalog.create_bucket(Bucket(namespace="ns", name=name, region="r", owner=name)) for name in HOSTILE]
    for name, one in zip(HOSTILE, made, strict=True):
        assert await engine.catalog.bucket("ns", name) == one
        assert await engine.catalog.buckets("ns", owner=name) == [one]
        await put(engine, one, "k", name.encode(), version_id=name, owner=name, etag=name, storage_class=name)
        assert await body(engine, one, "k", name) == name.encode()
        await engine.registry.put("kind", name, name.encode())
        assert (await engine.registry.get("kind", name)).value == name.encode()  # type: ignore[union-attr]
    listed = [one.name for one in await engine.catalog.buckets("ns")]
    assert listed == sorted(HOSTILE, key=str.encode)
    assert sorted(document.name for document in await engine.registry.all("kind")) == sorted(HOSTILE)


def page_of(keys: list[str], query: ListQuery) -> tuple[list[str], list[str], bool]:
    """What the contract says of a page of live keys, in the plainest way. `keys` are in order."""
    found: list[tuple[bool, str]] = []
    begin, after = max(query.prefix.encode(), query.start.encode()), query.after
    length = len(query.prefix)
    cut = after.find(query.delimiter, length) if query.delimiter and after.startswith(query.prefix) else -1
    whole = cut >= 0 and cut + len(query.delimiter) == len(after)
    for key in keys:
        if not key.startswith(query.prefix) or key.encode() < begin:
            continue
        if after and (key.encode() <= after.encode() or (whole and key.startswith(after))):
            continue
        cut = key.find(query.delimiter, length) if query.delimiter else -1
        item = (cut >= 0, key[: cut + len(query.delimiter)] if cut >= 0 else key)
        if item not in found:
            found.append(item)
    shown = found[: query.limit]
    return [key for common, key in shown if not common], [key for common, key in shown if common], len(found) > query.limit


@pytest.mark.parametrize("seed", [1, 2])
async def test_pages_are_what_the_contract_says_for_any_prefix_and_delimiter(engine: Engine, bucket: Bucket, seed: int) -> None:
    """Delimiters of several bytes, which share bytes with other characters, overlap themselves, or are the last of all; every limit."""
    chance = random.Random(seed)
    letters = ["a", "a", "b", "/", "/", "\0", "é", "è", "\u07ff", "\u0800", LAST, "\U0010fffe"]

    def some(most: int) -> str:
        return "".join(chance.choice(letters) for _ in range(chance.randint(0, most)))

    keys = sorted({some(5) or "a" for _ in range(60)}, key=str.encode)
    await asyncio.gather(*[engine.catalog.commit(bucket, Version(key=key)) for key in keys])
    for _ in range(150):
        query = ListQuery(
            bucket_id=bucket.id, prefix=some(2), delimiter=some(2), after=chance.choice(["", some(3), chance.choice(keys)]),
            start=chance.choice(["", some(2)]), limit=chance.choice([1, 2, 5, 1000]),
        )  # fmt: skip
        page = await engine.catalog.list(query)
        assert ([entry.key for entry in page.entries], page.prefixes, page.truncated) == page_of(keys, query), query
        both = await engine.catalog.list(msgspec.structs.replace(query, versions=True))
        assert ([entry.key for entry in both.entries], both.prefixes, both.truncated) == page_of(keys, query), query


async def test_everything_of_nothing_is_empty(engine: Engine, bucket: Bucket) -> None:
    for versions in (False, True):
        for place in ("", "a", LONGEST, "\0"):
            for delimiter in ("", "/", LAST):
                query = ListQuery(bucket_id=bucket.id, prefix=place, after=place, start=place, delimiter=delimiter, versions=versions, limit=1)
                page = await engine.catalog.list(query)
                assert (page.entries, page.prefixes, page.truncated, page.last, page.last_version) == ([], [], False, "", "")
                uploads = await engine.catalog.uploads(bucket.id, prefix=place, delimiter=delimiter, after_key=place, after_upload="u", limit=1)
                assert (uploads.uploads, uploads.prefixes, uploads.truncated) == ([], [], False)
    assert await engine.catalog.pars(bucket.id, prefix=LONGEST, after=(LONGEST, 1 << 62)) == []
    assert await engine.catalog.buckets("ns", prefix="zz", after=LAST) == []
    assert await engine.catalog.list(ListQuery(bucket_id=1 << 40)) == await engine.catalog.list(ListQuery(bucket_id=bucket.id))


async def test_pages_of_thousands_of_versions_of_one_key(engine: Engine, bucket: Bucket) -> None:
    for key, count in (("a", 1), ("k", 2500), ("k/x", 30), ("l", 1)):
        for first in range(0, count, 250):
            news = [Version(key=key, version_id=f"{number:05d}") for number in range(first, min(first + 250, count))]
            await asyncio.gather(*[engine.catalog.commit(bucket, new) for new in news])
    seen: list[tuple[str, str, bool]] = []
    after = after_version = ""
    while True:
        page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True, limit=999, after=after, after_version=after_version))
        seen += [(entry.key, entry.version_id, entry.is_latest) for entry in page.entries]
        after, after_version = page.last, page.last_version
        if not page.truncated:
            break
    assert [sum(key == one for one, _, _ in seen) for key in ("a", "k", "k/x", "l")] == [1, 2500, 30, 1]
    assert len({(key, version) for key, version, _ in seen}) == len(seen)
    assert [key for key, _, latest in seen if latest] == ["a", "k", "k/x", "l"]
    assert [key for key, _, _ in seen] == sorted((key for key, _, _ in seen), key=str.encode)
    page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True, delimiter="/", limit=1, after="k", after_version=seen[2500][1]))
    assert page.prefixes == ["k/"] and page.truncated
    assert await keys_of(engine, bucket) == ["a", "k", "k/x", "l"]


async def test_ten_thousand_parts_become_one_version(engine: Engine, bucket: Bucket) -> None:
    upload = Upload(upload_id="u", bucket_id=bucket.id, key="k", initiated_ms=1, owner="o", initiator="i")
    await engine.catalog.start_upload(bucket, upload)
    for first in range(1, 10_001, 500):
        bodies = [(number, await stored(engine, b"%05d" % number)) for number in range(first, first + 500)]
        parts = [Part(number=number, size=5, etag="e", modified_ms=1, blobs=blobs) for number, blobs in bodies]
        await asyncio.gather(*[engine.catalog.add_part(upload, part) for part in parts])
    found: list[Part] = []
    while page := await engine.catalog.parts(upload, after=found[-1].number if found else 0):
        found += page
    assert [part.number for part in found] == list(range(1, 10_001))
    new = Version(key="k", etag="m", size=50_000, blobs=tuple(blob for part in found for blob in part.blobs))
    await engine.catalog.finish_upload(bucket, upload, new)
    assert await body(engine, bucket, "k") == b"".join(b"%05d" % number for number in range(1, 10_001))
    done = await engine.catalog.expunge(bucket, "k", "null")
    await engine.blobs.discard(done.unneeded)
    assert await engine.catalog.version(bucket.id, "k") is None
