"""Fills buckets through the engine, with no server on the directory: about a million empty objects a minute.

`python -m tests.scale.filling DATA_DIR BUCKET KEYS` fills a bucket that a server made, to try a large one by hand.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from holdfast.engine.embedded import EmbeddedEngine
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version

AT_ONCE = 512
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
NAMESPACE = "default"
PILE, KEYS_A_FOLDER = "pile/", 50


def key(number: int) -> str:
    """Keys in order of their numbers, all below one prefix, KEYS_A_FOLDER to a folder."""
    return f"{PILE}{number // KEYS_A_FOLDER:06d}/{number % KEYS_A_FOLDER:02d}"


def objects(count: int, named: Callable[[int], str] = key) -> Iterable[Version]:
    """Empty objects in order of key."""
    now = time.time_ns() // 1_000_000
    return (Version(key=named(number), modified_ms=now, etag=EMPTY_MD5) for number in range(count))


async def commit_all(engine: EmbeddedEngine, bucket: Bucket, versions: Iterable[Version]) -> None:
    """Commits them in order, AT_ONCE to a group."""
    left = iter(versions)
    while some := list(islice(left, AT_ONCE)):
        await asyncio.gather(*(engine.catalog.commit(bucket, version) for version in some))


async def fill(data_dir: Path, name: str, versions: Iterable[Version]) -> None:
    """Fills the bucket `name` of the store in `data_dir`; makes it where it is not there."""
    engine = EmbeddedEngine.open(data_dir)
    try:
        bucket = await engine.catalog.bucket(NAMESPACE, name)
        if bucket is None:
            bucket = await engine.catalog.create_bucket(Bucket(namespace=NAMESPACE, name=name, region="us-east-1", owner="alice"))
        await commit_all(engine, bucket, versions)
    finally:
        await engine.close()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), sys.argv[2], objects(int(sys.argv[3]))))
