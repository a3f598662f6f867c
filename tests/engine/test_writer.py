"""The committing thread answers every step, whatever happens to it."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from holdfast.engine.api import Unavailable
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.embedded.writer import Writer
from holdfast.model.buckets import Bucket
from tests.engine.stored import body, put


async def test_a_commit_that_finds_no_memory_is_refused_and_the_next_one_works(embedded: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's "out of memory" is a MemoryError, no error of SQLite's: the thread must not end with it, or every write would wait forever."""
    bucket = await embedded.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))

    def no_memory(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_transaction", no_memory)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(put(embedded, bucket, "k"), 5)
    await asyncio.wait_for(put(embedded, bucket, "k"), 5)
    assert await body(embedded, bucket, "k") == b"x"


async def test_a_file_system_that_says_nothing_of_its_room_stops_no_thread(embedded: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = await embedded.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice"))

    def no_answer(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    await put(embedded, bucket, "old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", no_answer)
        await asyncio.sleep(0.02)
        await asyncio.wait_for(embedded.catalog.expunge(bucket, "old", "null"), 5)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(put(embedded, bucket, "k"), 5)
    await asyncio.wait_for(put(embedded, bucket, "k"), 5)
    assert await body(embedded, bucket, "k") == b"x"
