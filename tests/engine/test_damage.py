"""Flipped bits: what is read is what was written, or it is refused. Each with its control: without the check, wrong data comes out."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import apsw
import msgspec
import pytest

from holdfast.engine.api import Damaged, EngineError, ListQuery
from holdfast.engine.embedded import EmbeddedEngine, files, rows
from holdfast.model.buckets import Bucket
from holdfast.model.pars import Par
from tests.engine.conftest import INLINE
from tests.engine.stored import body, put

SOAK = os.environ.get("HOLDFAST_SOAK") == "1"
BODIES = {f"key-{number:02d}": bytes([number]) * (200 + number * 3) for number in range(40)} | {"file": b"f" * 200_000}
PARS = [
    Par(id=f"{number}" * 32, bucket_id=1, namespace="n", bucket="b", name="n" * 100, access="ObjectRead", target=f"key-{number}",
        creator="u" * 80, created_ms=1, expires_ms=number, digest=bytes([number]) * 32)
    for number in range(40)
]  # fmt: skip


async def fill(path: Path) -> Bucket:
    engine = EmbeddedEngine.open(path, inline_bytes_max=INLINE)
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    for key, content in BODIES.items():
        await put(engine, bucket, key, content)
    for number in range(10):
        await put(engine, bucket, f"key-{number:02d}", BODIES[f"key-{number:02d}"], version_id="v1")
    for request in PARS:
        await engine.catalog.create_par(msgspec.structs.replace(request, bucket_id=bucket.id))
    await engine.close()
    return bucket


async def read_all(path: Path, bucket: Bucket) -> tuple[int, int]:
    """(right answers, refusals) of everything in the store. Fails when an answer is wrong."""
    right = refused = 0
    try:
        engine = EmbeddedEngine.open(path, inline_bytes_max=INLINE)
    except EngineError:
        return 0, 1
    try:
        for key, content in BODIES.items():
            try:
                version = await engine.catalog.version(bucket.id, key)
                if version is not None:
                    assert (version.size, version.etag, version.owner) == (len(content), f"e{len(content)}", "alice")
                    assert await body(engine, bucket, key) == content
                    right += 1
            except EngineError:
                refused += 1
        for request in PARS:
            try:
                found = await engine.catalog.par_of_token(request.digest)
                if found is not None:
                    assert msgspec.structs.replace(found, number=0) == msgspec.structs.replace(request, bucket_id=bucket.id)
                    right += 1
            except EngineError:
                refused += 1
        try:
            page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, versions=True))
            for entry in page.entries:
                assert (entry.size, entry.etag) == (len(BODIES[entry.key]), f"e{entry.size}")
        except EngineError:
            refused += 1
    finally:
        await engine.close()
    return right, refused


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))


def test_a_flipped_bit_of_the_database_never_gives_wrong_data(tmp_path: Path) -> None:
    bucket = asyncio.run(fill(tmp_path))
    database = tmp_path / "catalog.db"
    sound = database.read_bytes()
    chance = random.Random(7)
    noticed = 0
    for _ in range(2000 if SOAK else 60):
        database.write_bytes(sound)
        for leftover in ("catalog.db-wal", "catalog.db-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)
        flip(database, chance.randrange(8 * 100, len(sound) * 8))
        noticed += asyncio.run(read_all(tmp_path, bucket))[1] > 0
    assert noticed > 5


async def test_every_column_of_a_row_is_covered(tmp_path: Path) -> None:
    bucket = await fill(tmp_path)
    database = apsw.Connection(str(tmp_path / "catalog.db"))
    changes = {
        "version_id": "'other'",
        "modified_ms": "modified_ms + 1",
        "size": "size + 1",
        "etag": "'z'",
        "storage_class": "'COLD'",
        "owner": "'mallory'",
        "checksum": "'x'",
        "seq": "seq + 1000000",
        "row_check": "row_check + 1",
        "is_delete_marker": "1",
        "doc_check": "doc_check + 1",
        "doc": "x'80'",
        "extents": "x'90'",
        "inline_id": "(SELECT inline_id FROM current WHERE key = 'key-31')",
        "key": "'moved'",
        "bucket_id": "bucket_id + 1",
    }
    columns = [row[1] for row in database.execute("PRAGMA table_info(current)")]
    assert sorted(columns) == sorted(changes)
    for column, value in changes.items():
        engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=INLINE)  # a new one remembers nothing
        database.execute("SAVEPOINT before")
        database.execute("CREATE TEMP TABLE kept AS SELECT * FROM current WHERE key = 'key-30'")
        database.execute(f"UPDATE current SET {column} = {value} WHERE key = 'key-30'")
        database.execute("RELEASE before")
        bucket_id, key = (bucket.id + 1, "key-30") if column == "bucket_id" else (bucket.id, "moved" if column == "key" else "key-30")
        with pytest.raises(Damaged):
            await engine.catalog.version(bucket_id, key, body=True)
        if column not in ("doc_check", "doc", "extents", "inline_id", "is_delete_marker"):
            with pytest.raises(Damaged):
                await engine.catalog.list(ListQuery(bucket_id=bucket_id))
        assert (await engine.scrub(10_000))[0], column
        database.execute("DELETE FROM current WHERE key IN ('key-30', 'moved')")
        database.execute("INSERT INTO current SELECT * FROM kept")
        database.execute("DROP TABLE kept")
        assert await body(engine, bucket, "key-30") == BODIES["key-30"]
        await engine.close()


async def test_a_flipped_bit_of_a_file_is_never_given(tmp_path: Path) -> None:
    bucket = await fill(tmp_path)
    engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=INLINE)
    (path,) = (found for found in (tmp_path / "blobs").glob("*/*"))
    assert path.stat().st_size == files.file_bytes(200_000)
    chance = random.Random(3)
    for place in [*range(199_990, path.stat().st_size), *[chance.randrange(200_000) for _ in range(40)]]:
        flip(path, place * 8 + chance.randrange(8))
        with pytest.raises(Damaged):
            await body(engine, bucket, "file")
        assert any("blob" in line for line in (await engine.scrub(10_000))[0])
        path.write_bytes(path.read_bytes())
        undo(path)
    assert await body(engine, bucket, "file") == b"f" * 200_000
    half = path.read_bytes()[:100_000]
    path.write_bytes(half)
    with pytest.raises(Damaged):
        await body(engine, bucket, "file")
    await engine.close()


def undo(path: Path) -> None:
    """Writes the file of 200,000 b"f" anew."""
    checks = files.BlockChecks(bytes.fromhex(path.name))
    checks.add(b"f" * 200_000)
    path.write_bytes(b"f" * 200_000 + files.tail(checks.finish(), 200_000))


async def test_a_range_beside_the_damage_is_given(tmp_path: Path) -> None:
    bucket = await fill(tmp_path)
    engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=INLINE)
    (path,) = (found for found in (tmp_path / "blobs").glob("*/*"))
    flip(path, 150_000 * 8)
    assert await body(engine, bucket, "file", None, 0, 100_000) == b"f" * 100_000
    with pytest.raises(Damaged):
        await body(engine, bucket, "file", None, 140_000, 10)
    await engine.close()


async def test_blocks_that_change_places_are_noticed(tmp_path: Path) -> None:
    bucket = await fill(tmp_path)
    engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=INLINE)
    await put(engine, bucket, "other", bytes(200_000))
    one, two = (found for found in (tmp_path / "blobs").glob("*/*"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    for key in ("file", "other"):
        with pytest.raises(Damaged):
            await body(engine, bucket, key)
    await engine.close()


async def test_control_without_the_checks_wrong_data_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: the same flips with the checks left out are not noticed."""
    bucket = await fill(tmp_path)
    engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=INLINE)
    (path,) = (found for found in (tmp_path / "blobs").glob("*/*"))
    flip(path, 150_000 * 8)
    database = apsw.Connection(str(tmp_path / "catalog.db"))
    database.execute("UPDATE current SET owner = 'mallory' WHERE key = 'key-30'")
    database.execute("UPDATE inline SET data = zeroblob(length(data)) WHERE id = (SELECT inline_id FROM current WHERE key = 'key-31')")
    for key in ("file", "key-30", "key-31"):
        with pytest.raises(Damaged):
            await body(engine, bucket, key)
    monkeypatch.setattr(files, "verify", lambda *_: None)
    monkeypatch.setattr(rows, "crc32c", lambda data: rows.extents_of(row)[0][2])
    row = database.execute(f"SELECT {rows.FULL} FROM current WHERE key = 'key-31'").fetchall()[0]
    assert await body(engine, bucket, "file") != BODIES["file"]
    assert (await engine.catalog.version(bucket.id, "key-31", body=True)).blobs[0].inline != BODIES["key-31"]  # type: ignore[union-attr]
    row = database.execute(f"SELECT {rows.FULL} FROM current WHERE key = 'key-30'").fetchall()[0]
    database.execute("UPDATE current SET row_check = ? WHERE key = 'key-30'", (rows.row_check(bucket.id, 0, row[:9]),))
    (entry,) = (await engine.catalog.list(ListQuery(bucket_id=bucket.id, prefix="key-30"))).entries
    assert entry.owner == "mallory"
    await engine.close()
