"""Fills a bucket through the engine, with no server on the directory: a million keys in about a minute."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

from bench.workloads import list_key

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from holdfast.engine.embedded.engine import EmbeddedEngine
from holdfast.model.objects import Version

AT_ONCE = 512
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def _namespace(data_dir: Path, bucket: str) -> str:
    """The namespace of the bucket: the engine finds a bucket by both."""
    catalog = sqlite3.connect(data_dir / "catalog.db")
    try:
        return str(catalog.execute("SELECT namespace FROM buckets WHERE name = ?", (bucket,)).fetchone()[0])
    finally:
        catalog.close()


async def _fill(data_dir: Path, name: str, count: int) -> None:
    namespace = _namespace(data_dir, name)
    engine = EmbeddedEngine.open(data_dir)
    try:
        bucket = await engine.catalog.bucket(namespace, name)
        assert bucket, f"no bucket {name}"
        now = time.time_ns() // 1_000_000
        for start in range(0, count, AT_ONCE):
            keys = (list_key(n) for n in range(start, min(start + AT_ONCE, count)))
            new = [Version(key=key, modified_ms=now, etag=EMPTY_MD5, owner=bucket.owner) for key in keys]
            await asyncio.gather(*(engine.catalog.commit(bucket, version) for version in new))
    finally:
        await engine.close()


def fill(data_dir: Path, bucket: str, count: int) -> None:
    """Empty objects with the keys of `list_key(0 .. count-1)`."""
    asyncio.run(_fill(data_dir, bucket, count))
