"""Versions that a process remembers: every change by any process is seen at once, also after a writer that died on the way; memory is bounded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdfast.engine.api import ANYTHING
from holdfast.engine.embedded import EmbeddedEngine, recent
from holdfast.engine.embedded.generation import Generation, key_cell
from holdfast.engine.embedded.recent import Recent
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Facts, PartFact, Version
from tests.engine.stored import body, mark, put


async def test_what_another_process_changes_is_seen_at_once(tmp_path: Path) -> None:
    one, two = EmbeddedEngine.open(tmp_path), EmbeddedEngine.open(tmp_path)
    bucket = await one.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    for number in range(40):
        writer, reader = (one, two)[number % 2], (one, two)[1 - number % 2]
        done = await put(writer, bucket, "k", b"%d" % number)
        for _ in range(2):
            assert await body(reader, bucket, "k") == b"%d" % number
        head = await reader.catalog.version(bucket.id, "k")
        assert head is not None and head.blobs == ()
        assert done.version is not None
        facts = msgspec.structs.replace(done.version.facts, content_type=str(number))
        await writer.catalog.amend(bucket, "k", None, facts, ANYTHING)
        for with_body in (True, False):
            found = await reader.catalog.version(bucket.id, "k", body=with_body)
            assert found is not None and found.facts.content_type == str(number)
        if number % 4 == 1:
            await writer.catalog.expunge(bucket, "k", "null")
            assert await reader.catalog.version(bucket.id, "k", body=True) is None
        elif number % 4 == 2:
            await mark(writer, bucket, "k", f"m{number}")
            marker = await reader.catalog.version(bucket.id, "k", body=True)
            assert marker is not None and marker.is_delete_marker
            await writer.catalog.expunge(bucket, "k", f"m{number}")
    await one.close()
    await two.close()


async def test_an_older_version_by_its_id_is_not_the_remembered_latest(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path)
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await put(engine, bucket, "k", b"old", version_id="v1")
    assert await body(engine, bucket, "k") == b"old"
    await put(engine, bucket, "k", b"new", version_id="v2")
    for _ in range(2):
        assert (await body(engine, bucket, "k"), await body(engine, bucket, "k", "v2"), await body(engine, bucket, "k", "v1")) == (
            b"new",
            b"new",
            b"old",
        )
    older = await engine.catalog.version(bucket.id, "k", "v1")
    assert older is not None and not older.is_latest
    await engine.close()


async def test_a_writer_that_died_around_its_commit_leaves_nothing_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = EmbeddedEngine.open(tmp_path), EmbeddedEngine.open(tmp_path)
    bucket = await one.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await put(one, bucket, "k", b"1")
    assert await body(two, bucket, "k") == b"1"
    with monkeypatch.context() as patched:
        patched.setattr(Generation, "end_keys", lambda self, cells: None)  # dies after COMMIT
        await put(one, bucket, "k", b"2")
    shared = Generation(tmp_path / "catalog.generation")
    cell = key_cell(bucket.id, "k")
    assert shared.keys[cell] & 1
    assert await body(two, bucket, "k") == b"2"
    with monkeypatch.context() as patched:
        patched.setattr(Generation, "begin_keys", lambda self, cells: None)  # the control: without the counter, what is remembered would stand
        patched.setattr(Generation, "end_keys", lambda self, cells: None)
        await put(one, bucket, "k", b"3")
    assert await body(two, bucket, "k") == b"3"  # odd: nothing had been remembered
    await put(one, bucket, "k", b"4")
    assert not shared.keys[cell] & 1
    assert await body(two, bucket, "k") == b"4"
    with monkeypatch.context() as patched:
        patched.setattr(Generation, "begin_keys", lambda self, cells: None)
        patched.setattr(Generation, "end_keys", lambda self, cells: None)
        await put(one, bucket, "k", b"5")
    assert await body(two, bucket, "k") == b"4", "the memory is not used, so this test proves nothing"
    shared.close()
    await one.close()
    await two.close()


def test_memory_is_bounded_and_keeps_what_is_asked_for() -> None:
    remembered = Recent(1 << 20)
    for number in range(2000):
        data = bytes(1000)
        remembered.put((1, f"k{number}", True), (0, Version(key=f"k{number}", blobs=(Blob(b"", len(data), 0, data),))))
        assert (remembered.get((1, "k0", True)) or remembered.older((1, "k0", True))) is not None, number
    kept = [n for n in range(2000) if remembered.get((1, f"k{n}", True)) or remembered.older((1, f"k{n}", True))]
    assert len(kept) * (1000 + recent._ENTRY_BYTES) <= 1 << 20
    assert 1999 in kept and 1000 not in kept
    large = Version(key="large", blobs=(Blob(b"", 1 << 20, 0, bytes(1 << 20)),))
    remembered.put((1, "large", True), (0, large))
    assert remembered.get((1, "large", True)) is None


def test_many_facts_count_towards_the_bound() -> None:
    """A version of thousands of parts that was looked at without its body weighs megabytes, not kilobytes."""
    memory = Recent(1 << 20)
    large = Facts(parts=tuple(PartFact(number, 5 << 20, f"{number:032x}") for number in range(1, 1001)))
    ordinary = Facts(metadata={"a": "b" * 1500})
    for number in range(1000):
        memory.put((1, f"l{number}", False), (0, Version(key="l", facts=large)))
        memory.put((1, f"o{number}", False), (0, Version(key="o", facts=ordinary)))
    kept = [entry[1] for half in (memory._new, memory._old) for entry in half.values()]
    assert len(kept) > 100 and all(version.facts is ordinary for version in kept)
