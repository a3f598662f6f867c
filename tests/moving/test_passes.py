"""Everything moves, ids and order and times as they were, to every engine; again after changes; and never half."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from holdfast.engine.api import Engine, Frozen, Unavailable
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.engine.wrap import Faults, faulty
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version
from holdfast.moving import walks
from holdfast.moving.migrate import Migration, MigrationError, Options, difference, release
from holdfast.moving.passes import Pass
from holdfast.moving.totals import totals
from tests.moving.things import change, fill, store

OPTIONS = Options(source="SOURCE", target="TARGET", lanes=4, verify=True)


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(kind: str) -> Engine:
        made.append(MemoryEngine(1024) if kind == "memory" else EmbeddedEngine.open(tmp_path / f"e{len(made)}", inline_bytes_max=4096))
        return made[-1]

    yield make
    for engine in made:
        asyncio.run(engine.close())


async def plain_of(engine: Engine) -> Bucket:
    return next(bucket for bucket in [bucket async for bucket in walks.buckets(engine)] if bucket.name == "plain")


async def bytes_of(engine: Engine, version: Any) -> bytes:
    size = sum(blob.size for blob in version.blobs)
    return b"".join([piece async for piece in engine.blobs.read(version.blobs, 0, size)])


async def all_of(engine: Engine) -> dict[str, Any]:
    """Everything there is, with the bytes, by the walks and by what the doors ask."""
    found: dict[str, Any] = {"documents": [document async for document in walks.documents(engine)]}
    for bucket in [bucket async for bucket in walks.buckets(engine)]:
        assert await engine.catalog.bucket(bucket.namespace, bucket.name) == bucket
        found[f"bucket {bucket.id}"] = bucket
        async for version in walks.versions(engine, bucket.id):
            asked = await engine.catalog.version(bucket.id, version.key, version.version_id, body=True)
            assert asked is not None
            facts = msgspec.structs.replace(asked, blobs=())
            found[f"{bucket.id} {version.key} {version.version_id}"] = (facts, await bytes_of(engine, asked))
        async for upload in walks.uploads(engine, bucket.id):
            found[f"upload {upload.upload_id}"] = upload
            for part in await engine.catalog.parts(upload):
                found[f"part {upload.upload_id} {part.number}"] = (msgspec.structs.replace(part, blobs=()), await bytes_of(engine, part))
        found[f"pars {bucket.id}"] = await engine.catalog.pars(bucket.id)
    found["tokens"] = [token async for token in walks.par_uploads(engine)]
    for token in found["tokens"]:
        assert await engine.catalog.par_upload_of_token(token.digest) is not None
    return found


@pytest.mark.parametrize("kinds", [("embedded", "embedded"), ("embedded", "memory"), ("memory", "embedded")], ids="-".join)
async def test_everything_moves_and_again_after_changes(engines: Callable[..., Engine], kinds: tuple[str, str]) -> None:
    source, target = (engines(kind) for kind in kinds)
    await fill(source)
    online = msgspec.structs.replace(OPTIONS, cutover=False)
    report = await Migration(source, target, online).run()
    assert not report.cut_over and report.passes[0].copied > 80 and report.passes[-1].steps == 0
    assert await all_of(source) == await all_of(target)
    await change(source)
    found, outcome = await difference(source, target)
    assert found.versions > 0 and outcome is not None and outcome.copied and outcome.changed and outcome.removed
    report = await Migration(source, target, OPTIONS).run()
    assert report.cut_over and report.source == report.target and report.source is not None and report.verified > 60
    before = await all_of(source)
    assert before == await all_of(target)
    assert len([place for place in before if place.startswith("part ")]) == 5
    with pytest.raises(Frozen):
        await source.registry.put("user", "late", b"")
    await target.registry.put("user", "late", b"")
    counters = await source.moving.counters()
    made = await target.catalog.create_bucket(Bucket(namespace="ns", name="next", region="r", owner="o"))
    assert made.id > counters.bucket_id
    newer = await store(target, made, "k", b"1")
    assert newer.seq > counters.seq
    assert (await Migration(source, target, OPTIONS).run()).already
    assert await target.registry.get("user", "late") is not None
    assert await release(source) == "moved to TARGET"
    await source.registry.put("user", "late", b"")
    with pytest.raises(MigrationError, match="released since"):
        await Migration(source, target, OPTIONS).run()


async def test_a_difference_of_any_kind_is_seen(engines: Callable[..., Engine]) -> None:
    """The comparison at the end can fail: each change of either side changes its checksum."""
    engine = engines("memory")
    await fill(engine)
    seen = {(await totals(engine)).checksum}
    bucket = await plain_of(engine)
    steps: list[Callable[[], Any]] = [
        lambda: engine.registry.put("user", "ann", b"x"),
        lambda: engine.registry.put("user", "ann", b"x"),  # the revision alone
        lambda: engine.catalog.expunge(bucket, "small/005", "null"),
        lambda: engine.catalog.commit(bucket, Version(key="small/006", is_delete_marker=True)),
        lambda: engine.catalog.delete_par(bucket.id, "p1"),
        lambda: engine.catalog.change_bucket(bucket),
    ]
    for number, step in enumerate(steps, 2):
        await step()
        seen.add((await totals(engine)).checksum)
        assert len(seen) == number


async def test_a_target_with_something_else_in_it_is_refused(engines: Callable[..., Engine]) -> None:
    source, other, taken, target = (engines("embedded") for _ in range(4))
    for engine in (source, other, taken):
        await fill(engine)
    before = await all_of(taken)
    with pytest.raises(MigrationError, match="holds a store already"):
        await Migration(source, taken, OPTIONS).run()
    assert await all_of(taken) == before and await taken.moving.frozen() == ""
    await Migration(source, target, msgspec.structs.replace(OPTIONS, cutover=False)).run()
    with pytest.raises(MigrationError, match="another store"):
        await Migration(other, target, OPTIONS).run()
    with pytest.raises(MigrationError, match="not a whole store yet"):
        await Migration(target, engines("embedded"), OPTIONS).run()
    with pytest.raises(MigrationError, match="not a whole store"):
        await release(target)
    with pytest.raises(MigrationError, match="same store"):
        await Migration(source, source, OPTIONS).run()


async def test_what_cannot_be_read_is_named_and_the_source_serves_on(engines: Callable[..., Engine], tmp_path: Path) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    bucket = await plain_of(source)
    stored = await store(source, bucket, "lost", b"l" * 100_000)
    found = await source.catalog.version(bucket.id, "lost", body=True)
    assert found is not None
    name = found.blobs[0].id.hex()
    file = tmp_path / "e0" / "blobs" / name[:2] / name
    data = bytearray(file.read_bytes())
    data[70_000] ^= 1
    for spoil in (lambda: file.write_bytes(data), file.unlink):
        spoil()
        with pytest.raises(MigrationError, match="ns/plain/lost version null"):
            await Migration(source, target, OPTIONS).run()
        assert await source.moving.frozen() == ""
    await source.catalog.expunge(bucket, "lost", stored.version_id)
    assert (await Migration(source, target, OPTIONS).run()).cut_over


async def test_a_body_that_is_not_what_its_etag_says_is_not_moved(engines: Callable[..., Engine]) -> None:
    source, target = engines("memory"), engines("embedded")
    bucket = await source.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await source.catalog.commit(bucket, Version(key="k", size=3, etag="0" * 31 + "1", blobs=(source.blobs.inline(b"abc"),)))
    with pytest.raises(MigrationError, match="n/b/k version null: 3 bytes with MD5"):
        await Migration(source, target, OPTIONS).run()


async def test_changes_under_a_pass_are_left_or_found_by_the_next(engines: Callable[..., Engine]) -> None:
    """Somebody changes everything while the first pass is at it."""
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    await target.moving.fill("test")
    first = Pass(source, target, lanes=4)
    await asyncio.gather(first.run(), change(source))
    await Pass(source, target, lanes=4).run()
    assert (await Pass(source, target, lanes=4).run()).steps == 0
    assert await all_of(source) == await all_of(target)


FIRST = ("moving.place_document", "moving.place_bucket", "writer.write", "writer.finish", "catalog.commit", "catalog.start_upload",
         "catalog.add_part", "catalog.create_par", "catalog.create_par_upload")  # fmt: skip
THEN = ("registry.delete", "catalog.delete_bucket", "catalog.expunge", "catalog.amend", "catalog.abort_upload", "catalog.delete_par")


@pytest.mark.parametrize("seed", range(4))
async def test_a_pass_that_fails_anywhere_is_done_again(engines: Callable[..., Engine], seed: int) -> None:
    chance = Random(seed)
    source, target = engines("embedded"), engines("memory" if seed % 2 else "embedded")
    await fill(source)
    await target.moving.fill("test")
    failed = 0
    for name in (*FIRST, "change", *THEN):
        if name == "change":
            await Pass(source, target, lanes=4).run()
            await change(source)
            continue
        faults = Faults()
        faults.plan[name] = [None] * chance.randrange(3) + [Unavailable("cut off")]
        try:
            await Pass(source, faulty(target, faults), lanes=4).run()
        except Unavailable:
            failed += 1
    assert failed >= 9
    await Pass(source, target, lanes=4).run()
    assert await all_of(source) == await all_of(target)
