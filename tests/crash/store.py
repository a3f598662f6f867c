"""A stopped store looked at from outside: its body files, the sweep of strays, and bits turned over in its files."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec
from awscrt.checksums import crc32c

from holdfast.engine.embedded.engine import EmbeddedEngine


def body_files(data_dir: Path) -> list[Path]:
    """Every file under the directory of bodies, finished or not."""
    return sorted(p for p in (data_dir / "blobs").rglob("*") if p.is_file())


def sweep(data_dir: Path) -> int:
    """What the steward does for strays of any age; how many it removed."""

    async def work() -> int:
        engine = EmbeddedEngine.open(data_dir)
        try:
            return await engine.sweep(0)
        finally:
            await engine.close()

    return asyncio.run(work())


@contextlib.contextmanager
def catalog(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The catalog's database, its log copied back first and again at the end, so that `catalog.db` alone holds all."""
    connection = sqlite3.connect(data_dir / "catalog.db", isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def flip(path: Path, needle: bytes) -> int:
    """Turns the lowest bit of the first byte at every place where `needle` stands in the file; how many places."""
    data = bytearray(path.read_bytes())
    places, at = 0, data.find(needle)
    while at >= 0:
        data[at] ^= 1
        places += 1
        at = data.find(needle, at + 1)
    path.write_bytes(data)
    return places


def forge_inline_body(data_dir: Path, key: str) -> bytes:
    """Turns a bit of an inline body and makes every checksum above it right again; the forged body."""
    with catalog(data_dir) as db:
        columns = "bucket_id, inline_id, row_check, doc, extents"
        bucket, inline_id, row_check, doc, extents = db.execute(f"SELECT {columns} FROM current WHERE key = ?", (key,)).fetchone()
        body: bytes
        ((body,),) = db.execute("SELECT data FROM inline WHERE id = ?", (inline_id,)).fetchall()
        forged = bytes([body[0] ^ 1]) + body[1:]
        ((blob, size, _check),) = msgspec.msgpack.decode(extents)
        packed = msgspec.msgpack.encode(((blob, size, crc32c(forged)),))
        db.execute("UPDATE inline SET data = ? WHERE id = ?", (forged, inline_id))
        change = "UPDATE current SET extents = ?, doc_check = ? WHERE bucket_id = ? AND key = ?"
        db.execute(change, (packed, crc32(packed, crc32(doc, row_check)), bucket, key))
    return forged
